"""The house's voice: lengths, and words it does not use, each in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ContentError
from bot.flows.lint import lint
from bot.flows.load import load
from tests.flows.talk import FUNCTIONS, write

RULES = """
[[rules]]
words = ["streak", "well done"]
where = "all"
why = "it does not count days"

[[rules]]
words = ["submit"]
where = "buttons"
why = "nobody says that"

[[rules]]
words = ["trigger(ed|s)?"]
where = "moment"
why = "not while it hurts"

[[rules]]
words = ["attachment"]
where = "first"
why = "not on the first screen"

[[rules]]
words = ["panic"]
where = "last"
why = "a phone may be read by someone else"
"""


def heard(folder: Path, flows: dict[str, str], rules: str = RULES, **files: str) -> list[str]:
    """Return what the lint says about these flows."""
    return lint(load(write(folder, flows, lint=rules, **files), FUNCTIONS, {"first_name"}))


def flow(text: str = "Hello.", *, head: str = "", step: str = "", button: str = "Yes") -> str:
    """Return a flow that speaks, asks and speaks."""
    return f'''about = "x"
{head}

[[steps]]
id = "first"
kind = "say"
text = """{text}"""
{step}
next = "ask"

[[steps]]
id = "ask"
kind = "choose"
text = "Well?"
next = "last"
options = ["{button}"]

[[steps]]
id = "last"
kind = "say"
text = "Kept."
next = "end"
'''


def words(number: int) -> str:
    return " ".join(["word"] * number)


# --- length ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "most", "length"), [("", 45, "talk"), ('length = "moment"', 30, "moment")]
)
def test_a_message_has_so_many_words_and_no_more(
    tmp_path: Path, head: str, most: int, length: str
) -> None:
    assert heard(tmp_path, {"try": flow(words(most), head=head)}) == []
    assert heard(tmp_path, {"try": flow(words(most + 1), head=head)}) == [
        f"try.toml, step first: {most + 1} words, {length} has {most}."
    ]


@pytest.mark.parametrize(
    ("head", "most", "length"), [("", 4, "talk"), ('length = "moment"', 3, "moment")]
)
def test_a_message_has_so_many_lines_and_no_more(
    tmp_path: Path, head: str, most: int, length: str
) -> None:
    assert heard(tmp_path, {"try": flow("\n".join("x" * most), head=head)}) == []
    assert heard(tmp_path, {"try": flow("\n".join("x" * (most + 1)), head=head)}) == [
        f"try.toml, step first: {most + 1} lines, {length} has {most}."
    ]


def test_a_page_is_counted_in_what_one_sees_of_it(tmp_path: Path) -> None:
    page = 'length = "page"'
    assert heard(tmp_path, {"try": flow(f"<b>{'x' * 899}&amp;</b>", step=page)}) == []
    assert heard(tmp_path, {"try": flow("x" * 901, step=page)}) == [
        "try.toml, step first: 901 characters, a page has 900."
    ]


def test_a_step_may_be_of_another_length_than_its_flow(tmp_path: Path) -> None:
    text = flow(words(40), head='length = "moment"', step='length = "talk"')
    assert heard(tmp_path, {"try": text}) == []


def test_a_name_is_one_word_and_a_tag_is_none(tmp_path: Path) -> None:
    full = words(44) + " <b>{first_name}</b>"
    assert heard(tmp_path, {"try": flow(full)}) == []
    assert heard(tmp_path, {"try": flow(full + " x")}) == [
        "try.toml, step first: 46 words, talk has 45."
    ]


def test_a_shared_phrase_is_as_long_as_talk(tmp_path: Path) -> None:
    write(tmp_path, {})
    phrases = (tmp_path / "phrases.toml").read_text() + f'long = "{words(46)}"\n'
    library = load(write(tmp_path, {"try": flow()}, phrases), FUNCTIONS, ())
    assert lint(library) == ["phrases.toml, long: 46 words, talk has 45."]


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Streak!", "a <b>streak</b>", "Well done.", "WELL DONE"])
def test_a_word_for_nowhere_is_found_in_any_case_and_through_tags(
    tmp_path: Path, text: str
) -> None:
    (line,) = heard(tmp_path, {"try": flow(text)})
    assert line.startswith("try.toml, step first: “")
    assert line.endswith("”: it does not count days.")


@pytest.mark.parametrize("text", ["streaks", "mystreak", "well, done"])
def test_only_the_whole_word_is_meant(tmp_path: Path, text: str) -> None:
    assert heard(tmp_path, {"try": flow(text)}) == []


def test_a_word_for_nowhere_is_found_on_buttons_phrases_and_other_files(tmp_path: Path) -> None:
    write(tmp_path, {})
    phrases = (tmp_path / "phrases.toml").read_text() + 'proud = "What a streak."\n'
    library = load(
        write(
            tmp_path,
            {"try": flow(button="My streak")},
            phrases,
            lint=RULES,
            words='[low]\nlist = ["sad", "streak"]',
            helplines='name = "Streak line"',
        ),
        FUNCTIONS,
        (),
    )
    why = "“streak”: it does not count days."
    assert lint(library) == [
        f"try.toml, step ask, button: {why}",
        f"phrases.toml, proud: {why}",
        f"words.toml, low.list: {why}",
    ]


def test_a_word_for_no_button_may_stand_in_a_text(tmp_path: Path) -> None:
    assert heard(tmp_path, {"try": flow("Submit it.")}) == []
    assert heard(tmp_path, {"try": flow(button="Submit")}) == [
        "try.toml, step ask, button: “Submit”: nobody says that."
    ]


def test_the_word_that_says_it_is_all_is_a_button_too(tmp_path: Path) -> None:
    many = flow().replace('"choose"', '"choose_many"\ndone = "Submit"')
    assert heard(tmp_path, {"try": many}) == [
        "try.toml, step ask, button: “Submit”: nobody says that."
    ]


def test_a_word_not_for_the_moment_may_stand_in_a_lesson(tmp_path: Path) -> None:
    assert heard(tmp_path, {"try": flow("Triggers.")}) == []
    assert heard(tmp_path, {"try": flow("Triggers.", head='length = "moment"')}) == [
        "try.toml, step first: “Triggers”: not while it hurts."
    ]


def test_the_first_screen_is_where_welcome_starts_and_the_face(tmp_path: Path) -> None:
    text = "Attachment."
    assert heard(tmp_path, {"try": flow(text)}) == []
    found = heard(tmp_path, {"welcome": flow(text)}, face='about = "On attachment"')
    assert [line.partition(":")[0] for line in found] == [
        "welcome.toml, step first",
        "face.toml, about",
    ]


# --- the last bubble -------------------------------------------------------------------------


def last(folder: Path, text: str) -> list[str]:
    """Return the steps the lint takes for last bubbles: all texts say what none may end on."""
    found = heard(folder, {"try": text})
    return [line.partition(":")[0].removeprefix("try.toml, step ") for line in found]


ENDINGS = """
about = "Ends in many ways"

[[steps]]
id = "asks"
kind = "ask"
text = "Panic?"
next = "goes_on"

[[steps]]
id = "goes_on"
kind = "choose"
text = "Panic?"
must = true
options = [
  { text = "On", next = "looks" },
  { text = "Out", next = "end" },
  { text = "Away", next = "away" },
]

[[steps]]
id = "away"
kind = "say"
text = "Panic."
next = "flow:try"

[[steps]]
id = "looks"
kind = "run"
run = "find"
goto = { some = "rests", none = "before_keep" }

[[steps]]
id = "rests"
kind = "ask"
text = "Panic?"
rest = true
next = "asks"

[[steps]]
id = "before_keep"
kind = "say"
text = "Panic."
next = "keeps"

[[steps]]
id = "keeps"
kind = "run"
run = "keep"
next = "end"
"""


def test_last_is_what_may_stay_open_and_what_leads_quietly_out(tmp_path: Path) -> None:
    assert last(tmp_path, ENDINGS) == ["goes_on", "rests", "before_keep"]


def test_a_function_that_runs_in_circles_is_no_way_out(tmp_path: Path) -> None:
    text = """
    about = "Tries again"

    [[steps]]
    id = "try"
    kind = "say"
    text = "Panic."
    next = "find"

    [[steps]]
    id = "find"
    kind = "run"
    run = "find"
    goto = { some = "find", none = "kept" }

    [[steps]]
    id = "kept"
    kind = "say"
    text = "Kept."
    next = "end"
    """
    assert last(tmp_path, text) == []


# --- the rules themselves --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ("rules = 1", "lint.toml: rules must be a list of [[rules]]."),
        ('[[rules]]\nwhy = "x"', "lint.toml: a rule needs words."),
        ('[[rules]]\nwords = ["x"]', "lint.toml: a rule needs why."),
        (
            '[[rules]]\nwords = ["x"]\nwhy = "y"\nwhere = "hall"',
            "lint.toml: where = hall is none of all, buttons, first, last, moment.",
        ),
        (
            '[[rules]]\nwords = ["(x"]\nwhy = "y"',
            "lint.toml: (x is no pattern: missing ), unterminated subpattern at position 7.",
        ),
    ],
)
def test_a_rule_that_is_none_is_said_so(tmp_path: Path, rules: str, sentence: str) -> None:
    with pytest.raises(ContentError) as caught:
        heard(tmp_path, {"try": flow()}, rules)
    assert str(caught.value) == sentence


def test_without_rules_only_lengths_are_held_against_a_text(tmp_path: Path) -> None:
    library = load(write(tmp_path, {"try": flow("streak")}), FUNCTIONS, ())
    assert lint(library) == []
