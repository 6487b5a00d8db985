"""The bot is killed during a wait of twenty minutes: its end always comes, and never after a card.

A kill falls at any minute of the wait, within the blink in which it rings, or, by holding
Telegram's answer back, between its acceptance of the message and the bot's note of it. Only there
it comes twice; whether a kill met that is read from a copy of the dead bot's database.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from bot.store import Tx
from tests.whole.house import House, until

FAR = datetime(2100, 1, 1, tzinfo=UTC)
WAIT = 20 * 60
ENDS = "How strong now?"
LATE = "This comes late"
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


def ends(house: House, who: int, after: int) -> list[str]:
    """Return what was said at the end of the wait, each time it was."""
    return [one["text"] for one in house.telegram.answers(who)[after:] if ENDS in one["text"]]


def waits_to_be_sent(who: int) -> Callable[[Tx], bool]:
    """Return a look for the end of this person's wait among what the outbox has not noted."""

    def look(tx: Tx) -> bool:
        pending = tx.pending(10_000, now=FAR)
        return any(row.chat == who and ENDS in str(row.call) for row in pending)

    return look


Aim = Literal["any minute", "the ring", "taken, not noted"]
AIMS: tuple[Aim, ...] = ("any minute", "the ring", "taken, not noted")
HOUR = 3600


@dataclass(frozen=True)
class Kill:
    """One kill, and how often the end of the wait was said before it and after."""

    aim: Aim
    passed: int
    down: int
    before: int
    unsent: bool
    after: list[str]

    @property
    def doubled(self) -> bool:
        return self.before + len(self.after) > 1

    def check(self) -> None:
        """Hold that it came: twice where Telegram had it and the bot no note; late if late."""
        said = self.before + len(self.after)
        assert said == (2 if self.before and self.unsent else 1), self
        assert (self.before, self.unsent) == (1, True) or self.aim != "taken, not noted", self
        if not self.before and not self.unsent:  # it was made after the start
            assert (LATE in self.after[0]) == (self.down == HOUR), self

    def __str__(self) -> str:
        return (
            f"  {self.aim:>16}, at {self.passed:>4} s, down for {self.down:>4} s: "
            f"{self.before} before the kill, {len(self.after)} after it"
        )


def killed(house: House, who: int, aim: Aim, dice: random.Random) -> Kill:
    """Kill the bot during someone's wait, let time pass without it, and start it again."""
    telegram, before = house.telegram, len(house.telegram.answers(who))
    passed = dice.randrange(WAIT - 60) if aim == "any minute" else WAIT
    down = dice.choice((1, HOUR))
    calls = telegram.count("sendMessage")
    if aim == "taken, not noted":
        telegram.act("hold", method="sendMessage")
    telegram.act("skip", seconds=passed)
    if aim == "taken, not noted":
        until(lambda: telegram.count("sendMessage") > calls, "Telegram takes the end")
    elif aim == "the ring":
        time.sleep(dice.uniform(0, 1.2))
    house.bot.kill()
    telegram.act("clear")
    early = ends(house, who, before)
    with house.bot.copied(house.folder / "copy") as database:
        unsent = asyncio.run(house.bot.inside(database, waits_to_be_sent(who)))
    telegram.act("skip", seconds=WAIT - passed + down)
    house.bot.start()
    if not early or unsent:
        house.answered(who, before + len(early), ENDS)
    # Whatever else is due to this person is said before the answer to this, and the open question
    # is asked again after it.
    house.say(who, "/help", "What there is", ENDS)
    later = ends(house, who, before)[len(early) : -1]
    return Kill(aim, passed, down, len(early), unsent, later)


def kill_in_waits(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - moments, no secrets
    house = House(folder)
    try:
        house.bot.start()
        met = [
            killed(house, waiting(house, f"Waiter {n}"), AIMS[n % len(AIMS)], dice)
            for n in range(kills)
        ]
        cancelled = kills // 4 + 1
        for number in range(cancelled):
            no_end_after_a_card(house, f"Carded {number}", dice)
        doubled = sum(kill.doubled for kill in met)
        print(  # noqa: T201 - the account
            "\n".join(
                [
                    f"{kills} kills, {doubled} ends said twice, all taken and not noted",
                    *map(str, met),
                    f"  cancelled by a card: {cancelled} kills, no end said",
                ]
            )
        )
        for kill in met:
            kill.check()
        assert house.bot.stop() == 0
    finally:
        house.close()


def no_end_after_a_card(house: House, name: str, dice: random.Random) -> None:
    who = waiting(house, name)
    house.telegram.act("skip", seconds=dice.randrange(WAIT - 60))
    house.say(who, "i want to kill myself")
    before = len(house.telegram.answers(who))
    house.bot.kill()
    house.telegram.act("skip", seconds=WAIT + 60)
    house.bot.start()
    house.say(who, "/sos")
    assert not ends(house, who, before)


def test_the_end_of_a_wait_comes_through_kills(tmp_path: Path) -> None:
    kill_in_waits(tmp_path, kills=3, seed=3)


@pytest.mark.long
def test_the_end_of_a_wait_comes_through_twenty_four_kills(tmp_path: Path) -> None:
    kill_in_waits(tmp_path, kills=24, seed=4)
