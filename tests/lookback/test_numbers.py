"""Every number by hand: what counts, what it rests on, and what is never guessed."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lookback.numbers import Comparison, Count, Numbers, Pairs, Strength, compare, numbers
from bot.store import Entry
from tests.lookback.conftest import NOW, entry

WHOLE: dict[str, Any] = {
    "body": "tight",
    "story": "it ends",
    "urge": "write",
    "did": "wrote",
    "after": "dread",
}


def count(*entries: Entry, days: int | None = None, zone: str | None = None) -> Numbers:
    return numbers(entries, days=days, now=NOW, zone=zone)


def test_nothing_is_nothing_and_not_zero_strength() -> None:
    found = count()
    assert found.entries == found.moments == found.checkins == 0
    assert found.before == Strength(None, 0, 0, 0)
    assert found.pairs == Pairs(0, None, None)
    assert found.top.share is None
    assert found.waiting is None


def test_a_moment_is_full_when_all_six_are_told() -> None:
    full = entry("trigger", trigger="Slow answer", **WHOLE)
    close = entry("closeness", trigger="They stayed", **WHOLE)
    blank = entry("trigger", trigger="Slow answer", **{**WHOLE, "after": "  "})
    found = count(full, close, blank, entry("activation"), entry("note", text="x"))
    assert (found.moments, found.full, found.quick) == (4, 2, 2)


def test_numb_is_never_in_an_average() -> None:
    found = count(
        entry("trigger", intensity_before=8, intensity_now=4),
        entry("trigger", intensity_before=6, intensity_now="numb"),
        entry("trigger", intensity_before="numb", intensity_now=2),
        entry("trigger", intensity_before="unknown", intensity_now="unknown"),
        entry("trigger"),
    )
    assert found.before == Strength(7.0, 2, 1, 1)
    assert found.now == Strength(3.0, 2, 1, 1)
    assert found.pairs == Pairs(1, 8.0, 4.0, turned_numb=1)


def test_zero_is_a_number() -> None:
    found = count(entry("trigger", intensity_before=0, intensity_now=0))
    assert found.before == Strength(0.0, 1, 0, 0)
    assert found.pairs.n == 1


@pytest.mark.parametrize("odd", [True, 11, -1, 7.5, "7", None, [7], {"n": 7}])
def test_what_is_no_strength_is_missing(odd: object) -> None:
    found = count(entry("activation", intensity_before=odd, intensity_now=odd))
    assert found.before == found.now == Strength(None, 0, 0, 0)


STRENGTHS = st.none() | st.integers(-3, 14) | st.sampled_from(["numb", "unknown", "7"])


@given(st.lists(st.tuples(STRENGTHS, STRENGTHS), max_size=30))
def test_every_mean_says_what_it_rests_on(given_pairs: list[tuple[object, object]]) -> None:
    found = count(*(entry("trigger", intensity_before=b, intensity_now=n) for b, n in given_pairs))
    valid = [b for b, _ in given_pairs if isinstance(b, int) and 0 <= b <= 10]
    assert found.before.n == len(valid)
    assert (found.before.mean is None) == (not valid)
    if found.before.mean is not None:
        assert min(valid) <= found.before.mean <= max(valid)
    assert found.pairs.n <= min(found.before.n, found.now.n)


def test_spellings_are_one_and_the_newest_is_shown() -> None:
    found = count(
        entry("trigger", trigger="slow  ANSWER", ago=timedelta(days=3)),
        entry("trigger", trigger="Slow answer", ago=timedelta(days=1)),
        entry("trigger", trigger="slow answer", ago=timedelta(days=2)),
    )
    assert found.triggers == (Count("Slow answer", 3),)


def test_newest_is_what_was_written_last_not_what_happened_last() -> None:
    backdated = entry("trigger", trigger="SLOW ANSWER", ago=timedelta(days=400), written_at=NOW)
    found = count(backdated, entry("trigger", trigger="slow answer"))
    assert found.triggers[0].text == "SLOW ANSWER"


def test_ties_do_not_depend_on_the_order_of_entries() -> None:
    entries = [entry("trigger", trigger=name, ago=timedelta(hours=1)) for name in "abcdefgh" * 2]
    first = count(*entries).triggers
    for seed in range(5):
        shuffled = entries.copy()
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a seed, so that it stays the same
        assert count(*shuffled).triggers == first


def test_no_share_below_five() -> None:
    four = [entry("trigger", trigger=name) for name in "aabc"]
    assert count(*four).top.share is None
    top = count(*four, entry("trigger", trigger="d"), entry("trigger")).top
    assert (top.n, top.of, top.share) == (4, 5, 0.8)


def test_a_moment_with_two_of_the_three_is_one_moment() -> None:
    top = count(*(entry("trigger", trigger=["a", "b"]) for _ in range(5))).top
    assert (top.n, top.of, top.share) == (5, 5, 1.0)


def test_a_comparison_needs_three_on_each_side() -> None:
    def go(minutes: int, now: int | str = 3) -> Entry:
        return entry("activation", intensity_before=7, intensity_now=now, minutes=minutes)

    with_it, without = [go(20) for _ in range(3)], [go(0, 5) for _ in range(2)]
    assert count(*with_it, *without).waiting is None
    assert count(*with_it, *without, go(0, "numb")).waiting is None
    found = count(*with_it, *without, go(0, 5)).waiting
    assert found == Comparison(Pairs(3, 7.0, 3.0), Pairs(3, 7.0, 5.0))
    assert compare([], lambda _: True) is None


def test_practices_count_their_own_attempts() -> None:
    found = count(
        entry("activation", practice="Walking", intensity_before=8, intensity_now=4),
        entry("activation", practice="walking", intensity_before="numb", intensity_now=4),
        entry("activation", practice="Cold water"),
    ).practices
    assert [(p.text.casefold(), p.n, p.pairs.n) for p in found] == [
        ("walking", 2, 1),
        ("cold water", 1, 0),
    ]


def test_checkins_closer_and_further() -> None:
    found = count(
        entry("checkin", feeling="Low", nearness="Further"),
        entry("checkin", feeling="low", nearness="both"),
        entry("checkin", feeling="OK", nearness="As usual"),
        entry("checkin", nearness="closer"),
        entry("checkin", nearness=3, feeling=7),
    )
    assert (found.checkins, found.felt, found.closer, found.further) == (5, 3, 2, 2)
    assert found.feelings[0].n == 2


def test_days_without_entries_add_nothing() -> None:
    alone = entry("trigger", intensity_before=8)
    assert count(alone, days=30).before == count(alone, days=7).before == Strength(8.0, 1, 0, 0)


def test_a_window_is_local_dates_with_today_among_them() -> None:
    zone = "Pacific/Auckland"  # 22 November, 09:40 there
    midnight = datetime(2026, 11, 15, 11, 0, tzinfo=UTC)  # 16 November, 00:00 there
    inside = replace(entry("note"), happened_at=midnight)
    outside = replace(entry("note"), happened_at=midnight - timedelta(microseconds=1))
    assert count(inside, outside, days=7, zone=zone).entries == 1
    assert count(inside, outside, days=8, zone=zone).entries == 2


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25)])
def test_a_day_of_23_or_25_hours_is_one_day(month: int, day: int, hours: int) -> None:
    offset = 1 if month == 3 else 2
    start = datetime(2026, month, day, tzinfo=UTC) - timedelta(hours=offset)
    entries = [
        replace(entry("note"), happened_at=start + timedelta(hours=hour, minutes=30))
        for hour in range(-1, hours + 1)
    ]
    now = start + timedelta(hours=hours, minutes=-1)
    assert numbers(entries, days=1, now=now, zone="Europe/Berlin").entries == hours


def test_backdated_entries_belong_to_when_it_happened() -> None:
    old = entry("trigger", ago=timedelta(days=40), written_at=NOW)
    assert count(old, days=7).entries == 0
    assert count(old, days=60).entries == count(old).entries == 1


def test_what_is_dated_ahead_is_in_no_window_but_all() -> None:
    ahead = entry("trigger", ago=timedelta(days=-3))
    assert count(ahead, days=7).entries == 0
    assert count(ahead).entries == 1


@pytest.mark.parametrize("days", [-5, 0, 1, 10**9])
def test_any_number_of_days_is_answered(days: int) -> None:
    assert count(entry("note", ago=timedelta(0)), days=days, zone="Asia/Tokyo").entries == 1


@pytest.mark.parametrize("zone", ["", "Nowhere/Else", "../../etc", "\0", "Europe", "x" * 9999])
def test_a_zone_nobody_knows_counts_as_none(zone: str) -> None:
    assert count(entry("note"), days=1, zone=zone).entries == 1


def test_left_out_is_in_no_number() -> None:
    assert count(entry("trigger", trigger="x", intensity_before=9, left_out=True)).entries == 0


def test_unknown_kinds_are_counted_by_kind_only() -> None:
    found = count(entry("letter", trigger="x", intensity_before=3), entry("letter"))
    assert found.kinds == (Count("letter", 2),)
    assert found.moments == found.triggered == 0


def test_ten_thousand_entries_are_quick() -> None:
    many = [
        entry(
            "trigger",
            ago=timedelta(hours=n),
            trigger=f"what {n % 50}",
            intensity_before=n % 11,
            intensity_now="numb" if n % 7 == 0 else n % 5,
        )
        for n in range(10_000)
    ]
    start = time.process_time()
    found = count(*many, days=365, zone="America/New_York")
    assert time.process_time() - start < 2
    assert found.moments > 8_000
