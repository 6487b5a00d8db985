"""Copies carry no keys; a restore brings back rows of any age, and nobody who was forgotten."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import Misconfigured
from bot.store import (
    Entry,
    Lane,
    Person,
    Store,
    Tx,
    backup,
    keyfile,
    new_id,
    newest_nightly,
    nightly,
    nightly_folder,
    restore,
)
from bot.store.opening import fact, live_keys

from .conftest import write

if TYPE_CHECKING:
    from .conftest import Hands, House

ROOT = Path(__file__).parents[2]


async def arrive(store: Store, clock: Hands, chat: int) -> Person:
    now = clock.now()

    def write(tx: Tx) -> Person:
        person = tx.add_person(chat, now)
        body = {"body": f"words of {chat}"}
        tx.save_entry(person.id, Entry(new_id(), "trigger", now, now, None, body))
        tx.save_session(person.id, {"of": chat}, now)
        tx.set_timer(person.id, now, "checkin", "x")
        return person

    return await store.write(write)


async def wrapped(store: Store, person: Person) -> bytes:
    return (await store.direct(live_keys))[bytes.fromhex(person.id)]


async def chats(store: Store) -> dict[int, list[str]]:
    def look(tx: Tx) -> dict[int, list[str]]:
        found = [tx.person_by_chat(chat) for chat in range(10)]
        return {p.chat: [e.fields["body"] for e in tx.entries(p.id)] for p in found if p}

    return await store.read(look)


def words(*chats: int) -> dict[int, list[str]]:
    return {chat: [f"words of {chat}"] for chat in chats}


async def test_a_copy_has_the_rows_and_no_keys(house: House, clock: Hands) -> None:
    store = await house.open()
    people = [await arrive(store, clock, chat) for chat in range(3)]
    await store.write(lambda tx: tx.take_in([(1, b"x")], clock.now()))
    await store.write(lambda tx: tx.queue(None, 9, Lane.REPLY, {}, now=clock.now()))
    keys = await store.direct(live_keys)
    file = await backup(store, house.folder / "copies" / "one.db")
    assert sorted(path.name for path in file.parent.iterdir()) == ["one.db", "one.db.keys"]
    for path in file.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert not any(key in content for key in keys.values())
    assert str(house.folder).encode() not in content
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    count = "SELECT (SELECT COUNT(*) FROM people), (SELECT COUNT(*) FROM keys)"
    assert connection.execute(count).fetchone() == (3, 0)
    passing = "SELECT (SELECT COUNT(*) FROM inbox), (SELECT COUNT(*) FROM outbox)"
    assert connection.execute(passing).fetchone() == (0, 0)
    connection.close()
    kept = keyfile.read(keyfile.name_for(file))
    assert kept
    assert kept.keys == keys
    assert len(keys) == 2 + len(people)


async def test_a_copy_comes_back(house: House, clock: Hands) -> None:
    store = await house.open()
    for chat in (1, 2):
        await arrive(store, clock, chat)
    file = await backup(store, house.folder / "one.db")
    await arrive(store, clock, 3)
    await house.close(store)
    assert restore(house.database, file, house.master, clock) == 2
    store = await house.open()
    assert await chats(store) == words(1, 2)
    assert len(await store.direct(live_keys)) == 4
    await arrive(store, clock, 3)
    assert await chats(store) == words(1, 2, 3)


async def test_whoever_was_forgotten_since_does_not_come_back(house: House, clock: Hands) -> None:
    store = await house.open()
    stays, goes = await arrive(store, clock, 1), await arrive(store, clock, 2)
    key, kept_key = await wrapped(store, goes), await wrapped(store, stays)
    old = await backup(store, house.folder / "monday.db")
    new = await backup(store, house.folder / "elsewhere" / "tuesday.db")
    assert key.hex().encode() in house.bytes_everywhere()
    await store.write(lambda tx: tx.delete_person(goes.id))
    # The bot still runs: neither the WAL nor the keys file nor any copy opens for them.
    everywhere = house.bytes_everywhere()
    for form in (key, key.hex().encode()):
        assert form not in everywhere
    assert kept_key in everywhere
    assert kept_key.hex().encode() in everywhere
    assert bytes.fromhex(goes.id) not in house.database.read_bytes()
    await house.close(store)
    for file in (old, new):
        assert restore(house.database, file, house.master, clock) == 1
        content = house.database.read_bytes()
        assert bytes.fromhex(goes.id) not in content
        assert bytes.fromhex(stays.id) in content
        store = await house.open()
        assert await chats(store) == words(1)
        assert await store.read(lambda tx: tx.any_due(clock.now()))
        assert await store.read(lambda tx: tx.person(goes.id)) is None
        await house.close(store)


async def test_there_is_one_keys_file(house: House, clock: Hands) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    one = await backup(store, house.folder / "a" / "one.db")
    two = await backup(store, house.folder / "a" / "two.db")
    stray = keyfile.name_for(house.folder / "b" / "stray.db")
    stray.parent.mkdir()
    shutil.copy(keyfile.name_for(two), stray)
    foreign = house.folder / "b" / "foreign.db.keys"
    foreign.write_bytes(keyfile.KeysFile("someone else's", 0, {}).content)
    three = await backup(store, house.folder / "b" / "three.db")
    assert one.exists()
    assert two.exists()
    assert sorted(house.folder.rglob("*.keys")) == [foreign, keyfile.name_for(three)]


async def test_a_keys_file_that_was_away_is_met_at_the_next_start(
    house: House, clock: Hands
) -> None:
    store = await house.open()
    person = await arrive(store, clock, 1)
    file = await backup(store, house.folder / "disk" / "one.db")
    away = house.folder.parent / f"{house.folder.name}-away"
    file.parent.rename(away)
    await store.write(lambda tx: tx.delete_person(person.id))
    await house.close(store)
    away.rename(file.parent)
    keys = keyfile.read(keyfile.name_for(file))
    assert keys
    assert bytes.fromhex(person.id) in keys.keys
    store = await house.open()
    keys = keyfile.read(keyfile.name_for(file))
    assert keys
    assert bytes.fromhex(person.id) not in keys.keys
    # And one that is away during the next backup is removed by the one after.
    file.parent.rename(away)
    await backup(store, house.folder / "two.db")
    away.rename(file.parent)
    await backup(store, house.folder / "two.db")
    assert list(house.folder.rglob("*.keys")) == [house.folder / "two.db.keys"]


async def test_a_start_leaves_a_keys_file_alone_that_is_not_behind(
    house: House, clock: Hands
) -> None:
    store = await house.open()
    person = await arrive(store, clock, 1)
    file = keyfile.name_for(await backup(store, house.folder / "one.db"))
    await arrive(store, clock, 2)
    before = file.stat()
    for _ in range(2):
        await house.close(store)
        store = await house.open()
        assert file.stat().st_ino == before.st_ino, "reading all keys at each start takes too long"
    await store.write(lambda tx: tx.delete_person(person.id))
    assert file.stat().st_ino != before.st_ino
    assert await store.direct(lambda c: fact(c, keyfile.TRACES)) is None


@pytest.mark.parametrize("away", [False, True])
async def test_a_kill_between_forgetting_and_clearing_away_is_made_up_for(
    house: House, clock: Hands, *, away: bool
) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    goes = await arrive(store, clock, 2)
    key = await wrapped(store, goes)
    file = await backup(store, house.folder / "disk" / "one.db")
    await house.close(store)
    assert run("forget", goes.id, house, file) == -signal.SIGKILL
    everywhere = house.bytes_everywhere()
    assert key.hex().encode() in everywhere, "it was killed before the keys file was written"
    drawer = house.folder.parent / f"{house.folder.name}-away"
    if away:
        file.parent.rename(drawer)
        for _ in range(2):
            await house.close(await house.open())
        drawer.rename(file.parent)
    store = await house.open()
    everywhere = house.bytes_everywhere()
    assert key not in everywhere
    assert key.hex().encode() not in everywhere
    assert await chats(store) == words(1)
    assert await store.direct(lambda c: fact(c, keyfile.TRACES)) is None


async def test_a_keys_file_that_cannot_be_written_does_not_stop_a_delete(
    house: House, clock: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    store = await house.open()
    person = await arrive(store, clock, 1)
    file = await backup(store, house.folder / "one.db")
    block = house.folder / "one.db.keys.part"
    block.mkdir()
    await store.write(lambda tx: tx.delete_person(person.id))
    assert "could not be cleared" in caplog.text
    await house.close(store)
    block.rmdir()
    await house.open()
    assert person.id.encode() not in keyfile.name_for(file).read_bytes()


@pytest.mark.parametrize("loss", ["missing", "damaged", "fresh"])
async def test_without_the_database_the_newest_keys_file_counts(
    house: House, clock: Hands, loss: str
) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    goes = await arrive(store, clock, 2)
    old = await backup(store, house.folder / "c" / "monday.db")
    stale = keyfile.name_for(old).read_bytes()
    await store.write(lambda tx: tx.delete_person(goes.id))
    await arrive(store, clock, 3)
    clock.move(timedelta(days=1))
    await backup(store, house.folder / "c" / "tuesday.db")
    await house.close(store)
    # Someone kept an older keys file: the newest one still counts.
    keyfile.name_for(old).write_bytes(stale)
    master = house.master
    match loss:
        case "missing":
            shutil.rmtree(house.database.parent)
        case "damaged":
            house.database.write_bytes(b"\xa5" * 50_000)
        case "fresh":
            shutil.rmtree(house.database.parent)
            store = await house.open()
            await arrive(store, clock, 9)
            await house.close(store)
    assert restore(house.database, old, master, clock) == 1
    store = await house.open()
    assert await chats(store) == words(1)
    later = await arrive(store, clock, 4)
    await store.write(lambda tx: tx.delete_person(later.id))
    place = keyfile.name_for(house.folder / "c" / "tuesday.db")
    keys = keyfile.read(place)
    assert keys
    assert keys.keys == await store.direct(live_keys)


async def test_the_replaced_database_is_kept_without_keys(house: House, clock: Hands) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    file = await backup(store, house.folder / "one.db")
    two = await arrive(store, clock, 2)
    key = await wrapped(store, two)
    await house.close(store)
    restore(house.database, file, house.master, clock)
    aside = house.database.with_name("bot.db.before-restore")
    assert aside.stat().st_mode & 0o777 == 0o600
    assert bytes.fromhex(two.id) in aside.read_bytes()
    assert key not in house.bytes_everywhere()
    names = {path.name for path in house.database.parent.iterdir()}
    assert names == {"bot.db", "bot.db.lock", "bot.db.before-restore"}
    # It is a copy like any other.
    assert restore(house.database, aside, house.master, clock) == 1
    assert await chats(await house.open()) == words(1)


async def test_a_restore_that_cannot_be_changes_nothing(house: House, clock: Hands) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    file = await backup(store, house.folder / "c" / "one.db")
    await house.close(store)
    before = house.database.read_bytes()
    odd = house.folder / "odd"
    with pytest.raises(Misconfigured, match="no copy"):
        restore(house.database, odd, house.master, clock)
    odd.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Misconfigured, match="not a database"):
        restore(house.database, odd, house.master, clock)
    odd.unlink()
    with sqlite3.connect(odd) as connection:
        connection.execute("CREATE TABLE songs (a)")
    connection.close()
    with pytest.raises(Misconfigured, match="another program"):
        restore(house.database, odd, house.master, clock)
    assert house.database.read_bytes() == before
    shutil.rmtree(house.database.parent)
    keyfile.name_for(file).unlink()
    with pytest.raises(Misconfigured, match=r"newest \.keys file"):
        restore(house.database, file, house.master, clock)
    assert not house.database.exists()


def run(what: str, point: str, house: House, file: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killed", what, point, str(house.folder), str(file)],
        cwd=ROOT,
        check=False,
        timeout=20,
        capture_output=True,
    )
    return done.returncode


@pytest.mark.parametrize("point", ["furnished", "set aside", "settled", "never"])
async def test_a_restore_that_is_killed_leaves_one_or_the_other(
    house: House, clock: Hands, point: str
) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    goes = await arrive(store, clock, 2)
    file = await backup(store, house.folder / "one.db")
    await arrive(store, clock, 3)
    await store.write(lambda tx: tx.delete_person(goes.id))
    await house.close(store)
    assert run("restore", point, house, file) == (0 if point == "never" else -signal.SIGKILL)
    store = await house.open()
    assert await chats(store) == (words(1) if point == "never" else words(1, 3))
    assert not list(house.database.parent.glob("*.restoring*"))
    await house.close(store)
    assert restore(house.database, file, house.master, clock) == 1
    assert await chats(await house.open()) == words(1)


@pytest.mark.parametrize("point", ["copied", "stripped", "keys written", "in place", "never"])
async def test_a_backup_that_is_killed_leaves_no_keys_lying_about(
    house: House, clock: Hands, point: str
) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    goes = await arrive(store, clock, 2)
    first = await backup(store, house.folder / "c" / "one.db")
    await house.close(store)
    file = house.folder / "c" / "two.db"
    assert run("backup", point, house, file) == (0 if point == "never" else -signal.SIGKILL)
    store = await house.open()
    key = await wrapped(store, goes)
    await store.write(lambda tx: tx.delete_person(goes.id))
    everywhere = house.bytes_everywhere()
    assert key not in everywhere
    assert key.hex().encode() not in everywhere
    assert {path.suffix for path in file.parent.iterdir()} == {".db", ".keys"}
    await backup(store, file)
    assert list(file.parent.glob("*.keys")) == [keyfile.name_for(file)]
    await house.close(store)
    assert restore(house.database, first, house.master, clock) == 1


async def test_nightly_copies_are_dated_and_pruned(house: House, clock: Hands) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    folder = nightly_folder(house.database)
    assert newest_nightly(folder) is None
    for _ in range(9):
        copy = await nightly(store, keep=3)
        clock.move(timedelta(days=1))
    assert [path.name for path in sorted(folder.iterdir())] == [
        "2026-11-27.db",
        "2026-11-28.db",
        "2026-11-29.db",
        "2026-11-29.db.keys",
    ]
    assert newest_nightly(folder) == copy == folder / "2026-11-29.db"
    assert await nightly(store, house.folder / "other", keep=3) == (
        house.folder / "other" / "2026-11-30.db"
    )


async def test_turns_go_on_during_a_copy(house: House, clock: Hands) -> None:
    store = await house.open()
    people = [await arrive(store, clock, chat) for chat in range(10)]
    copies = [backup(store, house.folder / f"{n}.db") for n in range(3)]
    turns = [
        write(store, Tx.save_session, p.id, {"n": n}, clock.now())
        for n in range(50)
        for p in people
    ]
    await asyncio.gather(*copies, *turns)
    assert len(list(house.folder.rglob("*.keys"))) == 1
    for n in range(3):
        connection = sqlite3.connect(house.folder / f"{n}.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


async def test_a_copy_needs_a_place(house: House, clock: Hands) -> None:
    store = await house.open()
    await arrive(store, clock, 1)
    for place in (house.database, Path("/proc/no-such-place/one.db")):
        with pytest.raises(Misconfigured):
            await backup(store, place)
    assert await chats(store) == words(1)
