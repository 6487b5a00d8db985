"""The bot is killed during a wait of twenty minutes: its end always comes, and never after a card.

Most kills fall at a random minute of the wait, some within the blink in which it rings. Twice is
allowed only where Telegram had taken the message and the bot had not noted it yet; whether a kill
met that is read from a copy of the dead bot's database.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.store import Tx
from tests.whole.house import House

FAR = datetime(2100, 1, 1, tzinfo=UTC)
WAIT = 20 * 60
ENDS = "How strong now?"
STEPS = (
    ("/activated", "How strong is it"),
    ("8", "How strong now"),
    ("6", "What do you want to do"),
    ("Reach them", "Could writing wait"),
    ("20 minutes", "20 minutes from now"),
)


def waiting(house: House, name: str) -> int:
    """Let someone come whose wait has begun."""
    who = house.newcomer(name)
    for what, answer in STEPS:
        house.say(who, what, answer)
    house.settle()
    return who


def ends(house: House, who: int, after: int) -> int:
    """Return how often the end of the wait was said."""
    return sum(ENDS in one["text"] for one in house.telegram.answers(who)[after:])


def unnoted(who: int) -> Callable[[Tx], bool]:
    def look(tx: Tx) -> bool:
        pending = tx.pending(10_000, now=FAR)
        return any(row.chat == who and ENDS in str(row.call) for row in pending)

    return look


def kill_in_waits(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - moments, no secrets
    rows, doubled = [], 0
    house = House(folder)
    try:
        house.bot.start()
        for number in range(kills):
            who = waiting(house, f"Waiter {number}")
            before = len(house.telegram.answers(who))
            at_the_ring = number % 2 == 1
            passed = WAIT if at_the_ring else dice.randrange(WAIT - 60)
            house.telegram.act("skip", seconds=passed)
            time.sleep(dice.uniform(0, 1.2) if at_the_ring else 0)
            house.bot.kill()
            early = ends(house, who, before)
            with house.bot.copied(folder / "copy") as database:
                orphan = bool(early) and asyncio.run(house.bot.inside(database, unnoted(who)))
            house.telegram.act("skip", seconds=WAIT - passed + dice.choice((1, 3600)))
            house.bot.start()
            house.answered(who, before, ENDS)
            # Whatever else is due to this person is said before the answer to this.
            house.say(who, "/help", "What there is", ENDS)
            said = ends(house, who, before) - 1  # the open question is asked again after help
            doubled += said == 2
            rows.append(f"  at {passed:>4} s: {early} before the kill, {said} in all")
            assert 1 <= said <= 1 + orphan, "\n".join(rows)
        who = waiting(house, "Carded")
        house.say(who, "i want to kill myself")
        before = len(house.telegram.answers(who))
        house.bot.kill()
        house.telegram.act("skip", seconds=WAIT + 60)
        house.bot.start()
        house.say(who, "/sos")
        assert ends(house, who, before) == 0
        print("\n".join([f"{kills} kills, {doubled} ends said twice", *rows]))  # noqa: T201
        assert house.bot.stop() == 0
    finally:
        house.close()


def test_the_end_of_a_wait_comes_through_kills(tmp_path: Path) -> None:
    kill_in_waits(tmp_path, kills=4, seed=3)


@pytest.mark.long
def test_the_end_of_a_wait_comes_through_twenty_kills(tmp_path: Path) -> None:
    kill_in_waits(tmp_path, kills=20, seed=4)
