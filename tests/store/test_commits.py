"""Callers share a commit; each gets their own result, and all or nothing of each is kept."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.store import Tx
from bot.store.store import BATCH

from .conftest import write

if TYPE_CHECKING:
    from bot.store import Store

    from .conftest import Hands, House

ROOT = Path(__file__).parents[2]


async def known(store: Store) -> set[str]:
    return await store.read(
        lambda tx: {name for (name,) in tx._execute("SELECT name FROM meta").fetchall()}
    )


async def test_many_callers_each_get_their_own(store: Store, clock: Hands) -> None:
    now = clock.now()
    people = await asyncio.gather(*(write(store, Tx.add_person, chat, now) for chat in range(1000)))
    assert [person.chat for person in people] == list(range(1000))

    async def count(chat: int) -> None:
        for number in range(5):
            loaded = await store.read(lambda tx: tx.load(chat))
            assert loaded
            person, session = loaded
            assert session == ({"n": number} if number else None)
            await write(store, Tx.save_session, person.id, {"n": number + 1}, now)

    await asyncio.gather(*(count(chat) for chat in range(300)))


async def test_waiting_callers_share_one_commit(store: Store) -> None:
    batches: list[int] = []
    work = store._work

    def watched(connection: sqlite3.Connection, batch: list) -> object:  # type: ignore[type-arg]
        batches.append(len(batch))
        return work(connection, batch)

    store._work = watched  # type: ignore[assignment, method-assign]
    await asyncio.gather(*(store.write(lambda tx: tx.count_people()) for _ in range(BATCH + 10)))
    assert batches == [BATCH, 10]


async def test_one_that_fails_does_not_hurt_the_others(store: Store) -> None:
    def work(tx: Tx, number: int) -> int:
        tx.set_meta(f"begun {number}", "")
        if number % 3 == 0:
            raise ZeroDivisionError(number)
        if number % 3 == 1:
            tx._execute("INSERT INTO sessions VALUES (x'00', 0, x'00')")
        tx.set_meta(f"ended {number}", "")
        return number

    results = await asyncio.gather(
        *(write(store, work, n) for n in range(30)), return_exceptions=True
    )
    for number, result in enumerate(results):
        if number % 3 == 0:
            assert isinstance(result, ZeroDivisionError)
            assert result.args == (number,)
        elif number % 3 == 1:
            assert isinstance(result, sqlite3.IntegrityError)
        else:
            assert result == number
    fine = range(2, 30, 3)
    assert await known(store) == {f"{word} {n}" for word in ("begun", "ended") for n in fine}


async def test_a_commit_that_fails_fails_them_all(store: Store) -> None:
    def poison(tx: Tx) -> None:
        # Checked when the transaction ends, not when the statement does.
        tx._execute("PRAGMA defer_foreign_keys = ON")
        tx._execute("INSERT INTO sessions VALUES (x'00', 0, x'00')")

    results = await asyncio.gather(
        store.write(lambda tx: tx.set_meta("a", "")),
        store.write(poison),
        store.write(lambda tx: tx.set_meta("b", "")),
        store.read(lambda tx: tx.count_people()),
        return_exceptions=True,
    )
    assert [type(result) for result in results[:3]] == [sqlite3.IntegrityError] * 3
    assert results[3] == 0
    assert await known(store) == set()
    await store.write(lambda tx: tx.set_meta("c", ""))
    assert await known(store) == {"c"}


async def test_a_full_disk_fails_the_writer_and_keeps_the_rest(store: Store) -> None:
    await store.write(lambda tx: tx.set_meta("before", "x"))
    pages = await store.direct(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await store.direct(
        lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone() and None
    )

    def big(tx: Tx) -> None:
        for n in range(20):
            tx.set_meta(f"big {n}", "x" * 5000)

    results = await asyncio.gather(
        store.write(big),
        store.write(lambda tx: tx.set_meta("huge", "x" * 200_000)),
        return_exceptions=True,
    )
    assert all(isinstance(result, sqlite3.OperationalError) for result in results)
    assert "full" in str(results[0])
    assert await known(store) == {"before"}
    await store.direct(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone() and None)
    await store.write(lambda tx: tx.set_meta("after", "x" * 5000))
    assert await known(store) == {"before", "after"}


async def test_a_read_may_not_write(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read(lambda tx: tx.set_meta("a", ""))
    await store.write(lambda tx: tx.set_meta("b", ""))
    assert await known(store) == {"b"}


async def test_a_read_sees_what_its_caller_wrote(store: Store) -> None:
    async def one(number: int) -> None:
        await store.write(lambda tx: tx.set_meta(str(number), "x"))
        assert await store.read(lambda tx: tx.meta(str(number))) == "x"

    await asyncio.gather(*(one(number) for number in range(300)))


async def test_a_broken_connection_is_told_to_everyone_who_waits(store: Store) -> None:
    def broken(_: sqlite3.Connection, __: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    store._work = broken  # type: ignore[assignment, method-assign]
    results = await asyncio.gather(
        *(store.read(lambda tx: tx.count_people()) for _ in range(BATCH + 1)),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {sqlite3.OperationalError}


async def test_odd_exceptions_reach_the_caller_too(store: Store) -> None:
    def stop(_: Tx) -> None:
        raise StopIteration

    def leave(tx: Tx) -> None:
        tx.set_meta("left", "")
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(stop)
    with pytest.raises(asyncio.CancelledError):
        await store.write(leave)
    assert await known(store) == set()


async def test_a_caller_who_gave_up_is_left_out(store: Store) -> None:
    tasks = [asyncio.create_task(write(store, Tx.set_meta, name, "")) for name in ("a", "b", "c")]
    await asyncio.sleep(0)  # all of them wait now
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert {"a", "c"} <= await known(store)


async def test_a_closed_store_says_so(house: House) -> None:
    store = await house.open()
    last = asyncio.gather(*(store.write(lambda tx: tx.set_meta("last", "")) for _ in range(3)))
    await asyncio.sleep(0)
    await house.close(store)
    await last
    with pytest.raises(RuntimeError, match="closed"):
        await store.read(lambda tx: tx.count_people())
    store = await house.open()
    assert await known(store) == {"last"}


@pytest.mark.parametrize("lines", [1, 40, 400])
async def test_what_was_confirmed_survives_a_kill(house: House, lines: int) -> None:
    child = subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do meanwhile
        [sys.executable, "-m", "tests.store.writer", str(house.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    with child, child.stdout:
        confirmed = [child.stdout.readline().strip() for _ in range(lines)][1:]
        child.send_signal(signal.SIGKILL)
        confirmed += [line.strip() for line in child.stdout.read().split("\n")[:-1]]
    store = await house.open()
    undone = await store.write(lambda tx: tx.undone(10_000_000))
    assert {int(line) for line in confirmed if line != "open"} <= {i.update_id for i in undone}
