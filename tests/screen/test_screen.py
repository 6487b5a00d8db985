"""What a verdict depends on, and what it does not."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.safety import Screener, Verdict, load
from bot.safety.verdict import URGENCY
from tests.screen.conftest import CONTENT

ENGLISH = load(CONTENT)

CLEAR = (
    "i want to kill myself",
    "I don't want to be alive anymore",
    "i'm going to end my life tonight",
    "i can't stop thinking about suicide",
    "i cut myself again",
)
ZERO_WIDTH = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH JOINER}\N{WORD JOINER}\N{SOFT HYPHEN}"
APOSTROPHES = "'`\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
ORDINARY = (
    "he hasn't replied and my chest is tight. ",
    "we talked about the weekend, it was fine! ",
    "i watered the plants\n",
    "😀 ok ",
    "what do you think? ",
)

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def tier(text: str, *before: str) -> str:
    return ENGLISH.screen(text, before, "").tier


@pytest.mark.parametrize("text", CLEAR)
def test_clear_words_are_heard(text: str) -> None:
    assert tier(text) == "hard"


@quick
@given(text=st.sampled_from(CLEAR), upper=st.lists(st.booleans(), min_size=40, max_size=40))
def test_capitals_change_nothing(text: str, upper: list[bool]) -> None:
    written = "".join(
        letter.upper() if up else letter for letter, up in zip(text, upper, strict=False)
    )
    assert tier(written) == "hard"


@quick
@given(text=st.sampled_from(CLEAR), mark=st.sampled_from(["", *APOSTROPHES]))
def test_apostrophes_change_nothing(text: str, mark: str) -> None:
    assert tier(text.replace("'", mark)) == "hard"


@quick
@given(text=st.sampled_from(CLEAR), data=st.data())
def test_what_is_not_seen_changes_nothing(text: str, data: st.DataObject) -> None:
    marks = data.draw(st.lists(st.sampled_from(ZERO_WIDTH), min_size=len(text)))
    assert tier("".join(a + b for a, b in zip(text, marks, strict=False))) == "hard"


@quick
@given(text=st.sampled_from(CLEAR), mark=st.integers(0x300, 0x36F).map(chr))
def test_marks_over_letters_change_nothing(text: str, mark: str) -> None:
    assert tier("".join(letter + mark for letter in text)) == "hard"


@quick
@given(
    text=st.sampled_from(CLEAR),
    gap=st.sampled_from([" ", "  ", ".", "-"]),
    wide=st.sampled_from([" ", "   ", "\n"]),
)
def test_spelled_letters_are_read(text: str, gap: str, wide: str) -> None:
    assert tier(wide.join(gap.join(word.replace("'", "")) for word in text.split())) == "hard"


@quick
@given(text=st.sampled_from(CLEAR), at=st.integers(0, 40), times=st.integers(3, 12))
def test_drawn_out_letters_are_read(text: str, at: int, times: int) -> None:
    words = text.split()
    word = at % len(words)
    words[word] += words[word][-1] * times
    assert tier(" ".join(words)) == "hard"


@quick
@given(
    text=st.sampled_from(CLEAR),
    letters=st.sampled_from(
        ["FULLWIDTH LATIN SMALL LETTER {}", "MATHEMATICAL BOLD FRAKTUR SMALL {}"]
    ),
)
def test_odd_alphabets_are_read(text: str, letters: str) -> None:
    written = "".join(
        unicodedata.lookup(letters.format(letter.upper())) if letter.isalpha() else letter
        for letter in text.casefold()
    )
    assert tier(written) == "hard"


@settings(quick, max_examples=25)
@given(
    text=st.sampled_from(CLEAR),
    noise=st.lists(st.sampled_from(ORDINARY), min_size=120, max_size=160),
    at=st.integers(0, 120),
)
def test_a_clear_sentence_is_heard_in_a_long_text(text: str, noise: list[str], at: int) -> None:
    around = "".join(noise)[: 4096 - len(text) - 4]
    cut = around.rfind(" ", 0, at * 30) + 1
    assert tier(f"{around[:cut]}. {text}. {around[cut:]}") == "hard"


@settings(quick, max_examples=200)
@given(text=st.text(max_size=300), before=st.lists(st.text(max_size=60), max_size=8))
def test_it_never_fails_and_answers_the_same_again(text: str, before: list[str]) -> None:
    first = ENGLISH.screen(text, before, "")
    assert first.tier in URGENCY
    assert ENGLISH.screen(text, before, "log.story") == first


MARKS = " .,!?'\"*@$-_0134🔪💊\N{ZERO WIDTH SPACE}\N{COMBINING LONG STROKE OVERLAY}"


@settings(quick, max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(sorted(ENGLISH.book.automaton.vocabulary)), st.sampled_from(MARKS)
        ),
        max_size=40,
    )
)
def test_it_never_fails_on_words_that_mean_something(words: list[str]) -> None:
    text = " ".join(words)
    fresh = Screener(ENGLISH.book)
    assert ENGLISH.screen(text, (), "") == fresh.screen(text, (), "")


@pytest.mark.parametrize(
    "build",
    [
        lambda n: "i " * n,
        lambda n: "i want to die but not " * n,
        lambda n: "killmyself" * n,
        lambda n: "k.i.l.l " * n,
        lambda n: "('\"" * n,
        lambda n: "a" * n,
    ],
)
def test_work_grows_as_the_text_does(build: Callable[[int], str]) -> None:
    """A bit a word, whatever the words are: counted, not timed (`python -m bench screen` times)."""
    from bot.safety.text import speak  # noqa: PLC0415 - only here

    one, four = (len(speak(build(n), ENGLISH.book.lexicon).words) for n in (100, 400))
    assert four <= 4 * one + 4


def test_a_sentence_in_three_messages() -> None:
    assert tier("i just want to") == "none"
    assert tier("die", "i just", "want to") == "hard"
    assert tier("die laughing at this", "i just", "want to") == "none"


def test_an_earlier_message_is_not_judged_again() -> None:
    assert tier("ok", "i want to die") == "none"


def test_means_after_despair() -> None:
    question = "what is the tallest bridge near me"
    assert tier(question) == "none"
    assert tier(question, "he left. i have nothing left") == "soft"


def test_calm_after_despair() -> None:
    calm = "i feel totally fine now. everything is clear"
    assert tier(calm) == "none"
    assert tier(calm, "i hate my life and i cant go on") == "soft"


def test_who_is_meant() -> None:
    assert tier("my brother wants to kill himself") == "third"
    assert tier("he says he will kill himself if i leave") == "abuse"
    assert tier('she wrote "i want to die" and hung up') == "third"
    assert tier("she said i want to die for attention but i do want to die") == "hard"


def test_when_it_was() -> None:
    assert tier("i was suicidal years ago and i am well now") == "none"
    assert tier("i was suicidal years ago") == "soft"
    assert tier("i was suicidal years ago and it is coming back") == "hard"


def test_what_is_denied() -> None:
    assert tier("i'm not suicidal") == "none"
    assert tier("i don't want to die, but i can't live like this") != "none"
    assert tier("never wanted to die more") == "hard"


def test_a_family_for_the_card() -> None:
    for text, family in (
        ("i want to die", "wish"),
        ("i cut myself again", "injury"),
        ("i took 30 paracetamol", "attempt"),
        ("he choked me", "neck"),
        ("he hit me", "violence"),
        ("how do i put a tracker on his car", "track"),
        ("everyone is better off without me", "burden"),
    ):
        assert ENGLISH.screen(text, (), "").family == family, text


def test_talk_of_love_speaks_against_an_end() -> None:
    assert tier("there is nothing left to look forward to") == "soft"
    assert (
        tier("there is nothing left for us to look forward to, our relationship is over") == "none"
    )


def test_a_first_name_is_someone() -> None:
    assert tier("last night tariq hit me") == tier("last night he hit me") == "abuse"
    assert tier("priya wants to kill herself") == "third"


def test_two_classes_in_either_order(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CONTENT, tmp_path / "safety"))
    (folder / "weights.json").unlink()
    with (folder / "unsaid.toml").open("a", encoding="utf-8") as file:
        file.write('[[rule]]\nid = "x.y"\ntier = "soft"\nany = ["zebra & quagga"]\n')
    screener = load(folder)
    for text in ("a zebra met one quagga", "quagga, then a zebra"):
        assert screener.screen(text, (), "").rule == "x.y", text
    assert screener.screen("zebra. quagga", (), "").tier == "none"


def test_a_verdict_never_holds_the_words() -> None:
    verdict = ENGLISH.screen("i want to jump off the humber bridge", (), "")
    assert verdict == Verdict("hard", verdict.rule, verdict.family)
    assert "humber" not in repr(verdict)
    assert any("humber" in line or "bridge" in line for line in ENGLISH.explain("jump off bridge"))
