"""Whether a daily time comes once a day where and when clocks are changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from bench.plan import Plan
from bench.table import table
from bot.schedule import rhythm
from tests.schedule.oracle import Wall, changes

DAYS = 4
AROUND = timedelta(days=2)
HALF_HOURS = tuple(time(hour, minute) for hour in range(24) for minute in (0, 30))

Fires = Iterator[datetime]


async def clock(plan: Plan) -> str:
    """Count the days that a daily time leaves out or has twice around each change of a clock."""
    year = datetime.now(UTC).year + 1
    return await asyncio.to_thread(_counted, year, plan.cases)


def _counted(year: int, most: int) -> str:
    ours, theirs, cases = Counter[str](), Counter[str](), 0
    shapes: dict[tuple[datetime, tuple[timedelta | None, ...]], dict[tuple[date, int], datetime]]
    shapes = {}
    found = changes(year)
    for name, change in found[: most // len(HALF_HOURS)]:
        zone, start = ZoneInfo(name), change - AROUND
        hours = (start + timedelta(hours=hour) for hour in range(5 * 24))
        shape = start, tuple(hour.astimezone(zone).utcoffset() for hour in hours)
        if shape not in shapes:  # the same clock under another name is looked at once
            shapes[shape] = {(d, m): at for d, m, at in Wall.of(zone, start, 6).moments()}
        first = (start + timedelta(days=1)).astimezone(zone).date()
        for at in HALF_HOURS:
            cases += 1
            minute = at.hour * 60 + at.minute
            right = [shapes[shape][first + timedelta(days=n), minute] for n in range(DAYS)]
            ours += _judged(_rhythm(at, zone, right[0]), right)
            theirs += _judged(_cron(at, zone, right[0]), right)
    head = ("", "days left out", "days had twice", "at another time")
    rows = [
        (name, *(str(one[fault]) for fault in ("skipped", "twice", "moved")))
        for name, one in (("this bot", ours), ("APScheduler's CronTrigger", theirs))
    ]
    title = (
        f"CLOCK: {cases:,} cases: each zone that changes its clock in {year}, each half hour, "
        f"{DAYS} dates around the change,\nheld against a walk through UTC minute by minute "
        "(a time left out comes as much later, a time shown twice the first time)"
    )
    met = not ours.total()
    told = "met" if met else f"not met ({dict(ours)})"
    return f"{table(title, head, rows)}\n  ours, aim 0 left out and 0 twice: {told}"


def _judged(fires: Fires, right: list[datetime]) -> Counter[str]:
    """Hold what fired from the first of the moments to a day after the last against them."""
    # Each belongs to the moment it is nearest to: an hour more or less makes no other day of it.
    got: Counter[datetime] = Counter()
    moved = 0
    for fire in fires:
        nearest = min(right, key=lambda moment: abs(moment - fire))
        if abs(nearest - fire) > timedelta(hours=12):
            break
        got[nearest] += 1
        moved += got[nearest] == 1 and fire != nearest
    skipped = sum(1 for moment in right if not got[moment])
    return Counter(
        skipped=skipped, twice=sum(1 for count in got.values() if count > 1), moved=moved
    )


def _rhythm(at: time, zone: ZoneInfo, first: datetime) -> Fires:
    after = first - timedelta(hours=6)
    while True:
        _, after = rhythm.following(after, at, zone)
        yield after


def _cron(at: time, zone: ZoneInfo, first: datetime) -> Fires:
    trigger = CronTrigger(hour=at.hour, minute=at.minute, timezone=zone)
    fire, now = None, first - timedelta(hours=6)
    for _ in range(2 * DAYS):
        fire = trigger.get_next_fire_time(fire, now.astimezone(zone))
        if fire is None:
            return
        yield fire.astimezone(UTC)
        # As its scheduler does: it asks at the moment of the fire itself.
        now = fire.astimezone(UTC)
