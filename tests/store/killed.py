"""Run by tests as a process of its own: work that ends itself with SIGKILL at a named point."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.clock import SystemClock
from bot.store import Tx, backup, load_master, open_store, restore, rotate
from bot.store.opening import transaction

if TYPE_CHECKING:
    from collections.abc import Callable


def killer(point: str) -> Callable[[str], None]:
    def at(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


async def copy(database: Path, key_file: Path, point: str, file: Path) -> None:
    master = load_master(env=None, file=key_file, database_is_new=False)
    store = await open_store(database, master, SystemClock())
    await backup(store, file, at=killer(point))
    await store.close()


async def forget(database: Path, key_file: Path, person: str) -> None:
    """Forget someone and die between the commit and what clears away behind it."""
    master = load_master(env=None, file=key_file, database_is_new=False)
    store = await open_store(database, master, SystemClock())

    def work(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            Tx(connection, store._ring).delete_person(person)
        os.kill(os.getpid(), signal.SIGKILL)

    await store.direct(work)


def main(what: str, point: str, folder: Path, file: Path) -> None:
    database, key_file = folder / "data" / "bot.db", folder / "keys" / "master.key"
    key = os.environ.get("BOT_MASTER_KEY")
    master = load_master(env=key, file=key_file, database_is_new=False)
    at = killer(point)
    match what:
        case "rotate":
            rotate(database, master, SystemClock(), at=at)
        case "restore":
            restore(database, file, master, SystemClock(), at=at)
        case "backup":
            asyncio.run(copy(database, key_file, point, file))
        case "forget":
            asyncio.run(forget(database, key_file, point))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
