"""The pairs are held to the targets, and every rule to a pair that needs it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bot.safety import Screener
from bot.safety.report import Row, rows, wilson
from bot.safety.screen import in_a_row
from bot.safety.verdict import TIERS, Tier
from tests.screen.conftest import HERE

HARD = frozenset[Tier]({"hard"})
SELF = frozenset[Tier]({"hard", "soft"})
ABUSE = frozenset[Tier]({"abuse"})

# What each set must reach: the aims are 98 % of clear self-harm, 80 % of implied self-harm and of
# abuse; at most 1 % and 4 % of ordinary text hard and soft, 2 % of idioms hard. Where a set falls
# short of an aim, its floor is what it has reached. The figures of texts that nobody tuned on stand
# in docs/safety.md.
LEAST = {
    "tune": {"hard": 0.98, "soft": 0.97, "abuse": 0.97},
    "hold": {"hard": 0.96, "soft": 0.95, "abuse": 0.97},
    "hands_tune": {"hard": 0.98, "soft": 0.97, "abuse": 0.95},
    "hands_hold": {"hard": 0.97, "soft": 0.95, "abuse": 0.95},
    "blind2": {"hard": 0.96, "soft": 0.80, "abuse": 0.84},
}
MOST = {
    "tune": {"hard": 0.01, "soft": 0.02, "idiom": 0.02},
    "hold": {"hard": 0.01, "soft": 0.02, "idiom": 0.02},
    "hands_tune": {"hard": 0.01, "soft": 0.02, "idiom": 0.02},
    "hands_hold": {"hard": 0.01, "soft": 0.02, "idiom": 0.02},
    "blind2": {"hard": 0.02, "soft": 0.04, "idiom": 0.02},
}


@pytest.fixture(scope="session")
def sets(halves: dict[str, list[Row]]) -> dict[str, list[Row]]:
    files = [name for name in LEAST if name not in halves]
    return halves | {name: list(rows(HERE / f"{name}.jsonl")) for name in files}


@pytest.fixture(scope="session")
def verdicts(screener: Screener, sets: dict[str, list[Row]]) -> dict[str, Tier]:
    every = (row for chosen in sets.values() for row in chosen)
    return {row.id: in_a_row(screener, row.turns).tier for row in every}


def share(
    chosen: Iterable[Row], verdicts: dict[str, Tier], tiers: frozenset[Tier]
) -> tuple[float, str]:
    found = [verdicts[row.id] in tiers for row in chosen]
    low, high = wilson(sum(found), len(found))
    said = f"{sum(found)} of {len(found)} ({sum(found) / len(found):.1%}, {low:.1%} to {high:.1%})"
    return sum(found) / len(found), said


def of(tier: str, name: str = "") -> Callable[[Row], bool]:
    return lambda row: row.tier == tier and name in row.slice


@pytest.mark.parametrize("half", list(LEAST))
@pytest.mark.parametrize(("tier", "good"), [("hard", HARD), ("soft", SELF), ("abuse", ABUSE)])
def test_danger_is_heard(
    sets: dict[str, list[Row]],
    verdicts: dict[str, Tier],
    half: str,
    tier: str,
    good: frozenset[Tier],
) -> None:
    reached, said = share(filter(of(tier), sets[half]), verdicts, good)
    assert reached >= LEAST[half][tier], f"{half}: {tier} is heard in {said}"


@pytest.mark.parametrize("half", list(LEAST))
@pytest.mark.parametrize(
    ("name", "slice_", "bad"),
    [
        ("hard", "ordinary", HARD),
        ("soft", "ordinary", frozenset[Tier]({"soft"})),
        ("idiom", "idiom", HARD),
    ],
)
def test_ordinary_talk_is_left_alone(  # noqa: PLR0913, PLR0917 - one row of the table each
    sets: dict[str, list[Row]],
    verdicts: dict[str, Tier],
    half: str,
    name: str,
    slice_: str,
    bad: frozenset[Tier],
) -> None:
    reached, said = share(filter(of("none", slice_), sets[half]), verdicts, bad)
    assert reached <= MOST[half][name], f"{half}: {slice_} text alarms in {said}"


def test_both_halves_hold_every_tier(halves: dict[str, list[Row]]) -> None:
    for half in halves.values():
        counts = Counter(row.tier for row in half)
        assert set(counts) == set(TIERS)
        assert sum(counts.values()) >= 420


def test_no_two_pairs_are_the_same_text(pairs: list[Row]) -> None:
    texts = Counter(row.turns for row in pairs)
    assert [text for text, number in texts.items() if number > 1] == []
    assert len({row.id for row in pairs}) == len(pairs)


def test_the_files_own_form(pairs: list[Row]) -> None:
    """Other readers of the file find what they need in each row."""
    path = Path(__file__).parent / "pairs.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert set(row) <= {"id", "text", "tier", "slice", "turns"}
        assert row["tier"] in TIERS
    assert len(pairs) >= 420


def test_every_rule_is_needed_by_a_row(screener: Screener, pairs: list[Row]) -> None:
    """Without it some row would be judged otherwise; a rule nobody needs is only noise."""
    others = ("hands_tune", "hands_hold", "blind")
    every = [*pairs, *(row for name in others for row in rows(HERE / f"{name}.jsonl"))]
    before = {row.id: in_a_row(screener, row.turns) for row in every}
    found: dict[str, list[Row]] = {}
    for row in every:
        for at, turn in enumerate(row.turns):
            for finding in screener.findings(turn, row.turns[:at]):
                found.setdefault(finding.verdict.rule, []).append(row)
    idle = []
    for name in screener.book.rules:
        without = screener.without(name)
        if not any(in_a_row(without, row.turns) != before[row.id] for row in found.get(name, ())):
            idle.append(name)
    assert idle == []
