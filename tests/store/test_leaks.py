"""Whoever takes the files finds nothing in them: no word, no Telegram id in any spelling."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest

from bot.store import Consent, Draft, Entry, Event, Lane, Tx, Word, backup, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import House

CHAT, MESSAGE, GROUP = 7_234_567_890_123, 812_345_678_901, -1_001_987_654_321
MARKERS = ["zanzibar", "quagmire", "no-future", "Europe/Prague", "checkin", "hard", "REPLYTEXT"]


def spellings(number: int) -> Iterator[bytes]:
    text = str(abs(number)).encode()
    yield text
    size = (abs(number).bit_length() + 8) // 8
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        # The shortest form is in every longer one.
        raw = abs(number).to_bytes(size, order).strip(b"\0")
        signed = number.to_bytes(size, order, signed=True)
        yield from (raw, signed, raw.hex().encode(), raw.hex().upper().encode())
        yield base64.b64encode(raw).rstrip(b"=")
    yield f"{abs(number):x}".encode()
    yield from base64_anywhere(text)


def base64_anywhere(text: bytes) -> Iterator[bytes]:
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text)
        # The first and last characters also carry bits of what stands beside the text.
        yield coded[(shift * 8 + 5) // 6 : len(text) * 8 // 6]


def found_in(content: bytes) -> list[bytes]:
    needles = [s for number in (CHAT, MESSAGE, GROUP) for s in spellings(number)]
    for marker in MARKERS:
        needles += [marker.encode(), marker.encode("utf-16-le"), marker.encode().hex().encode()]
        if len(marker) > 5:
            needles += base64_anywhere(marker.encode())
    return [needle for needle in needles if needle in content]


def test_the_search_finds_what_it_should() -> None:
    for number in (CHAT, MESSAGE, GROUP):
        for content in (str(number).encode(), number.to_bytes(8, "big", signed=True)):
            assert found_in(b"..." + content + b"...")
            assert found_in(base64.b64encode(b"..." + str(number).encode() + b"..."))
    assert found_in(base64.b64encode(b"....zanzibar...."))


def live_a_little(tx: Tx, house: House) -> str:
    now = house.clock.now()
    person = tx.add_person(CHAT, now)
    person = replace(
        person,
        zone="Europe/Prague",
        consents=(Consent("quagmire", now),),
        words=(Word("zanzibar", "quagmire"),),
        said={"zanzibar": True},
    )
    tx.save_person(person)
    tx.save_session(person.id, {"zanzibar": MESSAGE}, now)
    fields = {"body": "zanzibar", "n": MESSAGE}
    tx.save_entry(person.id, Entry("quagmire", "checkin", now, now, None, fields))
    tx.save_draft(person.id, Draft("zanzibar", "quagmire", now, {"chat": CHAT}))
    tx.add_event(person.id, Event("zanzibar", now, "hard", "no-future"))
    tx.set_timer(person.id, now, "checkin", "zanzibar", {"quagmire": CHAT})
    tx.saw(person.id, MESSAGE, now)
    call = {"kind": "send", "text": "REPLYTEXT"}
    kept = tx.queue(person.id, CHAT, Lane.REPLY, call, now=now)
    gone = tx.queue(person.id, CHAT, Lane.REPLY, call, now=now)
    tx.queue(None, GROUP, Lane.REPLY, call, now=now)
    tx.delivered(gone.id, MESSAGE, now)
    tx.refused(kept.id, "quagmire")
    update = f'{{"chat":{CHAT},"message_id":{MESSAGE},"text":"zanzibar"}}'.encode()
    one, two, three, _four = tx.take_in([(n, update) for n in range(4)], now)
    tx.done_in(one.number)
    tx.set_aside(two.number, "zanzibar")
    tx.set_aside(three.number, "quagmire", person.id)
    tx.tell(GROUP, "zanzibar", now)
    tx.tell(CHAT, "zanzibar", now)
    tx.set_meta("name", "quagmire")
    return person.id


async def test_no_file_says_anything(house: House) -> None:
    store = await house.open()
    person = await store.write(lambda tx: live_a_little(tx, house))
    assert (house.folder / "data" / "bot.db-wal").stat().st_size > 0
    assert found_in(house.bytes_everywhere()) == []  # open, with a WAL file beside it
    copy = await backup(store, house.folder / "one.db")
    assert found_in(house.bytes_everywhere()) == []
    await store.write(lambda tx: tx.delete_person(person))
    assert found_in(house.bytes_everywhere()) == []
    await house.close(store)
    assert found_in(house.bytes_everywhere()) == []
    restore(house.database, copy, house.master, house.clock)
    assert found_in(house.bytes_everywhere()) == []


async def test_no_log_line_says_anything(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    store = await house.open()
    person = await store.write(lambda tx: live_a_little(tx, house))
    await store.write(lambda tx: tx.delete_person(person))
    assert found_in(caplog.text.encode()) == []


async def test_what_was_sealed_is_gone_from_the_database_after_delete(house: House) -> None:
    store = await house.open()
    person = await store.write(lambda tx: live_a_little(tx, house))

    def sealed(tx: Tx) -> list[bytes]:
        tables = ("people", "sessions", "entries", "drafts", "events", "timers", "sightings")
        return [
            row[0]
            for t in tables
            for row in tx._execute(f"SELECT sealed FROM {t}").fetchall()  # noqa: S608
        ]

    before = await store.read(sealed)
    assert len(before) == 7
    await store.write(lambda tx: tx.delete_person(person))
    everywhere = house.bytes_everywhere()
    for value in before:
        assert value not in everywhere
        assert value[:32] not in everywhere
