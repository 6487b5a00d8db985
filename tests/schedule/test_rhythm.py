"""The next moment of a daily time, held against a clock that is looked at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.schedule import rhythm
from tests.schedule.oracle import Wall, changes

YEAR = 2027
HALF_HOURS = [time(hour, minute) for hour in range(24) for minute in (0, 30)]
AROUND = timedelta(days=2)


def test_no_half_hour_of_any_date_around_any_change_is_skipped_or_comes_twice() -> None:
    cases, seen = 0, {}
    for name, change in changes(YEAR):
        zone = ZoneInfo(name)
        start = change - AROUND
        key = tuple((start + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(120))
        shape = (start, key)
        if shape not in seen:  # the same clock under another name is looked at once
            seen[shape] = {(d, m): at for d, m, at in Wall.of(zone, start, 6).moments()}
        wall = seen[shape]
        first = (start + timedelta(days=1)).astimezone(zone).date()
        for at in HALF_HOURS:
            cases += 1
            found, day = [], rhythm.moment(first, at, zone) - timedelta(seconds=1)
            for _ in range(4):
                local, due = rhythm.following(day, at, zone)
                found.append((local, due))
                day = due
            expected = [
                (
                    first + timedelta(days=n),
                    wall[first + timedelta(days=n), at.hour * 60 + at.minute],
                )
                for n in range(4)
            ]
            assert found == expected, (name, at)
    assert cases > 19_000


@pytest.mark.parametrize(
    ("zone", "day", "at", "shown"),
    [
        ("Europe/Berlin", date(2027, 3, 28), time(2, 30), "2027-03-28 03:30"),
        ("Europe/Berlin", date(2027, 10, 31), time(2, 30), "2027-10-31 02:30"),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 15), "2027-10-03 02:45"),
        ("America/Santiago", date(2027, 9, 5), time(0, 30), "2027-09-05 01:30"),
        ("America/Nuuk", date(2027, 3, 27), time(23, 30), "2027-03-28 00:30"),
    ],
)
def test_what_the_clock_leaves_out_comes_as_much_later(
    zone: str, day: date, at: time, shown: str
) -> None:
    there = rhythm.moment(day, at, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    assert f"{there:%Y-%m-%d %H:%M}" == shown


def test_what_the_clock_shows_twice_counts_the_first_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    due = rhythm.moment(date(2027, 10, 31), time(2, 30), berlin)
    assert due == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    day, after = rhythm.following(due, time(2, 30), berlin)
    assert (day, after) == (date(2027, 11, 1), datetime(2027, 11, 1, 1, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "left_out"),
    [("Pacific/Apia", date(2011, 12, 30)), ("Pacific/Kwajalein", date(1993, 8, 21))],
)
def test_a_date_that_a_zone_left_out_has_no_moment(zone: str, left_out: date) -> None:
    for at in HALF_HOURS:
        moment = rhythm.moment(left_out - timedelta(days=3), at, ZoneInfo(zone))
        days = []
        for _ in range(5):
            day, moment = rhythm.following(moment, at, ZoneInfo(zone))
            days.append(day)
        assert left_out not in days
        assert len(set(days)) == len(days)
        assert left_out - timedelta(days=1) in days
        assert left_out + timedelta(days=1) in days


def test_a_leap_day_is_a_day() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    moment = rhythm.moment(date(2028, 2, 27), time(21), tokyo)
    days = []
    for _ in range(3):
        day, moment = rhythm.following(moment, time(21), tokyo)
        days.append(day.isoformat())
    assert days == ["2028-02-28", "2028-02-29", "2028-03-01"]
