"""What single words weigh together, where no rule finds anything."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import ContentError
from bot.safety import Screener, load
from bot.safety.weights import SPAN, TOO_FEW, Weights
from tools import weigh

HINT = "this world is not built for me and i am done staying"

REST = ("word",) * TOO_FEW


@pytest.fixture
def bare(screener: Screener) -> Screener:
    """Give a screener that has the table, and no rules."""
    owners = ("~past",) * len(screener.book.owners)
    return Screener(replace(screener.book, rules={}, owners=owners))


def weights(**words: int) -> Weights:
    """Return weights of "soft" alone, in tenths."""
    return Weights((-10, -99, -99, -99), {word: (value, 0, 0, 0) for word, value in words.items()})


def test_words_add_up_once_each() -> None:
    table = weights(heavy=60, forever=60)
    assert not list(table.weigh(("heavy",) * TOO_FEW))
    assert list(table.weigh(("heavy", "forever", *REST))) == [("soft", ("heavy", "forever"))]


def test_a_few_words_are_not_weighed() -> None:
    assert not list(weights(heavy=300, forever=300).weigh(("heavy", "and", "forever")))


def test_words_that_speak_against_it_are_taken_off() -> None:
    table = weights(heavy=60, forever=60, suitcase=-60)
    assert not list(table.weigh(("heavy", "forever", "suitcase", *REST)))


def test_what_stands_far_apart_is_not_added_up() -> None:
    table = weights(heavy=60, forever=60)
    between = ("word",) * SPAN
    assert not list(table.weigh(("heavy", *between, "forever")))
    assert list(table.weigh((*between, "heavy", "forever", *between)))


def test_the_words_that_weighed_are_told(bare: Screener) -> None:
    told = bare.explain(HINT)
    assert told[0] == "soft words.soft"
    assert "done" in told[1]


def test_without_the_table_the_same_is_not_heard(bare: Screener) -> None:
    nothing = Screener(replace(bare.book, weights=Weights((), {})))
    assert nothing.screen(HINT, (), "").tier == "none"


def test_what_is_denied_weighs_nothing(screener: Screener) -> None:
    assert screener.screen("i don't want to die", (), "").tier == "none"


def test_weights_never_find_the_hardest(bare: Screener) -> None:
    found = bare.screen("i want to die, i want to kill myself tonight", (), "")
    assert found.tier == "soft"


def test_a_language_can_do_without(tmp_path: Path, content: Path) -> None:
    shutil.copytree(content, tmp_path / "safety")
    (tmp_path / "safety" / "weights.toml").unlink()
    assert load(tmp_path / "safety").screen("i want to die", (), "").tier == "hard"


@pytest.mark.parametrize("broken", ['tiers = ["soft"]', "[words]\nheavy = [1]", "start = 1"])
def test_a_broken_table_is_a_sentence(tmp_path: Path, content: Path, broken: str) -> None:
    shutil.copytree(content, tmp_path / "safety")
    (tmp_path / "safety" / "weights.toml").write_text(broken, encoding="utf-8")
    with pytest.raises(ContentError, match=r"weights\.toml .* run that"):
        load(tmp_path / "safety")


@pytest.mark.long
def test_the_table_is_what_the_texts_make_of_it(screener: Screener) -> None:
    start, table = weigh.weigh(weigh.texts())
    assert screener.book.weights.start == tuple(start)
    assert screener.book.weights.words == {word: tuple(each) for word, each in table.items()}
