"""What is measured; a new row is one more function in ``ROWS``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from bench.clock import clock
from bench.contestants import (
    AGAIN,
    AIOGRAM,
    AIOGRAM_UVLOOP,
    OURS,
    PTB_MANY,
    TYPED,
    Stage,
    stage,
)
from bench.crowd import Input, Walk
from bench.drain import drain, tap
from bench.million import million
from bench.plan import Plan, Row
from bench.screen import screen
from bench.table import against, spread, table, verdict
from bot.local.standin import Change

FASTER = 1.2
START = 2.0
MEMORY = 120.0


@dataclass(slots=True)
class Taken:
    """One contestant's figures of one load, a value a round."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)
    lates: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    turns: int = 0

    def add(self, walk: Walk, busy: float, calls: Counter[str]) -> None:
        """Take one round in."""
        self.rates.append(walk.rate)
        self.costs.append(1000 * busy / walk.turns)
        self.halves.append(walk.latency(0.5))
        self.lates.append(walk.latency(0.95))
        self.calls += calls
        self.turns += walk.turns

    def each(self) -> str:
        """Return the calls of one turn; a page of updates is shared by many."""
        told = {m: n / self.turns for m, n in sorted(self.calls.items()) if m != "getUpdates"}
        return ", ".join(f"{count:.2f} {method}" for method, count in told.items())


async def turns(plan: Plan) -> str:
    """Measure turns a second: typed and tapped answers in an open entry."""
    typed: dict[str, Taken] = {one.name: Taken() for one in plan.present}
    tapped: dict[str, Taken] = {one.name: Taken() for one in plan.present}
    async with contextlib.AsyncExitStack() as stack:
        stages = [await stack.enter_async_context(stage(one, plan.folder)) for one in plan.present]
        for at in stages:
            await at.start()
            await at.onboard(plan.people)
        for _ in range(plan.rounds):
            for at in stages:
                await at.walk((AGAIN,))
                await at.quiet()
                await _timed(at, TYPED, typed[at.who.name])
                await _timed(at, at.who.tapped, tapped[at.who.name])
        loaded = {at.who.name: at.resident() for at in stages}
    told = (
        f"{plan.people} people, {len(TYPED)} answers a round, {plan.rounds} rounds in turn, "
        "each going on when the reply came.\nOurs screens, seals, commits with fsync and keeps to "
        "30 messages a chat at once, then 1/s: no chat comes near that in\na round, and between "
        "rounds the others' rounds let it fill up. The others store nothing."
    )
    parts = [
        told,
        _turns_table("TYPED answers", plan, typed, loaded),
        _turns_table("TAPPED answers", plan, tapped, loaded),
    ]
    return "\n\n".join(parts)


async def _timed(at: Stage, inputs: tuple[Input, ...], taken: Taken) -> None:
    before, calls = at.busy(), at.calls()
    walk = await at.walk(inputs)
    await at.quiet()
    taken.add(walk, at.busy() - before, at.calls() - calls)


def _turns_table(title: str, plan: Plan, taken: dict[str, Taken], loaded: dict[str, float]) -> str:
    ours = taken.get(OURS.name)
    rows = [
        (
            name,
            spread(one.rates),
            against(ours.rates, one.rates) if ours and name != OURS.name else "",
            spread(one.costs, ".2f"),
            f"{median(one.halves):.0f}",
            f"{median(one.lates):.0f}",
            f"{loaded[name]:.0f}",
        )
        for name, one in taken.items()
    ]
    head = ("", "turns/s", "ours ÷ it", "CPU ms/turn", "p50 ms", "p95 ms", "MB then")
    lines = [table(f"{title} (min-median-max)", head, rows)]
    lines += [f"  calls a turn, {name}: {one.each()}" for name, one in taken.items()]
    if ours and AIOGRAM in plan.present:
        ratio = median(a / b for a, b in zip(ours.rates, taken[AIOGRAM.name].rates, strict=True))
        lines.append(f"  ours ÷ aiogram, {verdict(ratio, FASTER)}")
    return "\n".join(lines)


async def start(plan: Plan) -> str:
    """Measure seconds to the first question for updates, and memory at rest after it."""
    spans: dict[str, list[float]] = {}
    sizes: dict[str, list[float]] = {}
    async with contextlib.AsyncExitStack() as stack:
        stages = [
            await stack.enter_async_context(stage(one, plan.folder))
            for one in plan.present
            if one not in {AIOGRAM_UVLOOP, PTB_MANY}
        ]
        for _ in range(plan.rounds):
            for at in stages:
                spans.setdefault(at.who.name, []).append(await at.start())
                await asyncio.sleep(1.5)
                sizes.setdefault(at.who.name, []).append(at.resident())
                await at.stop()
    ours = spans.get(OURS.name)
    rows = [
        (
            name,
            spread(took, ".2f"),
            against(ours, took) if ours and name != OURS.name else "",
            spread(sizes[name]),
        )
        for name, took in spans.items()
    ]
    lines = [table("START-UP", ("", "s to first getUpdates", "ours ÷ it", "MB at rest"), rows)]
    if ours:
        lines.append(f"  ours, seconds, {verdict(median(ours), START, most=True)}")
        size = median(sizes[OURS.name])
        lines.append(f"  ours, MB at rest, {verdict(size, MEMORY, most=True)}")
    return "\n".join(lines)


async def lost(plan: Plan) -> str:
    """Kill each bot under full load and count the updates that are never answered."""
    kills = [max(1, int(plan.people * part)) for part in (0.02, 0.2, 0.5)][: plan.rounds]
    rows = []
    for who in plan.present:
        async with stage(who, plan.folder) as at:
            await at.start()
            await at.onboard(plan.people)
            await at.walk((AGAIN,))
            found = [
                await _killed(at, str(text), after)
                for text, after in zip(TYPED, kills, strict=False)
            ]
        cells = [f"{never} ({doubled})" for never, doubled in found]
        rows.append((who.name, *cells))
    head = ("", *(f"killed after {kill} replies" for kill in kills))
    title = (
        f"LOST: of {plan.people} waiting updates, never answered after SIGKILL and a new start "
        "(answered twice)"
    )
    return table(title, head, rows)


async def _killed(at: Stage, text: str, after: int) -> tuple[int, int]:
    """Return how many people got no answer, and how many got two."""
    await at.quiet()
    await at.stop()
    replies: Counter[int] = Counter()
    enough = asyncio.Event()
    bot = at.standin.bot["id"]

    def seen(change: Change) -> None:
        if change.kind != "message":
            return
        post = at.standin.chats[change.chat].posts[change.message_id]
        if post.message["from"]["id"] == bot:
            replies[change.chat] += 1
            if replies.total() >= after:
                enough.set()

    for guest in at.guests:
        guest.send(text)
    unwatch = at.standin.watch(seen)
    await at.start()
    await enough.wait()
    await at.stop(signal.SIGKILL)
    await at.start()
    await at.quiet(3.0)
    unwatch()
    never = sum(1 for guest in at.guests if not replies[guest.id])
    return never, sum(1 for count in replies.values() if count > 1)


ROWS: dict[str, Row] = {
    "turns": turns,
    "start": start,
    "lost": lost,
    "million": million,
    "drain": drain,
    "tap": tap,
    "clock": clock,
    "screen": screen,
}
