"""Mistakes in words and rules are found at start-up, each named by file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.errors import ContentError
from bot.safety import load, report, screen_file
from bot.safety.load import masks, slips
from bot.safety.report import wilson
from tests.screen.conftest import CONTENT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONTENT, tmp_path / "safety"))


RULE = """
[[rule]]
id = "wish.extra"
tier = "hard"
any = ["zebra {}"]
"""


@pytest.mark.parametrize(
    ("file", "added", "says"),
    [
        ("self.toml", RULE.format("@nobody"), "there is no class 'nobody'"),
        ("self.toml", RULE.format("[open"), "closing bracket"),
        ("self.toml", RULE.format("..99 x"), "at most 8"),
        ("self.toml", RULE.format("..x y"), "a gap is"),
        ("self.toml", RULE.format("a|zebra"), "left out of every text"),
        ("self.toml", RULE.format("x !"), "after '!' stands a word"),
        ("self.toml", RULE.format("x#y"), "is not a word"),
        ("self.toml", RULE.format("x").replace("hard", "harder"), "the tier is one of"),
        ("self.toml", RULE.format("x").replace("wish.extra", "extra"), "'family.name'"),
        ("self.toml", RULE.format("x").replace("wish.extra", "wish.dead"), "this id is taken"),
        ("self.toml", RULE.format("x") + 'who = "me"\n', "who is one of"),
        ("self.toml", RULE.format("x") + "whom = 1\n", "there is no key 'whom'"),
        ("self.toml", RULE.format("x") + 'unless = ["tea"]\n', "there is no context 'tea'"),
        ("self.toml", RULE.format("x") + "unless = 3\n", "must be a list of texts"),
        ("self.toml", RULE.format("x") + "tense = 3\n", "is true or false"),
        ("self.toml", RULE.format("x").replace('["zebra x"]', "[]"), "at least one pattern"),
        ("others.toml", "= 3", "this is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(folder: Path, file: str, added: str, says: str) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        load(folder)
    assert says in str(caught.value)
    assert file in str(caught.value)
    assert "line" in str(caught.value)


def test_a_missing_class_or_context_is_named(folder: Path) -> None:
    words = folder / "words.toml"
    text = words.read_text(encoding="utf-8")
    words.write_text(text.replace("\nintense = ", "\nintenser = "), encoding="utf-8")
    with pytest.raises(ContentError, match="the class 'intense' is missing"):
        load(folder)


def test_an_unknown_table_is_named(folder: Path) -> None:
    (folder / "extra.toml").write_text('[[rules]]\nid = "x.y"\n', encoding="utf-8")
    with pytest.raises(ContentError, match=r"extra.toml, line 1: there is no 'rules' here"):
        load(folder)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="there is no words"):
        load(tmp_path)


def test_slips_and_masks() -> None:
    assert {"suicdie", "suicde", "suiciide", "suicede"} <= set(slips("suicide"))
    assert "del" not in set(slips("dele"))
    assert {"k*ll", "k**l", "k***"} <= set(masks("kill"))


def test_rows_in_verdicts_out(tmp_path: Path) -> None:
    screener = load(CONTENT)
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": 1, "text": "i want to die"}\n\n'
        '{"id": "b", "text": "x", "turns": ["i want to", "die"]}\n'
        '{"id": "c", "text": "nice day", "turns": null}\n',
        encoding="utf-8",
    )
    assert list(screen_file(path, screener)) == [
        '{"id": "1", "tier": "hard", "rule": "wish.dead"}',
        '{"id": "b", "tier": "hard", "rule": "wish.dead"}',
        '{"id": "c", "tier": "none", "rule": ""}',
    ]


@pytest.mark.parametrize("row", ["[]", "{", '{"id": 1}', '{"id": 1, "text": "x", "turns": [1]}'])
def test_a_row_that_is_none_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "text": "x"}\n' + row, encoding="utf-8")
    with pytest.raises(ContentError, match=r"rows.jsonl, line 2"):
        list(screen_file(path, load(CONTENT)))


def test_a_report_says_whether_targets_are_met(tmp_path: Path) -> None:
    screener = load(CONTENT)
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": "1", "text": "i want to die", "tier": "hard", "slice": "clear"}\n'
        '{"id": "2", "text": "nice day", "tier": "none", "slice": "ordinary"}\n'
        '{"id": "3", "text": "i am dying to see him", "tier": "none", "slice": "idiom"}\n',
        encoding="utf-8",
    )
    text, code = report(path, screener)
    assert code == 0
    assert "met    clear self-harm is hard: 1/1 100.0%" in text
    path.write_text('{"id": "1", "text": "nice day", "label": "si"}\n', encoding="utf-8")
    text, code = report(path, screener)
    assert code == 1
    assert "MISSED label si: 0/1" in text


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(8, 10)
    assert round(low, 3) == 0.490
    assert round(high, 3) == 0.943
    assert wilson(0, 0) == (0.0, 1.0)
