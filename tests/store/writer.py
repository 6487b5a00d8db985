"""Run by tests as a process of its own: writes one number after the other until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.clock import SystemClock
from bot.store import MasterKey, Store, Tx, is_new, load_master, open_store

from .conftest import write


def master(folder: Path, database: Path) -> MasterKey:
    return load_master(
        env=None, file=folder / "keys" / "master.key", database_is_new=is_new(database)
    )


async def one(store: Store, who: int) -> None:
    clock = SystemClock()
    for number in range(1_000_000):
        update = who * 1_000_000 + number
        await write(store, Tx.take_in, [(update, b"x")], clock.now())
        print(update, flush=True)  # noqa: T201 - what the parent was promised


async def main(folder: Path) -> None:
    database = folder / "data" / "bot.db"
    store = await open_store(database, master(folder, database), SystemClock())
    print("open", flush=True)  # noqa: T201 - the parent waits for it
    await asyncio.gather(*(one(store, who) for who in range(20)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
