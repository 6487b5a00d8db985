"""A new master key: one key opens everything, whenever the change was cut short."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import Misconfigured
from bot.store import (
    MasterKey,
    Person,
    backup,
    keyfile,
    load_master,
    new_key,
    open_store,
    restore,
    rotate,
)
from bot.store.opening import next_file

if TYPE_CHECKING:
    from .conftest import Hands, House

ROOT = Path(__file__).parents[2]


async def furnish(house: House) -> Person:
    store = await house.open()
    now = house.clock.now()
    person = await store.write(lambda tx: tx.add_person(7, now))
    await store.write(lambda tx: tx.save_session(person.id, {"a": 1}, now))
    await store.write(lambda tx: tx.set_meta("a", "b"))
    await backup(store, house.folder / "copies" / "one.db")
    await house.close(store)
    return person


async def opens(house: House, person: Person) -> None:
    store = await house.open()
    assert await store.read(lambda tx: tx.load(7)) == (person, {"a": 1})
    assert await store.read(lambda tx: tx.meta("a")) == "b"
    await house.close(store)
    assert not next_file(house.key_file).exists()
    # The keys file beside the backup opens with the same key.
    keys = keyfile.read(house.folder / "copies" / "one.db.keys")
    assert keys
    for owner, wrapped in keys.keys.items():
        assert house.master.unwrap(owner, wrapped)


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(database) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = {t: connection.execute(f"SELECT * FROM {t}").fetchall() for (t,) in tables}  # noqa: S608
    connection.close()
    return found


async def test_a_rotation_writes_keys_and_nothing_else(house: House) -> None:
    person = await furnish(house)
    old, before = house.master, rows(house.database)
    said: list[str] = []
    rotate(house.database, old, house.clock, say=said.append)
    after = rows(house.database)
    old_keys = dict(before.pop("keys"))
    new_keys = dict(after.pop("keys"))
    assert after == before
    assert old_keys.keys() == new_keys.keys()
    assert not set(old_keys.values()) & set(new_keys.values())
    assert house.master.secret != old.secret
    assert house.key_file.stat().st_mode & 0o777 == 0o600
    assert str(house.key_file) in said[0]
    assert house.master.text not in said[0]
    everywhere = house.bytes_everywhere()
    for wrapped in old_keys.values():
        assert wrapped not in everywhere
        assert wrapped.hex().encode() not in everywhere
    await opens(house, person)
    with pytest.raises(Misconfigured, match="does not open"):
        await open_store(house.database, MasterKey(old.secret), house.clock)


async def test_the_new_key_of_the_environment_is_shown_first(house: House) -> None:
    person = await furnish(house)
    old = MasterKey(house.master.secret)
    house.key_file.unlink()
    said: list[str] = []
    reached: list[str] = []

    def at(point: str) -> None:
        assert said[1].startswith("BOT_MASTER_KEY=")
        reached.append(point)

    rotate(house.database, old, house.clock, say=said.append, at=at)
    assert reached == ["announced", "rewrapped", "committed", "renamed", "cleared"]
    key = said[1].partition("=")[2]
    house.key_file.write_text(key)
    house.key_file.chmod(0o600)
    await opens(house, person)


@pytest.mark.parametrize(
    "point", ["announced", "rewrapped", "committed", "renamed", "cleared", "never"]
)
async def test_a_kill_at_any_point_leaves_one_key_that_opens(house: House, point: str) -> None:
    person = await furnish(house)
    old = house.master
    done = subprocess.run(  # noqa: ASYNC221 - the test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.store.killed", "rotate", point, str(house.folder), "-"],
        cwd=ROOT,
        check=False,
        timeout=20,
        capture_output=True,
    )
    assert done.returncode == (0 if point == "never" else -signal.SIGKILL)
    await opens(house, person)
    assert (house.master.secret == old.secret) == (point in {"announced", "rewrapped"})
    # And again: nothing of the first attempt is in the way of a second.
    rotate(house.database, house.master, house.clock, say=lambda _: None)
    await opens(house, person)


@pytest.mark.parametrize("point", ["announced", "rewrapped", "committed", "cleared"])
async def test_the_same_with_the_key_in_the_environment(house: House, point: str) -> None:
    person = await furnish(house)
    old = house.master.text
    house.key_file.unlink()
    done = subprocess.run(  # noqa: ASYNC221 - the test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.store.killed", "rotate", point, str(house.folder), "-"],
        cwd=ROOT,
        env={"BOT_MASTER_KEY": old},
        check=False,
        timeout=20,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL
    shown = done.stdout.splitlines()[1].removeprefix("BOT_MASTER_KEY=")
    right, wrong = (shown, old) if point in {"committed", "cleared"} else (old, shown)
    with pytest.raises(Misconfigured, match="BOT_MASTER_KEY does not open"):
        await open_store(
            house.database,
            load_master(env=wrong, file=None, database_is_new=False),
            house.clock,
        )
    house.key_file.write_text(right)
    house.key_file.chmod(0o600)
    await opens(house, person)


async def test_a_restore_finishes_a_rotation_that_was_cut_short(house: House) -> None:
    person = await furnish(house)
    old = house.master
    subprocess.run(  # noqa: ASYNC221 - the test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.store.killed", "rotate", "committed", str(house.folder), "-"],
        cwd=ROOT,
        check=False,
        timeout=20,
        capture_output=True,
    )
    copy = house.folder / "copies" / "one.db"
    assert restore(house.database, copy, old, house.clock) == 1
    assert house.master.secret != old.secret
    await opens(house, person)


async def test_a_strange_next_file_is_not_taken(house: House, clock: Hands) -> None:
    await furnish(house)
    next_file(house.key_file).write_text(new_key())
    next_file(house.key_file).chmod(0o600)
    right = house.key_file.read_text()
    house.key_file.write_text(new_key())
    with pytest.raises(Misconfigured, match="does not open"):
        await open_store(house.database, house.master, clock)
    assert next_file(house.key_file).exists()
    house.key_file.write_text(right)
    await house.open()
    assert not next_file(house.key_file).exists()


async def test_there_must_be_a_database(house: House, clock: Hands) -> None:
    with pytest.raises(Misconfigured, match="no database"):
        rotate(house.database, house.master, clock)
    assert not house.database.exists()


async def test_a_damaged_key_stops_it_before_anything_changed(house: House) -> None:
    person = await furnish(house)
    old = house.master
    with sqlite3.connect(house.database) as connection:
        connection.execute("INSERT INTO keys VALUES (x'0102', x'0102')")
    connection.close()
    with pytest.raises(Misconfigured, match="nothing was changed"):
        rotate(house.database, old, house.clock)
    with sqlite3.connect(house.database) as connection:
        connection.execute("DELETE FROM keys WHERE owner = x'0102'")
    connection.close()
    await opens(house, person)
    assert house.master.secret == old.secret
