"""How quickly people are answered while a great many daily notes wait their turn."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.contestants import AGAIN, LIMITED, OURS, TYPED, Contestant, Stage, stage
from bench.crowd import Input, Tap
from bench.plan import Plan
from bench.table import against, spread, table, verdict
from bench.town import Town, settle
from bot.clock import ShiftedClock
from bot.local.guest import Guest
from bot.local.standin import FIRST_PERSON, Change, Standin

RATE = 25.0
"""Notes a second that ours sends: the default of its setting."""
THEIRS = 30.0
"""Calls a second that the other lets through: its default."""

PACE = 4.0
"""Seconds from one thing a person does to the next, at least."""
AHEAD = timedelta(hours=6)
ROUNDS = 2
AIM = 250.0
DRAINED = 1.03
LONGEST = 150.0
"""Seconds after which whoever has no reply counts as still waiting."""
GLANCE = 40.0
"""Seconds of the queue that the taps are measured in."""

MOMENT: tuple[Input, ...] = ("Right now", "/cancel")


@dataclass(slots=True)
class Load:
    """What came of one queue."""

    took: list[float] = field(default_factory=list)
    waiting: int = 0
    """People who had no reply when it ended."""
    drained: float = 0.0
    """Seconds until the last note was there; as long as it was looked at, if it was not."""

    def late(self, part: float) -> float:
        """Return within how many milliseconds this part of the replies came."""
        took = sorted(self.took)
        return 1000 * took[min(len(took) - 1, int(len(took) * part))]


@dataclass(frozen=True, slots=True)
class Queue:
    """Notes that are due at once, and people who talk meanwhile."""

    notes: int
    talking: int
    inputs: tuple[Input, ...]
    whole: bool
    """Until the last note is there, and every reply counts; else for a glance, and only taps."""


class Replies:
    """Sees when the bot answers people, and when notes reach those who said nothing."""

    def __init__(self, standin: Standin, quiet: range) -> None:
        self._standin = standin
        self._quiet = quiet
        self._asked: dict[int, tuple[asyncio.Future[float], float]] = {}
        self._heard: set[int] = set()
        self.all_heard = asyncio.Event()
        self.stop = standin.watch(self._seen)

    async def to(self, guest: Guest, wanted: Input) -> float:
        """Let someone do something; return after how many seconds a message answered it."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        begun = perf_counter()
        self._asked[guest.id] = future, begun
        if isinstance(wanted, Tap):
            guest.tap(wanted.label)
        else:
            guest.send(wanted)
        return await future - begun

    def waited(self) -> list[float]:
        """Return for how many seconds those have waited who had no reply yet."""
        return [perf_counter() - begun for _, begun in self._asked.values()]

    def _seen(self, change: Change) -> None:
        if change.kind != "message":
            return
        message = self._standin.chats[change.chat].posts[change.message_id].message
        if not message["from"]["is_bot"]:
            return
        if change.chat in self._quiet:
            self._heard.add(change.chat)
            if len(self._heard) == len(self._quiet):
                self.all_heard.set()
            return
        future, _ = self._asked.pop(change.chat, (None, 0.0))
        if future is not None and not future.done():
            future.set_result(perf_counter())


async def drain(plan: Plan) -> str:
    """Measure replies while notes that are due at once are sent, and how long those take."""
    loads = await _loads(plan, _talking, whole=True)
    title = (
        f"DRAIN: {plan.queued:,} notes due in one minute, {plan.talking} people talking "
        f"throughout, one thing each {PACE:g} s at most.\n"
        f"Ours sends notes at {RATE:g}/s and holds no reply to that; AIORateLimiter lets "
        f"{THEIRS:g} calls a second through, first come, first served"
    )
    head = (
        "",
        "p50 ms",
        "p99 ms",
        "ours ÷ it (p99)",
        "no reply yet",
        "s to drain",
        "÷ (notes ÷ rate)",
    )
    rows = []
    for name, found in loads.items():
        rate = RATE if name == OURS.name else THEIRS
        rows.append(
            (
                name,
                spread([load.late(0.5) for load in found]),
                spread([load.late(0.99) for load in found]),
                _beside(loads, name),
                spread([load.waiting for load in found]),
                spread([load.drained for load in found], ".1f"),
                spread([load.drained / (plan.queued / rate) for load in found], ".3f"),
            )
        )
    lines = [table(title, head, rows)]
    if OURS.name in loads:
        ours = loads[OURS.name]
        lines.append(_verdict(ours))
        over = median(load.drained for load in ours) / (plan.queued / RATE)
        lines.append(f"  ours, time to drain ÷ (notes ÷ rate), {verdict(over, DRAINED, most=True)}")
    return "\n".join(lines)


async def tap(plan: Plan) -> str:
    """Measure from [Right now] to the first line for the body while notes are being sent."""
    loads = await _loads(plan, lambda _: MOMENT, whole=False)
    title = (
        f"TAP: from [Right now] to the line for the body, {plan.talking} people, "
        f"{plan.queued:,} notes queued (the first {GLANCE:g} s of them)"
    )
    head = ("", "p50 ms", "p99 ms", "ours ÷ it (p99)", "no reply yet", "taps")
    rows = [
        (
            name,
            spread([load.late(0.5) for load in found]),
            spread([load.late(0.99) for load in found]),
            _beside(loads, name),
            spread([load.waiting for load in found]),
            spread([len(load.took) for load in found]),
        )
        for name, found in loads.items()
    ]
    lines = [table(title, head, rows)]
    if OURS.name in loads:
        lines.append(_verdict(loads[OURS.name]))
    return "\n".join(lines)


def _beside(loads: dict[str, list[Load]], name: str) -> str:
    if name == OURS.name or OURS.name not in loads:
        return ""
    ours, theirs = ([load.late(0.99) for load in loads[one]] for one in (OURS.name, name))
    return against(ours, theirs)


def _verdict(ours: Sequence[Load]) -> str:
    worst = max(load.late(0.99) for load in ours)
    return f"  ours, p99 ms in every round, {verdict(worst, AIM, most=True)}"


def _talking(who: Contestant) -> tuple[Input, ...]:
    return (AGAIN, *TYPED, *who.tapped)


async def _loads(
    plan: Plan, inputs: Callable[[Contestant], tuple[Input, ...]], *, whole: bool
) -> dict[str, list[Load]]:
    peer = LIMITED.here and any(one.needs == "telegram" for one in plan.present)
    who = [*([OURS] if plan.ours else ()), *([LIMITED] if peer else ())]
    found: dict[str, list[Load]] = {one.name: [] for one in who}
    for turn in range(min(ROUNDS, plan.rounds)):
        folder = plan.folder / str(turn)
        for one in who:
            queue = Queue(plan.queued, plan.talking, inputs(one), whole)
            found[one.name].append(await _loaded(one, folder / one.needs, queue))
    return found


async def _loaded(who: Contestant, folder: Path, queue: Queue) -> Load:
    """Let people talk while notes are sent, from the moment these are due on."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - nothing else goes on yet
    clock = ShiftedClock(folder / "clock")
    settings = {"BOT_TRY_CLOCK": str(folder / "clock")} if who.ours else {}
    async with stage(who, folder, clock=clock, **settings) as at:
        for number in range(queue.notes):
            at.standin.join(f"Quiet {number}").chat.started = True
        due = (datetime.now(UTC) + AHEAD).replace(second=0, microsecond=0)
        if who.ours:
            await settle(at.folder, Town(queue.notes, due, timedelta(), FIRST_PERSON))
        await at.start()
        await at.onboard(queue.talking)
        await at.quiet()
        replies = Replies(at.standin, range(FIRST_PERSON, FIRST_PERSON + queue.notes))
        gc.collect()
        gc.disable()  # a pause in here would look like one of the bot's
        try:
            begun = perf_counter()
            if who.ours:
                clock.skip(due - clock.now())
            else:
                at.guests[0].send(f"/due {FIRST_PERSON} {queue.notes}")
            return await _talked(at, replies, queue, begun)
        finally:
            gc.enable()
            replies.stop()


async def _talked(at: Stage, replies: Replies, queue: Queue, begun: float) -> Load:
    load, over = Load(), asyncio.Event()
    talks = [
        asyncio.create_task(_talk(guest, PACE * number / queue.talking, queue, replies, load, over))
        for number, guest in enumerate(at.guests)
    ]
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST if queue.whole else GLANCE):
            await replies.all_heard.wait()
    load.drained = perf_counter() - begun
    over.set()
    done, waiting = await asyncio.wait(talks, timeout=5.0)
    # They have waited that long at least; to leave them out would flatter who answers nobody.
    without = replies.waited()
    load.waiting = len(without)
    load.took += without
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for one in done:
        one.result()
    return load


async def _talk(  # noqa: PLR0913, PLR0917 - all of what someone does
    guest: Guest,
    first: float,
    queue: Queue,
    replies: Replies,
    load: Load,
    over: asyncio.Event,
) -> None:
    """Go through the inputs again and again, each when the last is answered, at a human pace."""
    await asyncio.sleep(first)
    at = 0
    while not over.is_set():
        wanted, at = queue.inputs[at % len(queue.inputs)], at + 1
        next_at = perf_counter() + PACE
        took = await replies.to(guest, wanted)
        if queue.whole or wanted == MOMENT[0]:
            load.took.append(took)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, next_at - perf_counter())):
                await over.wait()
