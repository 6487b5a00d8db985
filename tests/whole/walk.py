"""Finding a way through the loaded flows to a step, tap by tap, by what is seen in the chat."""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach.commands import FLOWS
from bot.flows.model import FLOW, NAME, Ask, Choose, ChooseMany, Library, Run, Say, Scale
from tests.whole.house import House, Json, until

Place = tuple[str, str]
"""A flow and a step in it."""

ORDINARY = "the lamp in the hall was on"
TYPED: dict[Place, str] = {
    ("zone", "city"): "Berlin",
    ("daily", "at"): "20:30",
    ("sos", "which"): "Germany",
}
"""What is typed on the way where an ordinary line leads nowhere."""

QUIET = 0.15
"""Seconds without a change in the chat after which the bot is through with its answer."""
TRIES = 3
"""How often one way on is tried before another one is."""


@dataclass(frozen=True)
class Way:
    """One thing to do at a question: tap what it says, type it, or tap anything offered."""

    what: str
    kind: str = "tap"


class Map:
    """Where every answer of every flow may lead, as far as the content says."""

    def __init__(self, library: Library) -> None:
        self.library = library
        commands = {flow: f"/{name}" for name, flow in FLOWS.items()}
        self.starts: dict[Place, str] = {
            place: command
            for flow, command in commands.items()
            for place in self._questions(self._target(flow, FLOW + flow), set())
        }

    def free(self) -> list[Place]:
        """Return every question that takes own words and can be reached by some command."""
        seen, waiting = set(self.starts), deque(self.starts)
        while waiting:
            for _, place in self.ways(waiting.popleft()):
                if place not in seen:
                    seen.add(place)
                    waiting.append(place)
        return sorted(
            place
            for place in seen
            # Cards open by what is written, not by taps: their own tests type there.
            if self._takes_words(place) and not place[0].startswith("card_")
        )

    def route(self, start: Place | None, goal: Place, tried: Counter[tuple[Place, Way]]) -> Way:
        """Return the next thing to do on the shortest way that was not tried too often."""
        first: dict[Place, Way] = {}
        if start is not None:
            for way, place in self.ways(start):
                if tried[start, way] < TRIES:
                    first.setdefault(place, way)
        found = self._nearest(first, goal, tried)
        if found is not None:
            return found
        opened = {place: Way(command, "command") for place, command in self.starts.items()}
        found = self._nearest(opened, goal, tried)
        assert found is not None, f"no way to {goal} is left"
        return found

    def _nearest(
        self, first: dict[Place, Way], goal: Place, tried: Counter[tuple[Place, Way]]
    ) -> Way | None:
        waiting, begun = deque(first), dict(first)
        while waiting:
            place = waiting.popleft()
            if place == goal:
                return begun[place]
            for way, after in self.ways(place):
                if after not in begun and tried[place, way] < TRIES:
                    begun[after] = begun[place]
                    waiting.append(after)
        return None

    def ways(self, place: Place) -> Iterator[tuple[Way, Place]]:
        """Yield what can be done at a question and the questions it may lead to."""
        flow, name = place
        step = self.library.flows[flow].step(name)
        if step is None or isinstance(step, Say | Run):
            return
        # Ticking one of many only ticks it; typing is what leads on.
        ticks = isinstance(step, ChooseMany)
        for option in (one for one in step.options if not (ticks and one.answer)):
            for target in (FLOW + option.visit if option.visit else None, option.next or step.next):
                yield from self._ways(Way(option.text), flow, target)
        match step:
            case Ask():
                yield from self._ways(Way("words", "type"), flow, step.next)
            case Scale():
                for number in (5, 8, 2):
                    spans = [s.next for s in step.ranges if s.least <= number <= s.most]
                    yield from self._ways(Way(str(number)), flow, (*spans, step.next)[0])
            case Choose() | ChooseMany():
                if step.free:
                    yield from self._ways(Way("words", "type"), flow, step.next)
                if step.offer:
                    yield from self._ways(Way("any", "offer"), flow, step.next)
            case _:
                pass

    def _ways(self, way: Way, flow: str, target: str | None) -> Iterator[tuple[Way, Place]]:
        if target is not None:
            for place in self._questions(self._target(flow, target), set()):
                yield way, place

    def _target(self, flow: str, target: str) -> Place:
        if target.startswith(FLOW):
            other = target.removeprefix(FLOW)
            return other, self.library.flows[other].first
        return flow, target

    def _questions(self, place: Place, seen: set[Place]) -> Iterator[Place]:
        """Yield the questions that come next, past what is only said or worked out."""
        flow, name = place
        step = self.library.flows[flow].step(name)
        if step is None or place in seen:
            return
        seen.add(place)
        match step:
            case Say():
                yield from self._questions(self._target(flow, step.next), seen)
            case Run():
                for target in (*step.goto.values(), step.next):
                    if target is not None:
                        yield from self._questions(self._target(flow, target), seen)
            case _:
                yield place

    def _takes_words(self, place: Place) -> bool:
        match self.library.flows[place[0]].step(place[1]):
            case Ask():
                return True
            case Choose(free=free) | ChooseMany(free=free):
                return free
            case _:
                return False

    def seen(self, text: str, labels: set[str]) -> Place | None:
        """Tell which question a bubble shows; the one with the most words of its own wins."""
        found: list[tuple[int, Place]] = []
        for flow in self.library.flows.values():
            for step in flow.steps:
                if isinstance(step, Say | Run):
                    continue
                own = {option.text for option in step.options}
                said = re.sub(r"<[^>]+>", "", step.text).strip()
                pattern = ".*".join(re.escape(part) for part in NAME.sub("\0", said).split("\0"))
                if own <= labels and re.search(rf"(^|\s){pattern}$", text, re.DOTALL):
                    weight = len(NAME.sub("", said)) + sum(map(len, own))
                    found.append((weight, (flow.id, step.id)))
        return max(found)[1] if found else None


@dataclass
class Walker:
    """One person who follows the map."""

    house: House
    map: Map
    who: int
    tried: Counter[tuple[Place, Way]] = field(default_factory=Counter)

    def reach(self, goal: Place, most: int = 60) -> bool:
        """Go to a question; whether it could be reached."""
        here = self.here()
        for _ in range(most):
            if here == goal:
                return True
            way = self.map.route(here, goal, self.tried)
            if here is not None:
                self.tried[here, way] += 1
            self.go(way)
            here = self.here()
        return False

    def here(self) -> Place | None:
        """Return the open question: the last bubble with buttons."""
        asked = [one for one in self.house.telegram.answers(self.who) if one["buttons"]]
        return self.map.seen(asked[-1]["text"], labels(asked[-1])) if asked else None

    def go(self, way: Way) -> None:
        """Do one thing and wait until the bot is through with it."""
        match way.kind:
            case "type":
                self.say(self._typed())
            case "offer":
                self.say(self._offered())
            case _:
                self.say(way.what)

    def say(self, what: str) -> None:
        before = self.sight()
        self.house.do(self.who, what)
        self.quiet(before)

    def sight(self) -> list[tuple[Any, ...]]:
        return [
            (one["message_id"], one["text"], labels(one))
            for one in self.house.telegram.answers(self.who)
        ]

    def quiet(self, before: list[tuple[Any, ...]]) -> None:
        """Wait until something changed and then nothing does for a moment."""
        last, since = before, time.monotonic()

        def still() -> bool:
            nonlocal last, since
            self.house.alive()
            now = self.sight()
            if now != last:
                last, since = now, time.monotonic()
            return last != before and time.monotonic() - since > QUIET

        until(still, f"{self.who} is answered", glance=0.01)

    def _typed(self) -> str:
        here = self.here()
        if here == ("zone", "place"):
            # A time that several places share, so that they are asked about.
            return f"{datetime.now(ZoneInfo('Europe/Berlin')):%H:%M}"
        return TYPED.get(here, ORDINARY) if here else ORDINARY

    def _offered(self) -> str:
        """Return a button that the flow's own options do not have."""
        asked = [one for one in self.house.telegram.answers(self.who) if one["buttons"]][-1]
        place = self.here()
        step = self.map.library.flows[place[0]].step(place[1]) if place else None
        own = {o.text for o in step.options} if step and not isinstance(step, Say | Run) else set()
        return next(
            str(key["text"]) for row in asked["buttons"] for key in row if key["text"] not in own
        )


def labels(bubble: Json) -> set[str]:
    return {key["text"] for row in bubble["buttons"] for key in row}
