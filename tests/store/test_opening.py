"""The database opens as it should, or one sentence says why not."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import Misconfigured
from bot.store import (
    MasterKey,
    Tx,
    backup,
    load_master,
    new_key,
    nightly,
    open_store,
    opening,
    restore,
    rotate,
)
from bot.store.sql import SQL

from .conftest import write

if TYPE_CHECKING:
    from .conftest import Hands, House

ROOT = Path(__file__).parents[2]
KEY = MasterKey(b"k" * 32)
PARAMETERS = dict.fromkeys(
    {
        name.strip()
        for path in (ROOT / "bot" / "store" / "queries").glob("*.sql")
        for line in path.read_text().splitlines()
        if line.startswith("-- name:")
        for name in line.partition("(")[2].partition(")")[0].split(",")
        if name.strip()
    },
    1,
)


async def refused(path: Path, clock: Hands, master: MasterKey = KEY) -> str:
    before = threading.active_count()
    with pytest.raises(Misconfigured) as caught:
        await open_store(path, master, clock, patience=0.05)
    assert threading.active_count() == before, "a thread left over keeps the process from exiting"
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


async def test_a_new_database_is_private_and_set_up(house: House) -> None:
    store = await house.open()
    for path in house.database.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert house.database.parent.stat().st_mode & 0o777 == 0o700
    settings = await store.direct(
        lambda c: {
            name: c.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        }
    )
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
    }
    assert store.path == house.database


async def test_every_statement_fits_the_tables(house: House) -> None:
    store = await house.open()

    def explain(connection: sqlite3.Connection) -> None:
        for statement in SQL.values():
            connection.execute(f"EXPLAIN {statement}", PARAMETERS)

    await store.direct(explain)


WHOLE = {
    *("keys", "delete_keys", "delete_people_without_key", "delete_keys_without_person"),
    *("delete_inbox", "delete_outbox", "delete_strangers", "count_people", "count_pending"),
}
"""What goes through a table on purpose: copies, restores and counts, none of it in a turn."""

OF_ONE = {"drafts", "events", "sightings", "timers"}
"""What is put in order after finding it: the few rows of one person."""


async def test_no_statement_goes_through_more_than_it_finds(house: House) -> None:
    store = await house.open()

    def plans(connection: sqlite3.Connection) -> dict[str, list[str]]:
        explained = {
            name: connection.execute(f"EXPLAIN QUERY PLAN {statement}", PARAMETERS).fetchall()
            for name, statement in SQL.items()
        }
        return {name: [row[3] for row in rows] for name, rows in explained.items()}

    found = await store.direct(plans)
    scans = {name for name, plan in found.items() if any(step.startswith("SCAN") for step in plan)}
    sorts = {name for name, plan in found.items() if any("TEMP B-TREE" in step for step in plan)}
    assert scans <= WHOLE
    assert sorts <= OF_ONE
    for name in ("claim_timers", "any_due"):
        assert "timers_by_due (state=? AND due_at<?)" in str(found[name])
    assert "timers_by_age" in str(found["sweep_timers"])


def test_no_statement_is_left_over() -> None:
    room = ROOT / "bot" / "store"
    code = "".join(path.read_text() for path in room.glob("*.py"))
    assert [name for name in SQL if f'"{name}"' not in code] == []


async def test_migrations_run_once_each_and_in_order(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(opening.MIGRATIONS, folder)
    path = tmp_path / "bot.db"
    connection = opening.connect(path)
    opening.migrate(connection, path, house.clock.now(), folder)
    (folder / "0099_more.sql").write_text(
        "-- A comment; with a semicolon.\nCREATE TABLE more (\n  a TEXT -- one; two\n);\n"
        "INSERT INTO more (a) VALUES ('x;\n y');\n"
    )
    for _ in range(2):
        opening.migrate(connection, path, house.clock.now(), folder)
    assert connection.execute("SELECT a FROM more").fetchall() == [("x;\n y",)]
    versions = connection.execute("SELECT version FROM migrations").fetchall()
    shipped = [int(file.name[:4]) for file in sorted(opening.MIGRATIONS.glob("*.sql"))]
    assert [version for (version,) in versions] == [*shipped, 99]
    connection.close()


async def test_a_migration_that_fails_leaves_nothing(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(opening.MIGRATIONS, folder)
    path = tmp_path / "bot.db"
    connection = opening.connect(path)
    (folder / "0099_bad.sql").write_text("CREATE TABLE half (a TEXT);\nCREATE TABLE facts (a);\n")
    with pytest.raises(Misconfigured, match="facts already exists"):
        opening.migrate(connection, path, house.clock.now(), folder)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "facts" in tables
    assert "half" not in tables
    (folder / "0099_bad.sql").write_text("CREATE TABLE half (a TEXT)\n")
    with pytest.raises(ValueError, match="middle of a statement"):
        opening.migrate(connection, path, house.clock.now(), folder)
    connection.close()


async def test_a_newer_database_is_left_alone(house: House, clock: Hands) -> None:
    await house.close(await house.open())
    with sqlite3.connect(house.database) as connection:
        connection.execute("INSERT INTO migrations VALUES (9999, 0)")
    connection.close()
    assert "newer version" in await refused(house.database, clock, house.master)


async def test_another_programs_database_is_left_alone(tmp_path: Path, clock: Hands) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (a)")
    connection.close()
    assert "another program" in await refused(path, clock)
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("songs",)]


async def test_the_wrong_key_is_named(house: House, clock: Hands) -> None:
    await house.close(await house.open())
    assert "BOT_MASTER_KEY does not open" in await refused(house.database, clock)
    house.key_file.write_text(new_key())
    sentence = await refused(house.database, clock, house.master)
    assert str(house.key_file) in sentence
    assert str(house.database) in sentence


async def test_a_missing_key_is_not_made_up(house: House) -> None:
    await house.close(await house.open())
    house.key_file.unlink()
    with pytest.raises(Misconfigured, match=str(house.key_file)):
        _ = house.master


async def test_a_file_that_is_no_database(tmp_path: Path, clock: Hands) -> None:
    path = tmp_path / "bot.db"
    path.write_text("dear diary, " * 1000)
    assert "damaged or not a database" in await refused(path, clock)
    assert path.read_text() == "dear diary, " * 1000


@pytest.mark.parametrize("page", [1, 5, 12])
async def test_a_damaged_database_is_said_to_be_one(house: House, clock: Hands, page: int) -> None:
    store = await house.open()
    for chat in range(50):
        await write(store, Tx.add_person, chat, clock.now())
    await house.close(store)
    content = bytearray(house.database.read_bytes())
    content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    house.database.write_bytes(content)
    assert "damaged" in await refused(house.database, clock, house.master)


async def a_big_one(house: House) -> None:
    """Make a database too big to be looked through at a start, and damage it where people are."""
    store = await house.open()
    for chat in range(50):
        await write(store, Tx.add_person, chat, house.clock.now())
    await write(store, Tx.set_meta, "one", "whole")
    await nightly(store)
    big = opening.LOOKED_THROUGH + 1_000_000
    await store.direct(lambda c: c.execute("INSERT INTO meta VALUES ('big', zeroblob(?))", (big,)))
    sealed = await store.direct(lambda c: c.execute("SELECT sealed FROM people").fetchone()[0])
    await house.close(store)
    with house.database.open("r+b") as file:
        at = file.read(opening.LOOKED_THROUGH).index(sealed) // 4096 * 4096
        file.seek(at)
        file.write(b"\xa5" * 200)


async def test_damage_that_a_start_passes_by_is_said_when_it_is_met(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await a_big_one(house)
    store = await house.open()
    for _ in range(2):
        with pytest.raises(sqlite3.DatabaseError):
            await store.read(lambda tx: [tx.person_by_chat(chat) for chat in range(50)])
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 1
    assert "is damaged" in said[0]
    assert "restore FILE" in said[0]
    assert await store.read(lambda tx: tx.meta("one")) == "whole", "what is not damaged goes on"


async def test_a_damaged_database_takes_no_good_copys_place(house: House, clock: Hands) -> None:
    await a_big_one(house)
    store = await house.open()
    folder = house.database.parent / "nightly"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for _ in range(9):
        clock.move(timedelta(days=1))
        with pytest.raises(Misconfigured, match="is damaged"):
            await nightly(store)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    await house.close(store)
    copy = next(path for path in folder.iterdir() if path.suffix == ".db")
    assert restore(house.database, copy, house.master, clock) == 50


async def test_places_where_no_database_can_be(tmp_path: Path, clock: Hands) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert "cannot be written" in await refused(tmp_path / "file" / "bot.db", clock)
    assert "cannot be written" in await refused(Path("/proc/no-such-place/bot.db"), clock)
    assert "cannot be opened" in await refused(tmp_path / "folder", clock)
    with pytest.raises(Misconfigured, match="cannot be reached"):
        opening.is_new(tmp_path / "file" / "bot.db")


async def test_another_program_in_the_file(house: House, clock: Hands) -> None:
    await house.close(await house.open())
    other = sqlite3.connect(house.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sentence = await refused(house.database, clock, house.master)
    assert "in use by another program" in sentence
    other.execute("ROLLBACK")
    other.close()
    await house.open()


async def test_nobody_else_gets_in_while_the_bot_runs(house: House) -> None:
    await house.open()
    other = sqlite3.connect(house.database, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM people")
    other.close()


async def test_no_room_on_the_disk_at_start(tmp_path: Path) -> None:
    script = (
        "import asyncio, resource, pathlib\n"
        "from bot.clock import SystemClock\n"
        "from bot.errors import Misconfigured\n"
        "from bot.store import MasterKey, open_store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "path = pathlib.Path('bot.db').absolute()\n"
        "try:\n"
        "    asyncio.run(open_store(path, MasterKey(b'k' * 32), SystemClock()))\n"
        "except Misconfigured as sentence:\n"
        "    print(sentence)\n"
    )
    done = subprocess.run(  # noqa: ASYNC221 - the test has nothing else to do meanwhile
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout.startswith("The database"), done.stderr
    assert done.returncode == 0


async def test_a_second_bot_is_kept_out(house: House, clock: Hands, tmp_path: Path) -> None:
    child = subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.store.writer", str(house.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    with child, child.stdout:
        assert child.stdout.readline() == "open\n"
        assert "running bot" in await refused(house.database, clock, house.master)
        folder = house.database.parent / "nightly"
        folder.mkdir()
        (folder / "2026-11-19.db").touch()
        (folder / "2026-11-20.db").touch()
        (folder / "2026-11-20.db.keys").touch()
        sentence = await refused(house.database, clock, house.master)
        assert sentence.endswith(f"Its newest nightly copy is {folder / '2026-11-20.db'}.")
        with pytest.raises(Misconfigured, match=r"2026-11-20\.db\."):
            rotate(house.database, house.master, clock)
        with pytest.raises(Misconfigured, match=r"2026-11-20\.db\."):
            restore(house.database, tmp_path / "x.db", house.master, clock)
        child.kill()
    await house.open()


async def test_the_door_opens_again(house: House, clock: Hands) -> None:
    store = await house.open()
    await refused(house.database, clock, house.master)
    await house.close(store)
    await house.open()


async def test_a_copy_put_in_place_by_hand_is_noticed(house: House, clock: Hands) -> None:
    store = await house.open()
    copy = await backup(store, house.folder / "copy.db")
    await house.close(store)
    house.database.write_bytes(copy.read_bytes())
    assert "restore" in await refused(house.database, clock, house.master)


def test_the_process_can_end(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib\n"
        "from bot.clock import SystemClock\n"
        "from bot.store import MasterKey, open_store\n"
        "async def main():\n"
        "    path = pathlib.Path('bot.db').absolute()\n"
        "    store = await open_store(path, MasterKey(b'k' * 32), SystemClock())\n"
        "    await store.write(lambda tx: tx.set_meta('a', 'b'))\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_nightly_copy_does_not_need_the_bot_to_stop(house: House) -> None:
    store = await house.open()
    key = load_master(env=None, file=house.key_file, database_is_new=False)
    assert key == house.master
    writes = [write(store, Tx.set_meta, str(n), "") for n in range(50)]
    await asyncio.gather(nightly(store), *writes)
