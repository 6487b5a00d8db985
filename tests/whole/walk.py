"""Coming to every question that takes words of one's own, the way people come to it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.clock import ShiftedClock
from bot.flows.model import Ask, Choose, ChooseMany, Library, Step
from bot.flows.session import Session
from bot.local.guest import Bubble
from tests.chat import Chat
from tests.whole.house import CONSENTED, PATIENCE, Bot, House, until

Place = str
"""A flow and a step in it: ``log.did``."""

ROADS = Path(__file__).with_name("roads.txt")

READ = frozenset(
    {
        *("daily.at", "entry.when", "notes.quiet", "plan.date", "plan.new_date"),
        *("ritual.days", "ritual.time", "settings.suggest", "settings.which_country"),
        *("sos.suggest", "sos.which", "zone.city", "zone.place"),
    }
)
"""Questions for a time, a day or a place: words that name none are no answer, and are let go."""

SPAN = re.compile(r"\+(\d+)([mhd])")
CLOCK = re.compile(r"@(\d\d):(\d\d)")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Hands(Protocol):
    """One person who talks to the bot, and what a test may know of them."""

    def now(self) -> datetime:
        """Return what time it is for the bot."""
        ...

    async def do(self, what: str) -> None:
        """Tap what a button says, type anything else; back when the bot is through with it."""
        ...

    async def wait(self, by: timedelta) -> None:
        """Let time pass, and what is due come."""
        ...

    async def place(self) -> Place | None:
        """Return the open question."""
        ...


# --- where words are taken, and how to come there ---------------------------------------------


def takes_words(step: Step | None) -> bool:
    """Whether any words are an answer at a step."""
    return isinstance(step, Ask) or (isinstance(step, Choose | ChooseMany) and step.free)


def places(library: Library) -> list[Place]:
    """Return every question of every flow that takes words of one's own."""
    return sorted(
        f"{flow.id}.{step.id}"
        for flow in library.flows.values()
        for step in flow.steps
        if takes_words(step)
    )


def step_at(library: Library, place: Place) -> Step:
    flow, _, name = place.partition(".")
    step = library.flows[flow].step(name)
    assert step is not None
    return step


def roads() -> dict[Place, tuple[str, ...]]:
    """Return what someone who has just said yes does to come to each of these questions."""
    found: dict[Place, tuple[str, ...]] = {}
    lines = ROADS.read_text(encoding="utf-8").splitlines()
    told = dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))

    def road(place: Place) -> tuple[str, ...]:
        if place not in found:
            first, *rest = told[place].split(" > ")
            found[place] = (*(road(first) if first in told else (first,)), *rest)
        return found[place]

    return {place: road(place) for place in told}


async def walk(hands: Hands, road: Iterable[str]) -> None:
    """Do one thing after another."""
    for what in road:
        if span := SPAN.fullmatch(what):
            await hands.wait(timedelta(**{UNITS[span[2]]: int(span[1])}))
        elif clock := CLOCK.fullmatch(what):
            now = hands.now()
            then = now.replace(hour=int(clock[1]), minute=int(clock[2]))
            await hands.wait(then - now if then > now else then - now + timedelta(days=1))
        else:
            await hands.do(what)


async def arrive(hands: Hands, place: Place) -> None:
    """Go to a question and see that it is the open one."""
    await walk(hands, roads()[place])
    there = await hands.place()
    assert there == place, f"the road to {place} ended at {there}"


def open_place(session: Session) -> Place | None:
    return f"{session.top.flow}.{session.top.step}" if session.top else None


# --- hands in this process, and in another ----------------------------------------------------


class Inside:
    """Hands where the whole bot runs in the test's own process."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    def now(self) -> datetime:
        return self.chat.clock.now()

    async def do(self, what: str) -> None:
        await self.hear(what)

    async def hear(self, what: str) -> list[Bubble]:
        """Do one thing and return what the bot wrote."""
        try:
            return await self.chat.tap(what)
        except LookupError:
            return await self.chat.type(what)

    async def wait(self, by: timedelta) -> None:
        await self.chat.skip(by)

    async def place(self) -> Place | None:
        return open_place(await self.session())

    async def session(self) -> Session:
        who = self.chat.guest.id
        loaded = await self.chat.house.store.read(lambda tx: tx.load(who))
        return Session.from_json((loaded and loaded[1]) or {})

    async def another(self, name: str) -> Inside:
        """Let someone else join the same house and agree that what they write is kept."""
        old = self.chat
        other = Inside(Chat(old.standin.join(name), old.standin, old.house, old.clock))
        await walk(other, CONSENTED)
        return other


class Window:
    """A look into a bot that runs as ``loud.py``: where someone is, once it is through."""

    def __init__(self, bot: Bot) -> None:
        number = bot.folder / "window"
        port = until(lambda: number.read_text("ascii") if number.exists() else "", "a window")
        self._line = socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE)
        self._file = self._line.makefile("rw", encoding="ascii")

    def look(self, who: int) -> Place | None:
        self._file.write(f"{who}\n")
        self._file.flush()
        place: Place | None = json.loads(self._file.readline())
        return place

    def close(self) -> None:
        self._file.close()
        self._line.close()


class Outside:
    """Hands where the bot is a process of its own and has a window."""

    def __init__(self, house: House, window: Window, who: int) -> None:
        self.house = house
        self.window = window
        self.who = who

    def now(self) -> datetime:
        return ShiftedClock(self.house.telegram.clock).now()

    async def do(self, what: str) -> None:
        self.house.do(self.who, what)
        await self.place()

    async def wait(self, by: timedelta) -> None:
        self.house.telegram.act("skip", seconds=by.total_seconds())
        await self.place()

    async def place(self) -> Place | None:
        self.house.settle()
        return self.window.look(self.who)
