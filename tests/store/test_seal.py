"""A sealed value opens in its own place, with its own key, unchanged; nowhere else."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from bot.store import Tx
from bot.store.seal import STEP, bound, pack, seal, unpack, unseal
from tests.test_jsons import VALUES

from .conftest import write

if TYPE_CHECKING:
    from .conftest import House

BOX = AESGCM(b"k" * 32)
ids = st.binary(min_size=16, max_size=16)
tables = st.sampled_from(["people", "entries", "drafts", "timers", "outbox"])
places = st.tuples(tables, ids, ids | st.just(b""))


@given(VALUES, places)
def test_a_value_comes_back(value: object, place: tuple[str, bytes, bytes]) -> None:
    sealed = seal(BOX, pack(value), bound(*place))
    assert unpack(unseal(BOX, sealed, bound(*place))) == value


@given(st.binary(max_size=80), places, st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_byte_is_refused(
    plain: bytes, place: tuple[str, bytes, bytes], where: int, change: int
) -> None:
    sealed = bytearray(seal(BOX, plain, bound(*place)))
    sealed[where % len(sealed)] ^= change
    with pytest.raises(ValueError, match="sealed value"):
        unseal(BOX, bytes(sealed), bound(*place))


@given(st.binary(max_size=80), places, places)
def test_a_moved_value_is_refused(
    plain: bytes, place: tuple[str, bytes, bytes], other: tuple[str, bytes, bytes]
) -> None:
    sealed = seal(BOX, plain, bound(*place))
    if place == other:
        assert unseal(BOX, sealed, bound(*other)) == plain
    else:
        with pytest.raises(ValueError, match="sealed value"):
            unseal(BOX, sealed, bound(*other))


@given(st.binary(max_size=80), st.integers(min_value=0, max_value=200))
def test_a_shortened_value_is_refused(plain: bytes, left: int) -> None:
    sealed = seal(BOX, plain, b"place")
    with pytest.raises(ValueError, match="sealed value"):
        unseal(BOX, sealed[: min(left, len(sealed) - 1)], b"place")


def test_another_key_does_not_open() -> None:
    with pytest.raises(ValueError, match="not with this key"):
        unseal(AESGCM(os.urandom(32)), seal(BOX, b"plain", b"place"), b"place")


def test_the_same_value_never_looks_the_same() -> None:
    assert len({seal(BOX, b"plain", b"place") for _ in range(1000)}) == 1000


def test_the_length_does_not_tell_which_word() -> None:
    lengths = {len(pack({"tier": tier})) for tier in ("hard", "soft", "control", "third")}
    assert lengths == {STEP}


@pytest.mark.parametrize(
    "swap",
    [
        "UPDATE people SET sealed = (SELECT sealed FROM people AS o WHERE o.id <> people.id)",
        "UPDATE people SET sealed = (SELECT sealed FROM sessions WHERE person = people.id)",
        "UPDATE sessions SET sealed = (SELECT sealed FROM people WHERE id = sessions.person)",
        """
        UPDATE sessions
        SET sealed = (SELECT sealed FROM sessions AS o WHERE o.person <> sessions.person)
        """,
        """
        UPDATE keys
        SET wrapped = (
          SELECT wrapped FROM keys AS o WHERE o.owner <> keys.owner AND length(o.owner) = 16
        )
        WHERE length(owner) = 16
        """,
    ],
)
async def test_rows_exchanged_on_the_disk_do_not_open(house: House, swap: str) -> None:
    store = await house.open()
    now = house.clock.now()
    for chat in (1, 2):
        person = await write(store, Tx.add_person, chat, now)
        await write(store, Tx.save_session, person.id, {"of": person.id}, now)
    await house.close(store)
    connection = sqlite3.connect(house.database)
    connection.execute(swap)
    connection.commit()
    connection.close()
    store = await house.open()
    with pytest.raises(ValueError, match="sealed value"):
        await store.read(lambda tx: tx.load(1))
