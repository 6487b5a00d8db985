"""What no text of this house may say: sentences that must be caught, and their neighbours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.flows.lint import lint
from bot.flows.model import Library, Run
from tests.shipped import content


@pytest.fixture(scope="module")
def library() -> Library:
    return content().library


def faults(library: Library, sentence: str) -> list[str]:
    """Say what the lint finds when the house said this sentence as well."""
    say = {**library.phrases.say, "odd": sentence}
    return lint(replace(library, phrases=replace(library.phrases, say=say)))


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("Put the pills away.", "no means and no places"),
        ("Stay off the bridge tonight.", "no means and no places"),
        ("Is there a knife near you?", "no means and no places"),
        ("Someone who committed suicide.", "no such word"),
        ("They attempted and failed: a failed attempt.", "no such word"),
        ("You are at low risk.", "no such word"),
        ("That is a moderate risk.", "no such word"),
        ("I promise it passes.", "no promises"),
        ("You'll be fine.", "no promises"),
        ("You're safe now.", "no promises"),
        ("I will keep watch tonight.", "no promises"),
        ("He'll write tomorrow.", "a prediction"),
        ("Your partner will understand.", "a prediction"),
        ("She still loves you.", "a prediction"),
        ("They're cheating.", "a prediction"),
        ("You should leave.", "never tells anyone"),
        ("It may be time to go back.", "never tells anyone"),
        ("Leave him.", "never tells anyone"),
        ("Stay with your partner.", "never tells anyone"),
        ("Confront them about it.", "never tells anyone"),
        ("Give it another chance.", "never tells anyone"),
        ("It gets better.", "a prediction"),
    ],
)
def test_a_careless_sentence_is_caught(library: Library, sentence: str, why: str) -> None:
    found = faults(library, sentence)
    assert found, sentence
    assert any(why in fault for fault in found), found


@pytest.mark.parametrize(
    "sentence",
    [
        "Are you safe right now?",
        "If they may act on it, call.",
        "Who stays with you tonight?",
        "What they do is not your fault.",
        "You may leave this open.",
        "Kept. Here when you want.",
    ],
)
def test_a_careful_one_is_not(library: Library, sentence: str) -> None:
    assert faults(library, sentence) == []


def test_breathing_says_that_comfort_comes_first(library: Library) -> None:
    told = [
        (flow.id, step.id, step.text)
        for flow in library.flows.values()
        for step in flow.steps
        if not isinstance(step, Run) and "In for" in step.text
    ]
    assert told
    for flow, step, text in told:
        assert "comfortable" in text, f"{flow}.{step}"
