"""A store in a temporary folder, the real wording, and entries made in one line."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.store import Entry, Store, is_new, load_master, open_store

NOW = datetime(2026, 11, 21, 20, 40, tzinfo=UTC)
CONTENT = Path(__file__).parents[2] / "content" / "en" / "lookback.toml"


_NUMBERS = itertools.count(1)
_OWN = ("id", "written_at", "edited_at", "zone")


@dataclass
class Stopped:
    """A clock that shows one moment until it is set."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


def entry(kind: str, *, ago: timedelta = timedelta(hours=1), **fields: Any) -> Entry:
    """Make an entry of some time ago; ids count up by themselves."""
    happened = NOW - ago
    values: dict[str, Any] = {
        "id": f"e{next(_NUMBERS)}",
        "kind": kind,
        "happened_at": happened,
        "written_at": happened,
        "zone": "Europe/Berlin",
    }
    values |= {name: fields.pop(name) for name in _OWN if name in fields}
    return Entry(**values, fields=fields)


async def opened(folder: Path, clock: Stopped) -> Store:
    """Open the store of a folder."""
    database = folder / "bot.db"
    key = load_master(env=None, file=folder / "master.key", database_is_new=is_new(database))
    return await open_store(database, key, clock)


@pytest.fixture(scope="session")
def texts() -> dict[str, Any]:
    return tomllib.loads(CONTENT.read_text(encoding="utf-8"))


@pytest.fixture
def clock() -> Stopped:
    return Stopped()


@pytest.fixture
async def store(tmp_path: Path, clock: Stopped) -> AsyncIterator[Store]:
    store = await opened(tmp_path, clock)
    yield store
    await store.close()
