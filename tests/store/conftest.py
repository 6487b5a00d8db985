"""A store in a temporary folder, and a clock whose hands the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import pytest

from bot.store import MasterKey, Store, is_new, load_master, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.store import Tx

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Hands:
    """A clock that stands still until it is moved."""

    moment: datetime = datetime(2026, 11, 21, 20, 30, 0, 123456, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def move(self, by: timedelta) -> datetime:
        self.moment += by
        return self.moment


@dataclass
class House:
    """One folder with a database and its key, opened and closed as the test needs."""

    folder: Path
    clock: Hands
    open_stores: list[Store] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "data" / "bot.db"

    @property
    def key_file(self) -> Path:
        return self.folder / "keys" / "master.key"

    @property
    def master(self) -> MasterKey:
        return load_master(env=None, file=self.key_file, database_is_new=is_new(self.database))

    async def open(self) -> Store:
        store = await open_store(self.database, self.master, self.clock, patience=0.05)
        self.open_stores.append(store)
        return store

    async def close(self, store: Store) -> None:
        self.open_stores.remove(store)
        await store.close()

    async def close_all(self) -> None:
        for store in list(self.open_stores):
            await self.close(store)

    def bytes_everywhere(self) -> bytes:
        """Everything that lies in the folder but the master key, one after the other."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return b"\0".join(path.read_bytes() for path in files if path.suffix != ".key")


async def write(
    store: Store, work: Callable[Concatenate[Tx, P], T], *values: P.args, **named: P.kwargs
) -> T:
    """Do one thing in a transaction of its own: ``write(store, Tx.done_in, 5)``."""
    return await store.write(lambda tx: work(tx, *values, **named))


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def house(tmp_path: Path, clock: Hands) -> AsyncIterator[House]:
    house = House(tmp_path, clock)
    yield house
    await house.close_all()


@pytest.fixture
async def store(house: House) -> Store:
    return await house.open()
