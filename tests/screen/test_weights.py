"""What the words of a text weigh together, beside what rules find."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import ContentError
from bot.safety import Screener, load
from bot.safety.weights import ENOUGH, LEAST, SPAN, WEIGHED, Weights, parts
from tools import weigh

HINT = "they would all sleep easier without me in the house"
FAR = ("word",) * SPAN


@pytest.fixture
def bare(screener: Screener) -> Screener:
    """Give a screener that has the table, and no rules."""
    owners = ("~past",) * len(screener.book.owners)
    return Screener(replace(screener.book, rules={}, owners=owners))


def weights(**words: int) -> Weights:
    """Return weights of "soft" alone, in hundredths."""
    return Weights(
        (-99, 0, -99, -99, -99), {word: (0, value, 0, 0, 0) for word, value in words.items()}
    )


def soft(table: Weights, *words: str) -> float:
    """Return what a text has for "soft"."""
    return table.weigh(words)["soft"]


def weighing(screener: Screener, **sums: int) -> Screener:
    """Return the screener with a table in which every text has these sums."""
    table = Weights(tuple(sums.get(tier, -99) for tier in WEIGHED), {})
    return Screener(replace(screener.book, weights=table))


def test_a_text_is_its_words_and_its_neighbours_once_each() -> None:
    assert parts(("i", "go", ".", "i", "go")) == ["i", "go", ". i", "i go", "go ."]


def test_words_add_up_once_each() -> None:
    table = weights(heavy=60, forever=60)
    once = soft(table, "heavy", "forever")
    assert once > soft(table, "heavy") > 0
    assert soft(table, "heavy", "heavy") < once


def test_the_more_is_said_the_less_each_word_weighs() -> None:
    table = weights(heavy=60)
    assert soft(table, "heavy", *(f"word{number}" for number in range(30))) < soft(table, "heavy")


def test_words_that_speak_against_it_are_taken_off() -> None:
    table = weights(heavy=60, suitcase=-60)
    assert soft(table, "heavy", "suitcase") == 0


def test_what_stands_far_apart_is_not_added_up() -> None:
    table = weights(heavy=60, forever=60)
    assert soft(table, "heavy", *FAR, "forever") < soft(table, "heavy", "forever")
    assert soft(table, *FAR, "heavy", "forever", *FAR) > soft(table, "heavy", *FAR, *FAR)


def test_the_words_that_weighed_are_told(bare: Screener) -> None:
    told = bare.explain(HINT)
    assert told[0] == "soft words.soft"
    assert "without me" in told[1]


def test_without_the_table_the_same_is_not_heard(bare: Screener) -> None:
    nothing = Screener(replace(bare.book, weights=Weights((), {})))
    assert nothing.screen(HINT, (), "").tier == "none"


def test_what_is_denied_takes_more(screener: Screener) -> None:
    """The same words that are a finding by themselves are none where a rule found them denied."""
    by_weight = weighing(screener, soft=ENOUGH["soft"])
    assert by_weight.screen("the bus came late", (), "").tier == "soft"
    assert by_weight.screen("i don't want to die", (), "").tier == "none"


def test_a_rule_stands_unless_the_rest_speaks_of_something_else(screener: Screener) -> None:
    text = "i want to die"
    assert weighing(screener, soft=LEAST["hard"]).screen(text, (), "").tier == "hard"
    assert weighing(screener, soft=LEAST["hard"] - 1).screen(text, (), "").tier == "soft"


def test_weights_alone_can_find_the_hardest(bare: Screener) -> None:
    assert bare.screen("i want to die, i want to kill myself tonight", (), "").tier == "hard"


def test_a_language_can_do_without(tmp_path: Path, content: Path) -> None:
    shutil.copytree(content, tmp_path / "safety")
    (tmp_path / "safety" / "weights.json").unlink()
    assert load(tmp_path / "safety").screen("i want to die", (), "").tier == "hard"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        '{"tiers": ["soft"]}',
        json.dumps({"tiers": list(WEIGHED), "start": [1], "each": {}}),
        json.dumps({"tiers": list(WEIGHED), "start": [0] * len(WEIGHED), "each": {"heavy": [1]}}),
    ],
)
def test_a_broken_table_is_a_sentence(tmp_path: Path, content: Path, broken: str) -> None:
    shutil.copytree(content, tmp_path / "safety")
    (tmp_path / "safety" / "weights.json").write_text(broken, encoding="utf-8")
    with pytest.raises(ContentError, match=r"weights\.json .* run that"):
        load(tmp_path / "safety")


@pytest.mark.long
def test_the_table_is_what_the_texts_make_of_it(screener: Screener) -> None:
    start, table = weigh.weigh(weigh.texts())
    assert screener.book.weights.start == tuple(start)
    assert screener.book.weights.each == {part: tuple(each) for part, each in table.items()}
