"""A database with as many people as a town has: sealed by the store's own means, put in in bulk."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bot.app import TIDIED
from bot.clock import SystemClock
from bot.coach import prompts
from bot.store import Consent, Person, Store, load_master, open_store
from bot.store.keys import Ring
from bot.store.seal import bound, pack, seal
from bot.store.sql import SQL
from bot.store.values import from_person, stamp

FIRST_CHAT = 6_000_000_001
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Town:
    """How many people there are, and when their daily notes are due."""

    people: int
    due: datetime
    """The first note's moment."""
    within: timedelta
    """The notes are spread over this."""
    first_chat: int = FIRST_CHAT

    def due_at(self, number: int) -> datetime:
        """Return when one person's note is due."""
        # A stride that is prime to any round number: neighbours are due at other times.
        place = number * 611_953 % self.people
        return self.due + self.within * place / self.people


async def settle(folder: Path, town: Town) -> None:
    """Write the town into the database of this folder, which may be there already or not."""
    path, key = folder / "bot.db", folder / "master.key"
    master = load_master(env=None, file=key, database_is_new=not path.exists())
    store = await open_store(path, master, SystemClock())
    try:
        await store.direct(_fill, store._ring, town)  # noqa: SLF001 - in bulk, past the transactions
        await _tidied(store)
    finally:
        await store.close()


async def _tidied(store: Store) -> None:
    """Let the night's work count as done: a start shall be a start, not a copy."""
    day = (datetime.now(UTC) - timedelta(hours=3)).date().isoformat()
    await store.write(lambda tx: tx.set_meta(TIDIED, day))


def _fill(connection: sqlite3.Connection, ring: Ring, town: Town) -> None:
    for pragma in ("synchronous = OFF", "cache_size = -1000000"):
        connection.execute(f"PRAGMA {pragma}")
    now = datetime.now(UTC)
    # In the order of their ids, which is the order of the biggest indices; but timers in the order
    # they are due, as they come to be: each was set when the one of the day before rang.
    ids = sorted(os.urandom(16) for _ in range(town.people))
    connection.execute("BEGIN IMMEDIATE")
    timers = []
    for start in range(0, town.people, PAGE):
        numbers = range(start, min(town.people, start + PAGE))
        made = [_one(ring, town, number, ids[number], now) for number in numbers]
        connection.executemany(SQL["add_key"], [key for key, _, _ in made])
        connection.executemany(SQL["add_person"], [person for _, person, _ in made])
        timers += [timer for _, _, timer in made]
    timers.sort(key=lambda timer: timer["due_at"])
    connection.executemany(SQL["set_timer"], timers)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    os.sync()  # what is measured next shall not wait for this


def _one(
    ring: Ring, town: Town, number: int, who: bytes, now: datetime
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    due = town.due_at(number)
    chat = town.first_chat + number
    about = {**_anyone(now), "chat": chat, "checkin_at": f"{due:%H:%M}"}
    box, wrapped = ring.fresh(who)
    timer = os.urandom(16)
    subject = due.date().isoformat()
    value = {"kind": prompts.CHECKIN, "subject": subject, "fields": {}}
    return (
        {"owner": who, "wrapped": wrapped},
        {
            "person": who,
            "lookup": ring.chat(chat),
            "state": "kept",
            "gone": 0,
            "seen_at": stamp(now),
            "sealed": seal(box, pack(about), bound("people", who, who)),
        },
        {
            "id": timer,
            "person": who,
            "mark": ring.mark(b"timer", json.dumps([prompts.CHECKIN, subject]), who),
            "due_at": stamp(due),
            "sealed": seal(box, pack(value), bound("timers", timer, who)),
        },
    )


@cache
def _anyone(now: datetime) -> dict[str, Any]:
    """Return what is sealed of someone who agreed and wants a daily note."""
    return from_person(
        Person(
            id="",
            chat=0,
            since=now,
            adult=True,
            consents=(Consent("1", now),),
            zone="Etc/UTC",
            quiet_from="00:00",
            quiet_till="00:00",
        )
    )
