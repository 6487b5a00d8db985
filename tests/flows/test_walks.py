"""Walks at random: whatever is typed and tapped, nothing breaks, grows wrong or gets lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import LostStep
from bot.flows import engine, markup
from bot.flows.engine import Returned
from bot.flows.load import DATA, TURN
from bot.flows.model import Ask, Library
from bot.flows.session import DEPTH, Frame, Session
from tests.flows.conftest import FLOWS
from tests.flows.talk import Talk, house
from tests.flows.test_ways import FOUND, LOOK


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """All the flows of these tests in one house."""
    folder: Path = tmp_path_factory.mktemp("house")
    return house(folder, {**FLOWS, "look": LOOK})


WORDS = st.sampled_from(
    [
        *("back", "skip", "stop", "ok", "meh", "?", "no", "numb", "can't tell", "7", "7 or 8"),
        *("-3", "11", "seven", "anger, fear", "Fear", "that's all", "my own, words", "I see"),
        *("Yes", "never", "family", "whats this for", "<b>", "{what}", "…", "🙂"),
    ]
)
TYPED = st.tuples(st.just("type"), WORDS | st.text(min_size=1, max_size=200))
TAPPED = st.tuples(st.just("tap"), st.integers(0, 30))
GUESSED = st.tuples(st.just("guess"), st.text(max_size=20))
OPENED = st.tuples(st.just("open"), st.sampled_from([*FLOWS, "look"]))
OTHER = st.tuples(st.sampled_from(["cancel", "resume", "abandon", "again"]), st.just(0))
MOVES = st.lists(st.one_of(TYPED, TAPPED, TAPPED, GUESSED, OPENED, OTHER), max_size=25)
"""Taps twice, so that walks get somewhere."""


class Walk:
    """A talk that is led about, and watched at every turn."""

    def __init__(self, library: Library) -> None:
        self.talk = Talk(library)
        self.drafts: list[Frame] = []

    def go(self, move: tuple[str, str | int]) -> None:
        kind, what = move
        talk = self.talk
        before = talk.session
        talk.effects = []
        outcome = ["some", "none", "flow:note"][before.turn % 3]
        talk.does = {
            "find": [Returned({"found": FOUND}, goto=outcome)],
            "keep": [Returned({"kept_at": "12:30"}, settled=True)],
        }
        match kind:
            case "open":
                talk.open(str(what), from_where="home")
            case "abandon":
                talk.abandon()
            case "resume" if self.drafts:
                talk.resume(self.drafts.pop())
            case _ if before.top is not None:
                self.answer(kind, what)
        self.watch(before)

    def answer(self, kind: str, what: str | int) -> None:
        talk = self.talk
        values = [value for row in talk.rows for _, value in row]
        match kind:
            case "cancel":
                talk.cancel()
            case "again":
                talk.again()
            case "type":
                self.type(str(what))
            case "tap" if values:
                talk.tap(values[int(what) % len(values)])
            case "guess" if what not in values:
                self.guess(str(what))

    def type(self, text: str) -> None:
        talk = self.talk
        frame = talk.frame
        step = talk.library.flows[frame.flow].step(frame.step)
        phrases = talk.library.phrases
        commands = phrases.back | phrases.skip | phrases.stop
        talk.type(text)
        if isinstance(step, Ask) and step.save and engine.plain(text) not in commands:
            kept = [*talk.session.frames, *talk.closed]
            assert any(f.answers.get(step.save) == text for f in kept if f.flow == frame.flow)

    def guess(self, value: str) -> None:
        """Tap what may not be there: then it is a lost step and nothing else."""
        before = self.talk.session
        with pytest.raises(LostStep):
            self.talk.tap(value)
        assert self.talk.session == before

    def watch(self, before: Session) -> None:
        talk = self.talk
        session = talk.session
        poses = [e for e in talk.effects if isinstance(e, engine.Pose)]
        assert session.turn == before.turn + len(poses)
        assert len(session.frames) <= DEPTH
        assert len(talk.effects) <= 30
        assert engine.open_rows(talk.library, session) == (talk.rows if session.frames else ())
        for effect in talk.effects:
            if isinstance(effect, engine.Pose | engine.Tell):
                assert markup.fault(effect.text) is None
                assert 0 < markup.units(markup.visible(effect.text)) <= 4096
            if isinstance(effect, engine.Pose | engine.Redraw):
                self.look_at(effect.rows)
        self.drafts += [
            e.frame for e in talk.effects if isinstance(e, engine.Closed) and not e.finished
        ]

    @staticmethod
    def look_at(rows: engine.Rows) -> None:
        buttons = [pair for row in rows for pair in row]
        values = [value for _, value in buttons]
        assert len(values) == len(set(values))
        for label, value in buttons:
            assert 0 < len(label) <= 64 + len(engine.TICK)
            assert 0 < len(value.encode()) <= DATA - TURN


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES)
def test_a_walk_at_random_breaks_nothing(
    library: Library, moves: list[tuple[str, str | int]]
) -> None:
    walk = Walk(library)
    for move in [("open", "note"), *moves]:
        walk.go(move)


@settings(max_examples=100, deadline=None)
@given(text=st.text(min_size=1, max_size=4096))
def test_whatever_is_typed_at_an_open_question_is_kept_or_a_command(
    library: Library, text: str
) -> None:
    walk = Walk(library)
    walk.go(("open", "hello"))
    walk.go(("type", text))


@settings(max_examples=200, deadline=None)
@given(number=st.integers(-50, 50), around=st.sampled_from(["{}", "about {}", "{}/10", " {}. "]))
def test_a_strength_is_saved_as_the_number_that_was_typed_or_not_at_all(
    library: Library, number: int, around: str
) -> None:
    talk = Talk(library)
    talk.open("moment")
    talk.type(around.format(number))
    saved = [frame.answers.get("now") for frame in talk.closed]
    assert saved == ([number] if 0 <= number <= 10 else [])


@given(st.text())
def test_words_compare_the_same_however_often_they_are_made_plain(text: str) -> None:
    once = engine.plain(text)
    assert engine.plain(once) == once
    assert engine.plain(f"  {text}  ") == once


@given(st.lists(st.tuples(st.text(min_size=1, max_size=64), st.text(max_size=5)), max_size=20))
def test_every_button_is_laid_out_once_and_in_order(pairs: list[tuple[str, str]]) -> None:
    rows = engine.pack(pairs)
    assert [pair for row in rows for pair in row] == pairs
    for row in rows:
        assert 1 <= len(row) <= 3
        assert (
            len(row) in {1, 6, 5} or max(len(label) for label, _ in row) <= engine.WIDTHS[len(row)]
        )
