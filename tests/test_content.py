"""The shipped content has what the code asks for by name; another content is held against it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bot import app
from bot.cli import main
from bot.errors import ContentError
from bot.flows.lint import lint
from bot.settings import Settings
from tests.shipped import content

COACH = Path(app.__file__).parent / "coach"


def test_the_shipped_content_loads_and_sounds_like_the_house() -> None:
    assert lint(content().library) == []


def test_every_phrase_the_code_says_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in COACH.glob("*.py"))
    said = set(re.findall(r"""(?:_say|say)\[["'](\w+)["']\]""", source))
    said |= set(re.findall(r"""_filled\(["'](\w+)["']""", source))
    said |= set(re.findall(r"""_told_once\(heard, ["'](\w+)["']""", source))
    assert len(said) > 25, "the pattern finds nothing any more"
    assert said <= set(content().library.phrases.say)


def test_every_refusal_of_the_engine_has_its_sentence() -> None:
    engine = (COACH.parent / "flows" / "engine.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r"""Refused\(\s*"(\w+)\"""", engine)) | {"scale", "range", "buttons"}
    say = content().library.phrases.say
    assert {f"refused_{reason}" for reason in reasons} <= set(say)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Return settings with a copy of the content that a test may break."""
    shutil.copytree(app.SHIPPED, tmp_path / "content" / "en")
    return Settings(_env_file=None, content=tmp_path / "content")


def test_a_phrase_that_another_content_lacks_is_named(elsewhere: Settings) -> None:
    path = elsewhere.content / "en" / "phrases.toml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(x for x in lines if not x.startswith("stale =")), encoding="utf-8")
    with pytest.raises(ContentError, match=r"^phrases\.toml\.say\.stale is missing; the shipped"):
        app.library(elsewhere)


def test_a_way_from_before_consent_into_what_needs_it_is_a_mistake(
    elsewhere: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = elsewhere.content / "en" / "flows" / "still.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("flow:activated", "flow:parts"), encoding="utf-8")
    assert main(["check", str(elsewhere.content / "en")]) == 1
    line = text[: text.index('id = "ask"')].count("\n") + 1
    assert capsys.readouterr().out.startswith(
        f"still.toml, step ask, line {line}: leads to the flow parts, which is not open before"
    )
