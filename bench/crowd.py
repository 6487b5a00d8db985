"""People who talk to a bot, each going on as soon as its reply has reached them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from bot.local.guest import Guest
from bot.local.standin import Change, Standin


@dataclass(frozen=True, slots=True)
class Tap:
    """Tap the newest button with this label."""

    label: str


Input = str | Tap


@dataclass(slots=True)
class Walker:
    """One person on the way through the inputs."""

    guest: Guest
    at: int = 0
    owed: bool = False
    due: bool = False
    since: float = 0.0


@dataclass(slots=True)
class Walk:
    """What came of a walk."""

    people: int
    turns: int = 0
    elapsed: float = 0.0
    took: list[float] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Turns a second."""
        return self.turns / self.elapsed

    def latency(self, part: float) -> float:
        """Return in how many milliseconds this part of the turns had their reply."""
        took = sorted(self.took)
        return 1000 * took[min(len(took) - 1, int(len(took) * part))]


class Crowd:
    """Walks people through the same inputs; a turn is an input and the message that answers it."""

    def __init__(self, standin: Standin, guests: Sequence[Guest], inputs: Sequence[Input]) -> None:
        self._standin = standin
        self._inputs = tuple(inputs)
        self._walkers = {guest.id: Walker(guest) for guest in guests}
        self._left = len(self._walkers)
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._walk = Walk(len(self._walkers))

    async def walk(self, limit: float) -> Walk:
        """Let everyone go; a limit in seconds ends it for who is stuck."""
        walk = self._walk
        gc.collect()
        gc.disable()  # a pause in here would look like one of the bot's
        stop = self._standin.watch(self._seen)
        begun = perf_counter()
        try:
            for walker in self._walkers.values():
                self._step(walker)
            async with asyncio.timeout(limit):
                await self._done.wait()
        except TimeoutError:
            walk.stuck = [self._where(w) for w in self._walkers.values() if w.owed or w.due]
        finally:
            walk.elapsed = perf_counter() - begun
            walk.turns = len(walk.took)
            stop()
            gc.enable()
        return walk

    def _where(self, walker: Walker) -> str:
        wanted = self._inputs[walker.at - 1 if walker.owed else walker.at]
        return f"{'no reply to' if walker.owed else 'no way to'} {wanted!r}"

    def _seen(self, change: Change) -> None:
        walker = self._walkers.get(change.chat) if change.kind == "message" else None
        if walker is None or not _is_bots(walker.guest, change.message_id):
            return
        if walker.owed:
            walker.owed = False
            self._walk.took.append(perf_counter() - walker.since)
        elif not walker.due:
            return
        # Not at once: the bot should have the answer to this very call first.
        self._loop.call_soon(self._step, walker)

    def _step(self, walker: Walker) -> None:
        if walker.owed:
            return
        if walker.at == len(self._inputs):
            self._left -= 1
            if not self._left:
                self._done.set()
            return
        wanted = self._inputs[walker.at]
        walker.due = False
        walker.owed, walker.since = True, perf_counter()
        try:
            if isinstance(wanted, Tap):
                walker.guest.tap(wanted.label)
            else:
                walker.guest.send(wanted)
        except LookupError:  # the button comes with the next message of the same turn
            walker.owed, walker.due = False, True
            return
        walker.at += 1


def _is_bots(guest: Guest, message_id: int) -> bool:
    sender = guest.chat.posts[message_id].message.get("from")
    return bool(sender and sender["is_bot"])
