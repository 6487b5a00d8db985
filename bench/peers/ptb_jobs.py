"""python-telegram-bot's JobQueue with one job a person: what they cost, or how many really run."""

import asyncio
import datetime as dt
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from telegram.ext import Application, JobQueue

GLANCE = 0.2
LEAD = 15.0
"""Seconds to put the jobs in before they are due."""
AFTER = 20.0
"""Seconds they are given to run."""


def resident() -> float:
    """Return the resident memory in kilobytes."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return float(next(row for row in told.splitlines() if row.startswith("VmRSS:")).split()[1])


async def nothing(_: Any) -> None:
    """Do nothing."""


async def cost(queue: JobQueue[Any], count: int, most: float) -> dict[str, float]:
    """Add a daily job for each person, for at most so many seconds."""
    begun, before, added = time.perf_counter(), resident(), 0
    while added < count and time.perf_counter() - begun < most:
        minute = added * 611_953 % 1440
        at = dt.time(minute // 60, minute % 60, tzinfo=dt.UTC)
        queue.run_daily(nothing, at, chat_id=added, data=added)
        added += 1
    return {
        "added": added,
        "seconds": time.perf_counter() - begun,
        "kilobytes": resident() - before,
    }


async def run(queue: JobQueue[Any], count: int) -> dict[str, float]:
    """Let so many jobs be due in one second; count how many of them run."""
    ran = 0

    async def job(_: Any) -> None:
        nonlocal ran
        ran += 1

    lead = max(LEAD * count / 10_000, 1.0)
    due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=lead)
    for number in range(count):
        queue.run_once(job, due + dt.timedelta(seconds=number / count), chat_id=number)
    early = (due - dt.datetime.now(dt.UTC)).total_seconds()
    await asyncio.sleep(max(early, 0) + 1)
    for _ in range(int(AFTER / GLANCE)):
        before = ran
        await asyncio.sleep(GLANCE)
        if ran == before and ran == count:
            break
    return {"due": count, "ran": ran, "early": early}


async def main() -> None:
    """Do what the arguments say, and print what came of it."""
    logging.disable(logging.CRITICAL)  # a line for each job that was missed
    application = Application.builder().token("1:local").build()
    queue = application.job_queue
    if queue is None:
        raise RuntimeError("there is no JobQueue here")
    await queue.start()
    what, count = sys.argv[1], int(sys.argv[2])
    told = await (cost(queue, count, 60.0) if what == "cost" else run(queue, count))
    print(json.dumps(told))  # noqa: T201 - that is its answer


if __name__ == "__main__":
    asyncio.run(main())
