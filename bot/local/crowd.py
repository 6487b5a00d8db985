"""A closed-loop load: many people, each going on as soon as the bot has answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from bot.local.standin import Change, Standin

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing a person does, and how many messages of the bot's they wait for after it."""

    text: str
    tap: bool = False
    replies: int = 1


@dataclass(slots=True)
class Walker:
    """One person on their way through the inputs."""

    guest: Guest
    inputs: tuple[Input, ...]
    at: int = 0
    owed: int = 0
    since: float = 0.0
    took: list[float] = field(default_factory=list)
    scheduled: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do and nothing is owed."""
        return self.at >= len(self.inputs) and self.owed <= 0


class Crowd:
    """The people of one load run."""

    def __init__(self, standin: Standin, scripts: list[tuple[Input, ...]], people: int) -> None:
        self.standin = standin
        self.walkers = {
            guest.id: Walker(guest, scripts[index % len(scripts)])
            for index in range(people)
            for guest in [standin.join(f"Load {index}")]
        }
        self.left = len(self.walkers)
        self.sent = 0
        self.replies = 0
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self, limit: float, *, detail: bool = False) -> JSON:
        """Let everyone walk; return the report, also when the time limit ends it."""
        stop = self.standin.watch(self._seen)
        begun = perf_counter()
        try:
            for walker in self.walkers.values():
                self._step(walker)
            async with asyncio.timeout(limit):
                await self._done.wait()
        except TimeoutError:
            pass
        finally:
            stop()
        return self._report(perf_counter() - begun, detail=detail)

    def _seen(self, change: Change) -> None:
        if change.kind != "message":
            return
        walker = self.walkers.get(change.chat)
        if walker is None:
            return
        sender = walker.guest.chat.posts[change.message_id].message.get("from")
        if not sender or not sender["is_bot"]:
            return
        self.replies += 1
        walker.owed -= 1
        if walker.owed == 0:
            walker.took.append(perf_counter() - walker.since)
        if walker.owed <= 0 and not walker.scheduled:
            # Not at once: the bot should have its answer to this very call first.
            walker.scheduled = True
            self._loop.call_soon(self._step, walker)

    def _step(self, walker: Walker) -> None:
        walker.scheduled = False
        if walker.at >= len(walker.inputs):
            if walker.finished and walker.since >= 0:
                walker.since = -1.0
                self.left -= 1
                if self.left == 0:
                    self._done.set()
            return
        wanted = walker.inputs[walker.at]
        owed, since = walker.owed, walker.since
        walker.owed, walker.since = wanted.replies, perf_counter()
        try:
            if wanted.tap:
                walker.guest.tap(wanted.text)
            else:
                walker.guest.send(wanted.text)
        except LookupError:
            # The button is still to come, with another message of the same turn.
            walker.owed, walker.since = min(owed, 0), since
            return
        walker.at += 1
        self.sent += 1
        if wanted.replies == 0:
            self._loop.call_soon(self._step, walker)

    def _report(self, elapsed: float, *, detail: bool) -> JSON:
        took = sorted(1000 * one for walker in self.walkers.values() for one in walker.took)
        report: JSON = {
            "people": len(self.walkers),
            "sent": self.sent,
            "replies": self.replies,
            "finished": len(self.walkers) - self.left,
            "elapsed": round(elapsed, 4),
            "per_second": round(len(took) / elapsed, 1) if elapsed else 0,
            "latency_ms": {
                name: round(took[min(len(took) - 1, int(len(took) * part))], 2) if took else None
                for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
            },
            "stuck": [
                {"id": number, "at": walker.at, "owed": walker.owed}
                for number, walker in self.walkers.items()
                if not walker.finished
            ][:20],
        }
        if detail:
            report["each_ms"] = {
                number: [round(1000 * one, 2) for one in walker.took]
                for number, walker in self.walkers.items()
            }
        return report


def scripts(told: JSON) -> list[tuple[Input, ...]]:
    """Read the inputs of a load: one script for all, or several dealt out in turn."""
    written = told.get("scripts") or [told["inputs"]]
    return [tuple(_input(one, int(told.get("replies", 1))) for one in script) for script in written]


def _input(one: Any, replies: int) -> Input:
    if isinstance(one, str):
        return Input(one, replies=replies)
    tap = "tap" in one
    return Input(one["tap"] if tap else one["text"], tap, int(one.get("replies", replies)))
