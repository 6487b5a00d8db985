"""The page a person reads: short, plain, and only what the numbers carry."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ContentError
from bot.lookback import words
from bot.lookback.numbers import numbers
from bot.store import Entry
from tests.lookback.conftest import CONTENT, NOW, entry

FEW = "Few, so take it lightly."


def page(texts: dict[str, Any], *entries: Entry, days: int | None = 14) -> str:
    return words.summary(numbers(entries, days=days, now=NOW, zone="Europe/Berlin"), texts)


def test_the_wording_is_complete(texts: dict[str, Any]) -> None:
    words.check(texts)
    with pytest.raises(ContentError, match=r"say\.few is missing"):
        words.check({**texts, "say": {k: v for k, v in texts["say"].items() if k != "few"}})
    with pytest.raises(ContentError):
        words.check({})


def test_with_nothing_yet_one_sentence(texts: dict[str, Any]) -> None:
    for days in (1, 14, None):
        said = page(texts, days=days)
        assert "\n" not in said
        assert said.count(".") == 1
        assert "0" not in said


def test_two_weeks_by_hand(texts: dict[str, Any]) -> None:
    full: dict[str, Any] = {"body": "b", "story": "s", "urge": "u", "did": "d", "after": "a"}
    slow = [
        entry("trigger", trigger="Slow answer", intensity_before=7, intensity_now=3, **full)
        for _ in range(5)
    ]
    plans = [
        entry("trigger", trigger="Plan changed", intensity_before=4, intensity_now="numb")
        for _ in range(2)
    ]
    others = [entry("trigger", trigger=name) for name in ("Tone", "Weekend", "Nothing")]
    assert page(texts, *slow, *plans, *others).split("\n") == [
        "14 days: 10 moments (5 full, 5 quick).",
        "Most often: Slow answer (5 of 10), Plan changed (2).",
        "The first three cover 80 % (8 of 10).",
        "How strong: 6.1 before (from 7), 3 now (from 5, 2 numb).",
        "Before and after, 5 times: 7 → 3. 2 went numb, which is not the same as easing.",
    ]


def test_one_entry_claims_nothing(texts: dict[str, Any]) -> None:
    said = page(texts, entry("trigger", trigger="Slow answer", intensity_before=8))
    assert said.split("\n") == [
        "14 days: 1 moment.",
        "What set it off: Slow answer (1).",
        "How strong: 8 before (from 1).",
        FEW,
    ]


def test_below_five_nothing_is_most_often(texts: dict[str, Any]) -> None:
    four = [entry("trigger", trigger="Slow answer") for _ in range(4)]
    assert "Most often" not in page(texts, *four)
    assert "%" not in page(texts, *four)
    assert FEW in page(texts, *four)
    assert "Most often: Slow answer (5 of 5)" in page(texts, *four, four[0])


def test_what_came_once_each_is_not_most_often(texts: dict[str, Any]) -> None:
    said = page(texts, *(entry("trigger", trigger=f"thing {n}") for n in range(8)))
    assert "Most often" not in said
    assert "%" not in said


def test_almost_all_is_not_all(texts: dict[str, Any]) -> None:
    many = [entry("trigger", trigger="abc"[n % 3]) for n in range(299)]
    said = page(texts, *many, entry("trigger", trigger="d"))
    assert "99 %" in said
    assert "100 %" not in said


def test_only_checkins(texts: dict[str, Any]) -> None:
    said = page(texts, *(entry("checkin", feeling="Low", nearness="Further") for _ in range(5)))
    assert said.split("\n") == [
        "14 days: no moments written down.",
        "5 check-ins. Most often: Low (5 of 5). Closer to people 0, further 5.",
    ]


def test_other_kinds_are_counted_plainly(texts: dict[str, Any]) -> None:
    said = page(texts, entry("note", text="x"), entry("part"), entry("letter"), entry("song"))
    assert said.endswith("Also kept: 2 other entries, 1 note, 1 part met.")


WORDS = st.text(max_size=200) | st.sampled_from(["{few}", "<b>x</b>", "&amp;", "%s", "😀" * 90])
ENTRIES = st.builds(
    entry,
    st.sampled_from(["trigger", "closeness", "activation", "checkin", "part", "x" * 90]),
    trigger=WORDS,
    feeling=WORDS,
    practice=WORDS,
    nearness=st.sampled_from(["closer", "further", "both", "?"]),
    minutes=st.integers(-1, 30),
    intensity_before=st.integers(0, 10) | st.sampled_from(["numb", "unknown"]),
    intensity_now=st.integers(0, 10) | st.sampled_from(["numb", "unknown"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ENTRIES, max_size=40))
def test_a_page_is_short_whatever_was_written(entries: list[Entry]) -> None:
    said = page(TEXTS, *entries)
    assert len(said.encode("utf-16-le")) // 2 <= 900
    assert not re.search(r"streak|score|great|well done|!$", said.casefold(), re.MULTILINE) or any(
        word in str(entries).casefold() for word in ("streak", "score", "great", "well done", "!")
    )


@settings(max_examples=60, deadline=None)
@given(ENTRIES, st.sampled_from([None, "Europe/Berlin", "No/Where"]))
def test_a_label_fits_a_button(item: Entry, zone: str | None) -> None:
    label = words.entry_label(item, TEXTS, zone)
    assert 0 < len(label.encode("utf-16-le")) // 2 <= 40
    assert label.splitlines() == [label]
    assert words.entry_text(item, TEXTS, zone)


def test_words_come_out_as_they_went_in(texts: dict[str, Any]) -> None:
    said = page(texts, entry("trigger", trigger="<b>{few}</b> & {n}"))
    assert "<b>{few}</b> & {n} (1)" in said


def test_an_entry_is_shown_whole(texts: dict[str, Any]) -> None:
    shown = words.entry_text(
        entry(
            "trigger",
            did="wrote 6 texts\ndeleted 5",
            trigger="Slow answer",
            intensity_before=8,
            intensity_now="numb",
            my_own_field=["a", "b"],
            body="",
            left_out=True,
        ),
        texts,
        None,
    )
    assert shown.split("\n") == [
        "A hard moment, 21 Nov, 20:40",
        "What set it off: Slow answer",
        "What I did: wrote 6 texts",
        "deleted 5",
        "How strong: 8",
        "How strong after: numb",
        "my own field: a, b",
    ]


def test_without_a_zone_no_clock_time(texts: dict[str, Any]) -> None:
    item = entry("note", text="hello", zone=None)
    assert words.entry_text(item, texts, None) == "Note\nWords: hello"
    assert words.entry_label(item, texts, None) == "hello"
    assert words.entry_label(item, texts, None, when="yesterday") == "yesterday · hello"
    assert words.entry_text(item, texts, "Asia/Tokyo").startswith("Note, 22 Nov, 04:40\n")


def test_labels(texts: dict[str, Any]) -> None:
    item = entry("trigger", trigger="Slow answer")
    assert words.entry_label(item, texts, None) == "Sat 21 Nov · Slow answer"
    later = NOW + timedelta(days=365)
    assert words.entry_label(item, texts, None, now=later) == "Sat 21 Nov 2026 · Slow answer"
    assert words.entry_label(entry("part"), texts, None) == "Sat 21 Nov · A part"


def test_marks_that_would_turn_our_words_are_left_out(texts: dict[str, Any]) -> None:
    shown = words.entry_text(entry("note", text="a\u202eb\0c\nd"), texts, None)
    assert shown.endswith("Words: abc\nd")


TEXTS = tomllib.loads(CONTENT.read_text(encoding="utf-8"))
