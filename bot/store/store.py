"""The store: one connection, one thread, and a commit that waiting callers share."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiosqlite

from bot.store import disk, keyfile, opening
from bot.store.tx import Tx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.clock import Clock
    from bot.store.keys import MasterKey, Ring

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH: Final = 256
"""How many callers may share one commit; more would make the first one wait for the last."""

_Job = tuple["asyncio.Future[Any]", "Callable[[Tx], Any]", bool]
_Done = tuple["asyncio.Future[Any]", Any, BaseException | None]
_Outcome = tuple[Any, BaseException | None]


class Connection(aiosqlite.Connection):
    """aiosqlite's connection, with a way to do a whole piece of work in one hop to its thread."""

    async def run(self, work: Callable[..., T], *values: object) -> T:
        """Call a plain function in the connection's thread, with the connection itself first."""
        result: T = await self._execute(work, self._conn, *values)  # type: ignore[no-untyped-call]
        return result

    async def close(self) -> None:
        """Close the file and end the thread."""
        await super().close()
        self.join()

    def join(self) -> None:
        """Wait for the thread, which was told to stop, to be gone: a moment."""
        self._thread.join()


class Store:
    """What the bot remembers."""

    def __init__(
        self, path: Path, connection: Connection, ring: Ring, clock: Clock, lock: disk.Lock
    ) -> None:
        self.path = path
        self.clock = clock
        self._connection = connection
        self._ring = ring
        self._lock = lock
        self._waiting: deque[_Job] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self._damaged = False
        self.copying = asyncio.Lock()
        """Held while a copy is made; two at once would lose sight of one of them."""

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Find something out, in one consistent look."""
        return await self._do(work, writes=False)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Do all of something, or nothing of it; when this returns, it is on the disk."""
        return await self._do(work, writes=True)

    async def direct(self, work: Callable[..., T], *values: object) -> T:
        """Call a function of this room over the bare connection, between two batches."""
        return await self._connection.run(work, *values)

    async def close(self) -> None:
        """Finish what waits, close the file and let others have it."""
        self._closed = True
        if self._pump is not None:
            await self._pump
        # aiosqlite's thread is no daemon: a connection left open keeps the process from ending.
        await self._connection.close()
        self._lock.release()

    async def _do(self, work: Callable[[Tx], T], *, writes: bool) -> T:
        if self._closed:
            raise RuntimeError("the store is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, work, writes))
        if self._pump is None:
            self._pump = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        waiting = self._waiting
        batch: list[_Job] = []
        try:
            while waiting:
                batch = []
                while waiting and len(batch) < BATCH:
                    job = waiting.popleft()
                    if not job[0].done():  # its caller may have been cancelled meanwhile
                        batch.append(job)
                for future, value, error in await self._batch(batch):
                    if future.done():
                        continue
                    if error is None:
                        future.set_result(value)
                    else:
                        future.set_exception(error)
        finally:
            self._pump = None
            for future, _, _ in [*batch, *waiting]:
                if not future.done():  # only when this task itself was cut short
                    future.cancel()
            waiting.clear()

    async def _batch(self, batch: list[_Job]) -> list[_Done]:
        try:
            done = await self._connection.run(self._work, batch)
        except Exception as trouble:  # noqa: BLE001 - the connection is in trouble, not one caller
            done = [(future, None, trouble) for future, _, _ in batch]
        for _, _, error in done:
            if not self._damaged and opening.is_damage(error):
                self._damaged = True  # said once; who meets it goes on waiting, others go on
                log.error("%s", opening.damage(self.path))
        return done

    def _work(self, connection: sqlite3.Connection, batch: list[_Job]) -> list[_Done]:
        """Do a batch, in the connection's thread."""
        done: list[_Done] = []
        reads = [job for job in batch if not job[2]]
        writes = [job for job in batch if job[2]]
        if reads:
            # Before the writes: they must not see what may yet fail to be committed.
            connection.execute("PRAGMA query_only = ON")
            for future, work, _ in reads:
                done.append((future, *_outcome(work, Tx(connection, self._ring))))
            connection.execute("PRAGMA query_only = OFF")
        if writes:
            try:
                done += self._commit(connection, writes)
            except BaseException as trouble:  # noqa: BLE001 - each of them is told
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                done += [(future, None, trouble) for future, _, _ in writes]
        return done

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> list[_Done]:
        done: list[_Done] = []
        execute, ring, forgot = connection.execute, self._ring, False
        execute("BEGIN IMMEDIATE")
        for future, work, _ in batch:
            tx = Tx(connection, ring)
            execute("SAVEPOINT turn")
            value, error = _outcome(work, tx)
            if error is None:
                forgot = forgot or tx.forgot
            elif connection.in_transaction:
                execute("ROLLBACK TO turn")
            else:
                # A full disk ends the whole transaction inside SQLite, not only the statement.
                raise error
            execute("RELEASE turn")
            done.append((future, value, error))
        execute("COMMIT")
        if forgot:
            _clear_away(connection, self.path, self.clock)
        return done


def _outcome(work: Callable[[Tx], Any], tx: Tx) -> _Outcome:
    try:
        return work(tx), None
    except StopIteration as stray:
        return None, RuntimeError(f"a transaction raised {stray!r}")  # no future can carry that one
    except BaseException as error:  # noqa: BLE001 - its caller gets it, whatever it is
        return None, error


def _clear_away(connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
    """After someone was forgotten: leave nothing of them in the WAL or the keys file."""
    if opening.fact(connection, keyfile.TRACES) is None:
        return
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        keyfile.refresh(connection, clock.now())
    except (OSError, sqlite3.Error) as trouble:
        # They are forgotten in the database already; the rest is done at the next start.
        log.warning("What lies beside %s could not be cleared: %s.", path, type(trouble).__name__)


async def open_store(
    path: Path, master: MasterKey, clock: Clock, *, patience: float = opening.PATIENCE
) -> Store:
    """Open the database, or begin one; Misconfigured says why it cannot be."""
    path = path.absolute()  # noqa: ASYNC240 - a name, not a look at the disk
    lock = disk.Lock(path)
    try:
        connection = Connection(
            lambda: opening.connect(path, patience, whole=False), iter_chunk_size=64
        )
        try:
            await connection
        except BaseException:
            connection.join()
            raise
        try:
            ring = await connection.run(_start, path, master, clock)
        except BaseException:
            await connection.close()
            raise
    except BaseException:
        lock.release()
        raise
    return Store(path, connection, ring, clock, lock)


def _start(connection: sqlite3.Connection, path: Path, master: MasterKey, clock: Clock) -> Ring:
    with opening.plainly(path):
        opening.migrate(connection, path, clock.now())
        ring, _ = opening.unlock(connection, path, master)
        _clear_away(connection, path, clock)
        keyfile.remove_unfinished(connection)
    disk.remove_all(disk.restoring(path))
    return ring
