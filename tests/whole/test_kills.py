"""The bot is killed in the middle of people talking: nothing they typed and no reply is lost.

Three moments matter. (a) The update is in the inbox, its turn is not committed. (b) The turn is
committed, its reply has not left. (c) Telegram took the reply, the bot had not noted it. Each is
brought about on purpose through the stand-in; which one a kill really met is read afterwards from
a copy of the dead bot's database and from what arrived.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from bot.store import Tx
from tests.whole.house import House, leaves, until

Window = Literal["a", "b", "c"]
CROWD = 50
"""People whose updates come first in a page, so that those of the talkers wait a moment."""

EXPORTED = ("Here it is", "Back to where we were")
WINDOWS: dict[Window, str] = {
    "a": "kept in the inbox, turn not committed",
    "b": "turn committed, reply not sent",
    "c": "reply taken by Telegram, not noted",
}
FAR = datetime(2100, 1, 1, tzinfo=UTC)

Step = tuple[str, tuple[str, ...]]
"""What someone types or taps, and each message the bot answers with."""


# --- what people say -------------------------------------------------------------------------


class Words:
    """Words nobody else types; all of one length, so that none is in another."""

    def __init__(self, person: int) -> None:
        self.person = person
        self.given: list[str] = []

    def line(self) -> str:
        """Return something to type: an ordinary line, too long to become a button."""
        number = self.person * 1000 + len(self.given)
        letters = ""
        for _ in range(5):
            number, rest = divmod(number, 20)
            letters += "bcdfghjklmnpqrstvwxz"[rest] + "aeiou"[rest % 5]
        self.given.append(letters)
        return f"the table by the {letters} window was taken"


def moment(words: Words) -> Iterator[Step]:
    yield "/log", ("What happened",)
    yield words.line(), ("How strong was it",)
    yield "5", ("what did you do",)
    yield words.line(), ("Kept.",)
    yield "Add body", ("Where in the body",)
    yield words.line(), ("What is it like there",)
    yield words.line(), ("Kept.",)
    yield "Add the story", ("What did your mind",)
    yield words.line(), ("It's written down",)
    yield "Add more", ("Kept.",)
    yield "Add the urge", ("want to do, right then",)
    yield words.line(), ("Kept.",)
    yield "What came after", ("what came after",)
    yield words.line(), ("Kept.",)
    yield "With whom", ("Who was it with",)
    yield words.line(), ("Kept.",)


def checkin(words: Words, before: int) -> Iterator[Step]:
    yield "/checkin", ("?",)
    yield words.line(), ("Closer or further",)
    if before % 2:  # every second one asks a third question
        yield "Closer", ("One honest thing",)
        yield "Almost", ("A line, if you like",)
    else:
        yield "Closer", ("A line, if you like",)
    if not before:
        yield words.line(), ("Kept.", "Shall I send")
        yield "No", ("is there any time",)
    else:
        yield words.line(), ("Kept.",)


def note(words: Words) -> Iterator[Step]:
    yield words.line(), ("I may miss this",)
    yield "Keep it as a note", ("Kept.",)


def stopped(words: Words) -> Iterator[Step]:
    """Leave a draft behind."""
    yield "/log", ("What happened",)
    yield words.line(), ("How strong was it",)
    yield "/cancel", ("waits under /log",)


def script(words: Words, rounds: int) -> Iterator[Step]:
    """Return one person's steps; not everyone begins with the same."""
    checkins = 0
    for number in range(rounds):
        match (number + len(words.given) + words.person) % 4:
            case 0:
                yield from moment(words)
            case 1:
                yield from checkin(words, checkins)
                checkins += 1
            case 2:
                yield from note(words)
            case _:
                yield from stopped(words)


def chat_of(update: Any) -> int:
    """Return the chat a message or a tap came from."""
    found = update.get("message") or update["callback_query"]["message"]
    return int(found["chat"]["id"])


# --- who talks -------------------------------------------------------------------------------


@dataclass
class Talker:
    """One person on their way through their script, and what must have reached them."""

    who: int
    words: Words
    steps: Iterator[Step]
    heard: int
    """Messages of the bot's so far that belong to earlier steps."""
    orphans: set[int] = field(default_factory=set)
    """Messages Telegram took and the bot never noted: each of them comes once more."""
    owed: tuple[str, ...] = ()
    new_orphans: int = 0


@dataclass
class Kill:
    """What one kill met."""

    aim: str
    undone: int
    unsent: int
    doubled: int

    @property
    def windows(self) -> set[Window]:
        met: dict[Window, int] = {"a": self.undone, "b": self.unsent, "c": self.doubled}
        return {window for window, rows in met.items() if rows}


class Murder:
    """People who talk, and a bot that is killed while they do."""

    def __init__(self, house: House, people: int, *, seed: int) -> None:
        self.house = house
        self.telegram = house.telegram
        self.dice = random.Random(seed)  # noqa: S311 - delays, no secrets
        self.kills: list[Kill] = []
        self.talkers: list[Talker] = []
        # Strangers who only make a page of updates long.
        self.crowd = [self.telegram.join(f"Passer-by {number}") for number in range(CROWD)]
        for number in range(people):
            who = house.newcomer(f"Talker {number}")
            words = Words(number)
            heard = len(self.telegram.answers(who))
            self.talkers.append(Talker(who, words, script(words, 1000), heard))

    # --- one round: everyone does one thing

    def round(self, aim: str | None) -> None:
        """Let everyone do one thing, kill the bot meanwhile if asked to, and wait for the rest."""
        steps = [next(talker.steps) for talker in self.talkers]
        before = self.telegram.count("sendMessage")
        if aim == "a":
            # What people do piles up while the bot does not look, and comes to it in one page.
            self.house.bot.send_signal(signal.SIGSTOP)
            for who in self.crowd:
                self.telegram.send(who, "/help")
        elif aim == "b":
            self.telegram.act(
                "fail", method="sendMessage", status=502, description="Bad Gateway", times=1000
            )
        elif aim == "c":
            self.telegram.act("hold", method="sendMessage")
        for talker, (what, owed) in zip(self.talkers, steps, strict=True):
            talker.owed, talker.new_orphans = owed, 0
            self.house.do(talker.who, what)
        if aim is not None:
            self._wait_for(aim, before)
            self.house.bot.kill()
            self.telegram.act("clear")
            self._look(aim)
            self.house.bot.start()
        for talker in self.talkers:
            self._hear(talker)

    def _wait_for(self, aim: str, before: int) -> None:
        """Wait for the moment that is aimed at."""
        match aim:
            case "a":
                self.house.bot.send_signal(signal.SIGCONT)
                # An update is confirmed by the question that comes after it was kept.
                until(lambda: self.telegram.waiting() == 0, "the updates are confirmed", glance=0)
            case "b":
                asked = self.dice.randint(1, len(self.talkers))
                until(lambda: self.telegram.count("sendMessage") >= before + asked, "replies fail")
            case "c":
                taken = self.dice.randint(1, len(self.talkers))
                until(lambda: self.telegram.count("sendMessage") >= before + taken, "replies hang")
            case _:
                self._pass(self.dice.uniform(0, 0.06))

    def _pass(self, span: float) -> None:
        end = time.monotonic() + span
        while time.monotonic() < end:
            pass

    def _hear(self, talker: Talker) -> None:
        """Wait for all that is owed, copies included, and take it as heard."""
        due = len(talker.owed) + talker.new_orphans
        self.house.hears(talker.who, talker.heard + due)
        new = self.house.answered(talker.who, talker.heard, *talker.owed)
        assert len(new) == due, [one["text"] for one in new]
        talker.heard += due

    # --- what a kill met

    def _look(self, aim: str) -> None:
        with self.house.bot.copied(self.house.folder / "copy") as database:
            undone, replies, noted = asyncio.run(self.house.bot.inside(database, self._rows))
        doubled = 0
        for talker in self.talkers:
            arrived = {one["message_id"] for one in self.telegram.answers(talker.who)}
            orphans = arrived - noted[talker.who] - talker.orphans
            talker.orphans |= orphans
            talker.new_orphans = len(orphans)
            doubled += len(orphans)
        self.kills.append(Kill(aim, undone, replies - doubled, doubled))

    def _rows(self, tx: Tx) -> tuple[int, int, dict[int, set[int]]]:
        whose = {talker.who for talker in self.talkers}
        pending = tx.pending(10_000, now=FAR)
        replies = sum(row.call["kind"] == "say" and row.chat in whose for row in pending)
        noted = {}
        for talker in self.talkers:
            person = tx.person_by_chat(talker.who)
            assert person is not None
            noted[talker.who] = {one.message_id for one in tx.sightings(person.id)}
        chats = [json.loads(row.payload) for row in tx.undone(10_000)]
        return sum(chat_of(update) in whose for update in chats), replies, noted

    # --- the account

    def met(self) -> Counter[Window]:
        return Counter(window for kill in self.kills for window in kill.windows)

    def table(self) -> str:
        met = self.met()
        doubles = sum(len(talker.orphans) for talker in self.talkers)
        lines = [f"{len(self.kills)} kills, {len(self.talkers)} people talking"]
        lines += [f"  ({window}) {what}: {met[window]}" for window, what in WINDOWS.items()]
        lines.append(f"  in none of them: {sum(not kill.windows for kill in self.kills)}")
        lines.append(f"  replies doubled: {doubles}, all after a kill in (c)")
        return "\n".join(lines)

    def check(self) -> None:
        """Everything typed is kept exactly once; copies are exactly the ones accounted for."""
        typed = 0
        for talker in self.talkers:
            whole = self.house.export(talker.who)
            kept = list(leaves([whole["entries"], whole["drafts"]]))
            counts = {w: sum(text.count(w) for text in kept) for w in talker.words.given}
            assert set(counts.values()) == {1}, {w: n for w, n in counts.items() if n != 1}
            typed += len(counts)
            self._check_copies(talker)
        print(f"{self.table()}\n  words typed and found once each: {typed}")  # noqa: T201

    def _check_copies(self, talker: Talker) -> None:
        # A question's buttons carry its number, so two with the same are one sent twice.
        asked = Counter(
            str(call["params"]["reply_markup"])
            for call in self.telegram.calls("sendMessage")
            if call["ok"]
            and int(call["params"]["chat_id"]) == talker.who
            and "callback_data" in str(call["params"].get("reply_markup"))
        )
        twice = sum(number - 1 for number in asked.values())
        assert twice <= len(talker.orphans)
        # Nothing came that was not waited for: what is left is the answer to /export.
        answers = self.telegram.answers(talker.who)
        for one in answers[talker.heard :]:
            assert one["kind"] == "document" or one["text"].startswith(EXPORTED), one["text"]


def kill_until(folder: Path, *, kills: int, each: int, people: int, seed: int) -> Murder:
    """Kill so often, and go on until each window was met often enough; bounded."""
    house = House(folder)
    try:
        house.bot.start()
        murder = Murder(house, people, seed=seed)
        aims = ("a", "b", "c", "any")
        for number in range(4 * kills):
            met = murder.met()
            missing = [window for window in WINDOWS if met[window] < each]
            if len(murder.kills) >= kills and not missing:
                break
            aim = aims[number % len(aims)]
            if len(murder.kills) >= kills:
                aim = missing[number % len(missing)]
            murder.round(aim)
        murder.round(None)
        murder.check()
        assert len(murder.kills) >= kills
        assert all(murder.met()[window] >= each for window in WINDOWS), murder.table()
        assert house.bot.stop() == 0
        return murder
    finally:
        house.close()


def test_nothing_is_lost_when_the_bot_is_killed(tmp_path: Path) -> None:
    kill_until(tmp_path, kills=12, each=2, people=6, seed=1)


@pytest.mark.long
def test_nothing_is_lost_in_sixty_kills(tmp_path: Path) -> None:
    kill_until(tmp_path, kills=60, each=5, people=8, seed=2)
