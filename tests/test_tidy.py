"""The night's work is done once a day, and made up for when the night was slept through."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.app import tidy_once
from bot.store import load_master, newest_nightly, nightly_folder, open_store
from tests.chat import START, StillClock


async def test_it_comes_once_a_day_and_after_a_night_switched_off(tmp_path: Path) -> None:
    clock = StillClock()
    path = tmp_path / "bot.db"
    key = load_master(env=None, file=tmp_path / "keys" / "k", database_is_new=True)
    store = await open_store(path, key, clock)
    assert await tidy_once(store, clock)
    assert not await tidy_once(store, clock)
    clock.skip(timedelta(hours=3))  # past midnight, but not yet into the night's hour
    assert not await tidy_once(store, clock)
    await store.close()
    clock.skip(timedelta(days=4))
    store = await open_store(path, key, clock)
    assert await tidy_once(store, clock)
    assert not await tidy_once(store, clock)
    await store.close()
    newest = newest_nightly(nightly_folder(path))
    assert newest is not None
    assert newest.stem == (START + timedelta(days=4, hours=3)).date().isoformat()
