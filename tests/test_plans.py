"""Plans: which day is meant, when one comes up, and that an export takes them along."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.coach import plans, when
from bot.lookback import export, importing
from bot.lookback.numbers import PLAN, numbers
from bot.store import Entry, Person
from tests.chat import Chat, chatting

CONTENT = Path(__file__).parents[1] / "content" / "en"
TEXTS = tomllib.loads((CONTENT / "moment.toml").read_text(encoding="utf-8"))["plans"]
TODAY = date(2026, 3, 14)  # a Saturday
NOW = datetime(2026, 3, 14, 21, tzinfo=UTC)
JOINED = ("/start", "[Look around first]", "[Mine]", "[Yes, I'm 18 or older]", "[Not chasing]")


def plan(**fields: str) -> Entry:
    return Entry("p", PLAN, NOW, NOW, "Europe/Berlin", dict(fields))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("tomorrow", date(2026, 3, 15)),
        ("Tonight", TODAY),
        ("saturday", TODAY),
        ("on Friday.", date(2026, 3, 20)),
        ("next wed", date(2026, 3, 18)),
        ("24 December", date(2026, 12, 24)),
        ("Dec 24th", date(2026, 12, 24)),
        ("1st of March", date(2027, 3, 1)),
        ("2026-12-24", date(2026, 12, 24)),
    ],
)
def test_a_day_to_come_is_read(said: str, meant: date) -> None:
    assert when.day(said, TODAY) == meant


@pytest.mark.parametrize(
    "said", ["yesterday", "", "2026-03-13", "2031-01-01", "31 february", "24 foo", "soon", "7", "²"]
)
def test_what_is_no_day_to_come_is_not_guessed(said: str) -> None:
    assert when.day(said, TODAY) is None


@pytest.mark.parametrize(
    ("when", "happened"),
    [
        ("Slow answer", "slow answer"),
        ("Slow answer", "A SLOW answer, again!"),
        ("Slow answer", "slow answers all day"),
        ("they cancel", "He cancels. I knew it"),
        ("we part", "parting at the station"),
        ("the weekend without him", "a weekend without her"),
        ("it", "it"),
    ],
)
def test_a_plan_is_meant_where_its_words_are_in_what_happened(when: str, happened: str) -> None:
    assert plans.meant(plan(when=when, first="Walking"), happened, TEXTS)


@pytest.mark.parametrize(
    ("when", "happened"),
    [
        ("Slow answer", "answer was slow"),
        ("Slow answer", ""),
        ("", "slow answer"),
        ("we part", "a party at work"),
        ("an ex", "exercise"),
        ("time apart", "part of the time"),
        ("they leave", "they never came"),
    ],
)
def test_what_a_plan_is_for_is_not_guessed(when: str, happened: str) -> None:
    assert not plans.meant(plan(when=when, first="Walking"), happened, TEXTS)


def test_a_plan_without_a_first_thing_is_no_plan() -> None:
    assert not plans.meant(plan(when="Slow answer"), "Slow answer", TEXTS)


def test_a_plan_is_in_no_number_of_the_look_back() -> None:
    assert numbers([plan(when="x", first="y")], days=14, now=NOW, zone=None).entries == 0


def test_a_plan_is_taken_along_and_comes_back() -> None:
    mine = plan(when="Slow answer", first="Walking", date="2026-12-24")
    whole = export.document(Person("ab" * 16, 1, NOW), (mine,), (), now=NOW)
    assert whole["entries"] == []
    assert [one["fields"] for one in whole["plans"]] == [mine.fields]
    ((_, written),) = export.parts(whole)
    assert importing.read(written).entries == (mine,)
    ((_, table),) = export.sheets(whole)
    assert b"Slow answer" in table


async def say(chat: Chat, *lines: str) -> str:
    said = []
    for line in lines:
        said = await (chat.tap(line[1:-1]) if line.startswith("[") else chat.type(line))
    return "\n".join(bubble.text for bubble in said)


async def test_a_plan_goes_from_one_bot_to_another(tmp_path: Path) -> None:
    async with chatting(tmp_path / "one") as chat:
        await say(chat, *JOINED, "/plan when we part, first i breathe at the window", "[No day]")
        files = [b.document for b in await chat.type("/export") if b.document is not None]
        content = next(one.content for one in files if one.name.endswith(".json"))
    assert [one["fields"]["when"] for one in json.loads(content)["plans"]] == ["we part"]
    async with chatting(tmp_path / "two", "Bo") as chat:
        await say(chat, *JOINED)
        chat.guest.document("notes.json", content)
        await chat.news()
        assert "breathe at the window" in await say(chat, "/log we part")
