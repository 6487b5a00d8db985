"""The helplines' file is held against its rules, with a clock that is passed in."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.coach.cards import fresh_lines
from bot.coach.scene import Scene
from bot.flows import helplines
from bot.flows.model import Library, Phrases
from bot.flows.session import Frame, Session
from bot.store import Person

FILE = Path(__file__).parents[2] / "content" / "en" / "helplines.toml"
CHECKED = date(2026, 11, 21)

NEWER = {"KR": "109", "CA": "988", "SG": "1767"}
"""Countries where a newer official number won over what most lists still say."""

STALE = {"1393", "18002214444", "18334564566"}


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def line(**changed: Any) -> dict[str, Any]:
    """Return a file of one country and one line, with something changed."""
    whole = {
        "name": "Line",
        "number": "123",
        "channels": ["call"],
        "source": ["one", "another"],
        "verified_on": CHECKED,
        **changed,
    }
    country = {"iso": "XX", "name": "Somewhere", "emergency": "112", "lines": [whole]}
    return {"directory": "example.org", "countries": [country]}


def test_the_file_keeps_its_rules_for_180_days_and_no_longer(data: dict[str, Any]) -> None:
    checked = [x["verified_on"] for c in data["countries"] for x in c.get("lines", ())]
    assert helplines.faults(data, max(checked)) == []
    assert helplines.faults(data, min(checked) + timedelta(days=180)) == []
    late = helplines.faults(data, max(checked) + timedelta(days=181))
    assert len(late) == len(checked)
    assert "over 180 days ago" in late[0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"number": ""}, "number is missing"),
        ({"source": ["one"]}, "2 named sources"),
        ({"source": ["one", "one"]}, "2 named sources"),
        ({"channels": []}, "channels are any of"),
        ({"channels": ["pigeon"]}, "channels are any of"),
        ({"verified_on": "2026-11-21"}, "verified_on is a date"),
        ({"verified_on": CHECKED + timedelta(days=1)}, "has not come yet"),
    ],
)
def test_a_record_that_breaks_a_rule_is_named(changed: dict[str, Any], why: str) -> None:
    (fault,) = helplines.faults(line(**changed), CHECKED)
    assert why in fault
    assert fault.startswith("helplines.toml, XX, Line: ")


def test_a_line_that_keeps_the_rules_is_not_named() -> None:
    assert helplines.faults(line(), CHECKED) == []


def test_a_country_twice_and_a_missing_directory_are_named() -> None:
    twice = line()
    twice = {"countries": twice["countries"] * 2}
    assert helplines.faults(twice, CHECKED) == [
        "helplines.toml: directory is missing.",
        "helplines.toml, XX: this country stands there twice.",
    ]


def test_the_newer_official_number_stands_and_no_stale_one(data: dict[str, Any]) -> None:
    by_iso = {c["iso"]: [x["number"] for x in c.get("lines", ())] for c in data["countries"]}
    assert {iso: by_iso[iso] for iso in NEWER} == {iso: [number] for iso, number in NEWER.items()}
    assert not STALE & {
        number.replace("-", "") for numbers in by_iso.values() for number in numbers
    }


def test_a_record_older_than_a_year_gives_way_to_the_directory(data: dict[str, Any]) -> None:
    library = Library(
        "en",
        {},
        Phrases(frozenset(), frozenset(), frozenset(), frozenset(), {}, {}),
        {"helplines": data},
    )

    def shown(now: datetime) -> list[str]:
        person = Person("00", 1, now, country="DE")
        nowhere: Any = None
        scene = Scene(person, Frame("", ""), Session(), now, nowhere, library, nowhere)
        return [one["name"] for one in fresh_lines(scene)]

    day = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert shown(day + timedelta(days=365)) == ["TelefonSeelsorge"]
    assert shown(day + timedelta(days=366)) == []
