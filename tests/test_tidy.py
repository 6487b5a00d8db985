"""The night's work is done once a day, and made up for when the night was slept through."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import tidy_once
from bot.store import SLICE, load_master, newest_nightly, nightly_folder, open_store
from tests.chat import START, StillClock


async def test_all_of_a_long_list_goes_and_a_copy_that_cannot_be_made_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = StillClock()
    key = load_master(env=None, file=tmp_path / "keys" / "k", database_is_new=True)
    store = await open_store(tmp_path / "bot.db", key, clock)
    try:
        many = 2 * SLICE + 1
        await store.write(lambda tx: [tx.add_person(chat, clock.now()) for chat in range(many)])
        clock.skip(timedelta(days=2))
        block = tmp_path / "nightly" / f"{clock.now():%Y-%m-%d}.db.full"
        (block / "in the way").mkdir(parents=True)
        assert not await tidy_once(store, clock)
        assert await store.read(lambda tx: tx.count_people()) == 0
        assert "There is no copy of tonight" in caplog.text
        assert "Traceback" not in caplog.text
        shutil.rmtree(block)
        assert await tidy_once(store, clock), "it is tried again within the hour"
    finally:
        await store.close()


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
