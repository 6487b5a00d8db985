"""A slow, simple reading of when a clock on the wall shows a time: minute by minute, in UTC.

It shares nothing with what it judges but the zone's own data: no ``fold``, no arithmetic on wall
times, only looking at the clock after each minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

MINUTE = timedelta(minutes=1)
DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Wall:
    """What the clock shows, once a minute, and what it would show had nobody changed it."""

    minutes: tuple[tuple[datetime, date, int, int], ...]
    """For each minute: UTC, the date shown, the minute of the day shown, the jump just made."""

    @classmethod
    def of(cls, zone: ZoneInfo, start: datetime, days: int) -> Wall:
        """Look at the zone's clock for so many days."""
        found = []
        before: int | None = None
        for passed in range(days * DAY):
            now = start + passed * MINUTE
            there = now.astimezone(zone)
            reading = there.toordinal() * DAY + there.hour * 60 + there.minute
            jump = 0 if before is None else reading - before - 1
            before = reading
            found.append((now, there.date(), there.hour * 60 + there.minute, jump))
        return cls(tuple(found))

    def moments(self) -> Iterator[tuple[date, int, datetime]]:
        """Yield each date, each minute of the day, and the first moment at or past it.

        A minute that the clock leaves out comes when it would have come had the clock been left
        alone; one that it shows twice comes the first time.
        """
        seen: set[tuple[date, int]] = set()
        for now, day, minute, jump in self.minutes:
            for left_out in range(max(0, jump)):
                # The clock went from 01:59 to 03:00: 02:30 is the thirtieth minute from here on.
                ordinal = day.toordinal() * DAY + minute - jump + left_out
                gone = (date.fromordinal(ordinal // DAY), ordinal % DAY)
                if jump < DAY and gone not in seen:
                    seen.add(gone)
                    yield (*gone, now + left_out * MINUTE)
            if (day, minute) not in seen:
                seen.add((day, minute))
                yield day, minute, now


def changes(year: int) -> list[tuple[str, datetime]]:
    """Return every zone and each hour of a year within which it changes its clock."""
    found = []
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        zone = ZoneInfo(name)
        day = datetime(year, 1, 1, tzinfo=UTC)
        while day.year == year:
            if _off(day, zone) != _off(day + timedelta(days=1), zone):
                found.append((name, day))
            day += timedelta(days=1)
    return found


def _off(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
