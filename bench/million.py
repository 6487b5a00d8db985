"""What a million people cost when they say nothing: memory, a start, and finding who is due."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench.contestants import HERE, OURS, PTB, Stage, stage
from bench.plan import Plan
from bench.table import against, spread, table, verdict
from bench.town import Town, settle
from bot.clock import SystemClock
from bot.local.standin import FIRST_PERSON, Change
from bot.store import load_master, nightly, open_store

DUE = 1000
ROUNDS = 3
FLAT = 1.1
"""Memory and start-up of a full database over those of an empty one."""
REST = 3.0
FULL_SPEED = 1000
LONGEST = 180.0
DAY = timedelta(hours=24)


@dataclass(slots=True)
class Kept:
    """One database's figures, a value a round."""

    starts: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)


async def million(plan: Plan) -> str:
    """Measure memory, start-up and finding who is due with a million people in the database."""
    parts = []
    if plan.ours:
        parts += [await _flat(plan), await _ran(plan)]
    if PTB.here and any(one.needs == PTB.needs for one in plan.present):
        parts.append(await _jobs(plan))
    return "\n\n".join(parts)


async def _flat(plan: Plan) -> str:
    town = Town(plan.crowd, datetime.now(UTC) + timedelta(hours=1), DAY)
    empty, full = Kept(), Kept()
    async with contextlib.AsyncExitStack() as stack:
        few = await stack.enter_async_context(stage(OURS, plan.folder, name="empty"))
        many = await stack.enter_async_context(stage(OURS, plan.folder, name="full"))
        begun = perf_counter()
        await settle(few.folder, Town(1, town.due, DAY))
        await settle(many.folder, town)
        made = perf_counter() - begun
        for _ in range(min(ROUNDS, plan.rounds)):
            for at, kept in ((few, empty), (many, full)):
                await _started(at, kept)
        size = (many.folder / "bot.db").stat().st_size / 1e6
        claims, copied, held, forgot = await _claimed(many.folder, town, rounds=5)
    rows = [
        (name, spread(kept.starts, ".2f"), over[0], spread(kept.sizes), over[1])
        for name, kept, over in (
            ("one person", empty, ("", "")),
            (
                f"{plan.crowd:,} people",
                full,
                (against(full.starts, empty.starts), against(full.sizes, empty.sizes)),
            ),
        )
    ]
    head = ("this bot", "s to first getUpdates", "÷ one", "MB at rest", "÷ one")
    title = (
        f"MILLION: {plan.crowd:,} people with a daily note in the database ({size:,.0f} MB, "
        f"made in {made:.0f} s)"
    )
    start = median(a / b for a, b in zip(full.starts, empty.starts, strict=True))
    memory = median(a / b for a, b in zip(full.sizes, empty.sizes, strict=True))
    claimed = spread([1000 * one for one in claims])
    lines = [table(title, head, rows)]
    lines.append(f"  start-up ÷ empty, {verdict(start, FLAT, most=True)}")
    lines.append(f"  memory ÷ empty, {verdict(memory, FLAT, most=True)}")
    lines.append(f"  to find and claim the next {DUE:,} due, committed: {claimed} ms")
    lines.append(
        f"  a nightly copy: {copied:.1f} s, of which nobody is answered for {held:.1f} s; "
        f"to forget a person after it: {forgot:.1f} s"
    )
    return "\n".join(lines)


async def _started(at: Stage, kept: Kept) -> None:
    kept.starts.append(await at.start())
    await asyncio.sleep(REST)
    kept.sizes.append(at.resident())
    await at.stop()


async def _claimed(
    folder: Path, town: Town, *, rounds: int
) -> tuple[list[float], float, float, float]:
    """Claim the next that are due, page by page; then copy the database, and forget someone."""
    master = load_master(env=None, file=folder / "master.key", database_is_new=False)
    store = await open_store(folder / "bot.db", master, SystemClock())
    try:
        took, many = [], min(DUE, town.people // rounds)
        for _ in range(rounds):
            begun = perf_counter()
            found = await store.write(lambda tx: tx.claim_timers(town.due + DAY, many))
            took.append(perf_counter() - begun)
            if len(found) != many:
                raise RuntimeError(f"{len(found)} of {many} were claimed")
        begun = perf_counter()
        copying = asyncio.create_task(nightly(store))
        held = 0.0
        while not copying.done():
            asked = perf_counter()
            await store.read(lambda tx: tx.meta("anything"))
            held = max(held, perf_counter() - asked)
            await asyncio.sleep(0.01)
        await copying
        copied = perf_counter() - begun
        begun = perf_counter()
        await store.write(lambda tx: tx.delete_person(found[0].person))
        return took, copied, held, perf_counter() - begun
    finally:
        await store.close()


async def _ran(plan: Plan) -> str:
    """Let notes be due in one second; count those that reach the stand-in."""
    due = datetime.now(UTC) + timedelta(seconds=max(10.0, plan.moment / 500))
    town = Town(plan.moment, due, timedelta(seconds=1), FIRST_PERSON)
    rate = {"BOT_BULK_RATE": str(FULL_SPEED)}
    async with stage(OURS, plan.folder, name="moment", **rate) as at:
        for number in range(plan.moment):
            at.standin.join(f"Quiet {number}").chat.started = True
        await settle(at.folder, town)
        heard: set[int] = set()
        every = asyncio.Event()

        def seen(change: Change) -> None:
            if change.kind == "message":
                heard.add(change.chat)
                if len(heard) == plan.moment:
                    every.set()

        at.standin.watch(seen)
        early = (due - datetime.now(UTC)).total_seconds()
        await at.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await every.wait()
        last = (datetime.now(UTC) - due).total_seconds()
    return (
        f"  this bot: of {plan.moment:,} notes due in one second {len(heard):,} came, "
        f"the last after {last:.1f} s (sent as fast as it can; started {early:.0f} s before)\n"
        f"  this bot, share that came, {verdict(len(heard) / plan.moment, 1.0)}"
    )


async def _jobs(plan: Plan) -> str:
    cost = await _told("cost", plan.jobs)
    run = await _told("run", plan.moment)
    added = int(cost["added"])
    seconds, size = cost["seconds"], cost["kilobytes"]
    return (
        f"  PTB's JobQueue, a job a person: {added:,} added in {seconds:.0f} s "
        f"({1000 * seconds / added:.2f} ms and {size / added:.1f} kB each, {size / 1024:.0f} MB); "
        "nothing is kept over a restart\n"
        f"  PTB's JobQueue: of {int(run['due']):,} jobs due in one second "
        f"{int(run['ran']):,} ran (all were in {run['early']:.0f} s before)"
    )


async def _told(what: str, count: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "peers/ptb_jobs.py"),
        what,
        str(count),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    told: dict[str, Any] = json.loads(out)
    return told
