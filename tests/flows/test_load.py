"""An author's mistakes: each is found before a person finds it, and said so that one can act."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from bot.errors import ContentError
from bot.flows.load import load, place
from tests.flows.conftest import FLOWS
from tests.flows.talk import FUNCTIONS, PHRASES, house, write

HEAD = """\
about = "A try"

[[steps]]
id = "one"
"""
"""Four lines; the step's id stands in line 4."""


def mistakes(folder: Path, flows: dict[str, str], phrases: str = PHRASES) -> list[str]:
    """Return the sentences an author gets for these flows."""
    with pytest.raises(ContentError) as caught:
        load(write(folder, flows, phrases), FUNCTIONS, {"first_name"})
    return str(caught.value).splitlines()


def say(text: str = "Hello.", to: str = "end") -> str:
    return f'kind = "say"\ntext = "{text}"\nnext = "{to}"\n'


def choose(options: str, more: str = 'next = "end"') -> str:
    return f'kind = "choose"\ntext = "Well?"\noptions = {options}\n{more}\n'


ONE = "try.toml, step one, line 4"
NO_TOML = "this is not TOML yet"
NO_TABLE = "Expected ']' at the end of a table declaration"
SCALE = 'kind = "scale"\ntext = "x"\nnext = "end"\n'

STEP_MISTAKES = [
    # what a step is
    (
        'kind = "shout"\ntext = "x"',
        (
            "shout is no kind of step; "
            "a step's kind is say, ask, choose, choose_many, scale, pause or run."
        ),
    ),
    (
        'text = "x"',
        "kind is missing; a step's kind is say, ask, choose, choose_many, scale, pause or run.",
    ),
    ('kind = "say"\nnext = "end"', "text is missing."),
    ('kind = "say"\ntext = ""\nnext = "end"', "text is empty."),
    ('kind = "say"\ntext = "x"', "next is missing."),
    ('kind = "say"\ntext = 5\nnext = "end"', 'text must be a text in "quotes".'),
    ('kind = "run"\nnext = "end"', "run is missing."),
    (say() + "txet = 1", "txet is no key of say steps."),
    (say() + "long = 7", "long must be true or false."),
    (say() + 'length = "short"', "length must be 'moment', 'talk' or 'page'."),
    ('kind = "ask"\ntext = "x"\nnext = "end"\nmost = 5000', "most must be 4096 or less."),
    (
        'kind = "ask"\ntext = "x"\nnext = "end"\nsave = "What"',
        "save must be a name in small letters, a-z, 0-9 and _.",
    ),
    # where it leads
    (say(to="two"), "leads to two, which is no step of this flow."),
    (say(to="flow:two"), "leads to the flow two, which does not exist."),
    (
        choose('["Yes"]', ""),
        "needs a next, where skipping leads; or must = true if it cannot be skipped.",
    ),
    (
        'kind = "ask"\ntext = "x"\nmust = true',
        "needs a next, where an answer that is no button leads.",
    ),
    (
        'kind = "scale"\ntext = "x"\nmust = true\nranges = [{ next = "end" }]',
        "needs a next, where numb, can't tell and numbers in no range lead.",
    ),
    (
        SCALE + 'ranges = [{ least = 5, most = 3, next = "end" }]',
        "the range from 5 to 3 holds no number.",
    ),
    # what it runs
    ('kind = "run"\nrun = "fnid"\nnext = "end"', "runs fnid, which is no function of the coach."),
    (
        'kind = "run"\nrun = "find"\nnext = "end"\ngoto = { much = "end" }',
        "find has no outcome much; it has none, some.",
    ),
    (
        'kind = "run"\nrun = "keep"\nnext = "end"\ngoto = { kept = "end" }',
        "keep has no outcome kept; it has none.",
    ),
    (
        'kind = "run"\nrun = "find"\ngoto = { some = "end" }',
        "needs a next, or a goto for none.",
    ),
    ('kind = "run"\nrun = "keep"\ngoto = {}', "needs a next; keep has only one way to come back."),
    # what it says
    (say("Hello, {name}."), "{name} is nothing this flow saves, is given or knows."),
    (say("Hello, { first_name }."), "{ first_name } is no name in braces, like {what}."),
    (say("Hello, {}."), "{} is no name in braces, like {what}."),
    (say("Hello, {first_name."), "{first_name. is no name in braces, like {what}."),
    (say("Hello :}"), "} is no name in braces, like {what}."),
    (say("<b>Hello"), "broken HTML: <b> is never closed."),
    (say("Hello</b>"), "broken HTML: </b> closes what is not open."),
    (say("<b><i>Hello</b></i>"), "broken HTML: </b> closes what is not open."),
    (say("Hello<br>"), "broken HTML: <br> is no tag that Telegram shows."),
    (say("I < you"), "broken HTML: a bare < or & must be written &lt; or &amp;."),
    (say("You & I"), "broken HTML: a bare < or & must be written &lt; or &amp;."),
    (say("You&nbsp;"), "broken HTML: &nbsp; is not known to Telegram, only lt, gt, amp, quot."),
    (
        say("x" * 3790 + "{first_name}"),
        "can be over Telegram's 4096 characters once its names are filled in.",
    ),
    # its buttons
    (choose("[]"), "has no buttons; give it options, or an offer made by a function."),
    (
        'kind = "choose"\ntext = "x"\noffer = "found"\nnext = "end"',
        "offers found, which no function of this flow gives.",
    ),
    (
        choose('["Yes", "yes!"]'),
        "two buttons say or mean yes!; a person could not tell them apart.",
    ),
    (
        choose('["Yes", { text = "Sure", value = "yes" }]'),
        "two buttons say or mean Sure; a person could not tell them apart.",
    ),
    (
        'kind = "scale"\ntext = "x"\nnext = "end"\noptions = ["7"]',
        "two buttons say or mean 7; a person could not tell them apart.",
    ),
    (
        'kind = "choose_many"\ntext = "x"\nnext = "end"\noptions = ["That\'s all"]',
        "two buttons say or mean That's all; a person could not tell them apart.",
    ),
    (
        choose(f'[{{ text = "Yes", value = "{"ä" * 27}" }}]'),
        "the value of Yes is over 53 bytes, more than fits.",
    ),
    (choose('["👍"]'), "👍 has no letters a-z to be kept by; give it a value."),
    (choose('["✓ Yes"]'), "✓ Yes starts with the mark of a chosen button."),
    (
        choose('["Yes, {first_name}"]'),
        "Yes, {first_name} has braces; a button's text cannot show a name.",
    ),
    (
        'kind = "choose_many"\ntext = "x"\nnext = "end"\noptions = [{ text = "A", next = "end" }]',
        "A only ticks; to lead on it needs answer = false.",
    ),
    (
        choose('[{ text = "Go", visit = "away" }]'),
        "Go visits the flow away, which does not exist.",
    ),
]


@pytest.mark.parametrize(("step", "sentence"), STEP_MISTAKES)
def test_a_mistake_in_a_step_is_said_with_its_place(
    tmp_path: Path, step: str, sentence: str
) -> None:
    assert mistakes(tmp_path, {"try": HEAD + step}) == [f"{ONE}: {sentence}"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ('["Yes", {}]', "button 2: text is missing."),
        ('["Yes", ""]', "button 2: text is empty."),
        ('["Yes", { text = "No", goto = "end" }]', "button 2: goto is no key of a button."),
        (f'["{"x" * 65}"]', "button 1: text is longer than 64 characters."),
    ],
)
def test_a_mistake_in_a_button_says_which(tmp_path: Path, options: str, sentence: str) -> None:
    assert mistakes(tmp_path, {"try": HEAD + choose(options)}) == [f"{ONE}, {sentence}"]


def test_a_mistake_in_a_range_says_which(tmp_path: Path) -> None:
    step = 'kind = "scale"\ntext = "x"\nnext = "end"\nranges = [{ least = 11, next = "end" }]'
    assert mistakes(tmp_path, {"try": HEAD + step}) == [
        f"{ONE}, range 1: least must be 10 or less."
    ]


# --- the flow as a whole ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        ('about = "x"\nsteps = []', "line 2: steps needs at least one."),
        ('about = "x"', "line 1: steps is missing."),
        ("steps = [1]", "line 1: about is missing."),
        (
            f'about = "x"\n\n# a word\nrnak = "card"\n{HEAD[16:]}{say()}',
            "line 4: rnak is no key of a flow.",
        ),
        (
            f'about = "x"\nrank = "first"\n{HEAD[16:]}{say()}',
            "line 2: rank must be 'card', 'moment', 'talk' or 'aside'.",
        ),
        (f'id = "x"\n{HEAD}{say()}', "line 1: take the id out; a flow is named by its file."),
        (
            f'about = "x"\nclose = "gone"\n{HEAD[16:]}{say()}',
            "line 2: close leads to gone, which is no step of this flow.",
        ),
    ],
)
def test_a_mistake_in_the_flow_itself_is_said_with_its_line(
    tmp_path: Path, flow: str, sentence: str
) -> None:
    assert f"try.toml, {sentence}" in mistakes(tmp_path, {"try": flow})


def test_what_is_not_toml_is_said_with_the_line_that_breaks_it(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {"try": 'about = "x"\nrank card\n'}) == [
        f"try.toml: {NO_TOML}: Expected '=' after a key in a key/value pair (at line 2, column 6)."
    ]


def test_a_file_that_is_not_utf8_is_said_so(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "flows" / "try.toml").write_bytes('about = "Grüße"'.encode("latin-1"))
    assert mistakes(tmp_path, {}) == ["try.toml: save this file as UTF-8."]


def test_an_editor_that_marks_its_utf8_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "flows" / "try.toml").write_text(HEAD + say(), encoding="utf-8-sig")
    assert "try" in load(tmp_path, FUNCTIONS, ()).flows


def test_a_file_with_a_name_no_flow_can_have_is_said_so(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {"My-flow": HEAD + say()}) == [
        "My-flow.toml: a file of this kind is named in small letters, a-z and _."
    ]


def test_a_folder_without_flows_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="there is no folder of flows here"):
        load(tmp_path, FUNCTIONS, ())


TWO = """
about = "A try"

[[steps]]
id = "one"
kind = "say"
text = \"\"\"
A longer text. It may well show

id = "two"

[[steps]]
and be no step for all that.\"\"\"
next = "two"

[[steps]]
kind = "say"
id = "two"
text = "Two."
next = "{two}"

[[steps]]
id = "{three}"
kind = "{kind}"
text = "Three."
next = "end"
"""


def flow_of_three(two: str = "three", three: str = "three", kind: str = "say") -> str:
    return dedent(TWO).lstrip().format(two=two, three=three, kind=kind)


def test_a_step_is_found_where_it_stands_not_where_a_text_looks_like_it(tmp_path: Path) -> None:
    assert place("try", flow_of_three(), "two") == "try.toml, step two, line 17"
    assert mistakes(tmp_path, {"try": flow_of_three(two="gone")}) == [
        "try.toml, step two, line 17: leads to gone, which is no step of this flow.",
        "try.toml, step three, line 22: nothing leads here; link it or take it out.",
    ]


def test_the_second_of_two_steps_with_one_id_is_the_one_named(tmp_path: Path) -> None:
    found = mistakes(tmp_path, {"try": flow_of_three(two="end", three="two")})
    assert found == [
        "try.toml, step two, line 22: two steps have this id; give one of them another."
    ]


def test_a_step_of_a_wrong_kind_is_named_by_its_own_line(tmp_path: Path) -> None:
    found = mistakes(tmp_path, {"try": flow_of_three(kind="shout")})
    assert [line.partition(": ")[0] for line in found] == ["try.toml, step three, line 22"]


def test_a_step_without_an_id_is_named_by_its_number_and_first_line(tmp_path: Path) -> None:
    text = flow_of_three().replace('id = "three"\n', "")
    assert mistakes(tmp_path, {"try": text}) == ["try.toml, step number 3, line 21: id is missing."]


def test_a_step_named_like_the_way_out_is_refused(tmp_path: Path) -> None:
    found = mistakes(tmp_path, {"try": flow_of_three(two="end", three="end")})
    assert "try.toml, step end, line 22: end is the way out; give this step another id." in found


def test_a_step_nobody_comes_to_is_said_so(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {"try": flow_of_three(two="end")}) == [
        "try.toml, step three, line 22: nothing leads here; link it or take it out."
    ]


def test_a_way_without_end_is_said_so(tmp_path: Path) -> None:
    flow = HEAD + choose('["Yes"]', 'next = "one"')
    assert mistakes(tmp_path, {"try": flow}) == [f"{ONE}: from here there is no way to the end."]


def test_a_circle_that_never_asks_is_said_so(tmp_path: Path) -> None:
    assert mistakes(tmp_path, {"try": HEAD + say(to="one")}) == [
        f"{ONE}: from here there is no way to the end.",
        f"{ONE}: goes round in a circle without ever asking anything.",
    ]


def test_a_circle_over_two_flows_is_said_in_both(tmp_path: Path) -> None:
    flows = {"try": HEAD + say(to="flow:other"), "other": HEAD + say(to="flow:try")}
    assert mistakes(tmp_path, flows) == [
        "other.toml, step one, line 4: goes round in a circle without ever asking anything.",
        f"{ONE}: goes round in a circle without ever asking anything.",
    ]


def test_names_of_a_visited_flow_are_known_after_the_visit(tmp_path: Path) -> None:
    host = HEAD + choose('[{ text = "Go", visit = "guest" }]', 'next = "two"')
    host += '\n[[steps]]\nid = "two"\n' + say("You saw {seen}.")
    guest = HEAD + 'kind = "ask"\ntext = "What?"\nsave = "seen"\nnext = "end"'
    assert "host" in house(tmp_path, {"host": host, "guest": guest}).flows


def test_every_mistake_of_every_file_is_listed_at_once(tmp_path: Path) -> None:
    flows = {
        "aim": HEAD + say("{name}") + "txet = 1",
        "bow": HEAD + 'kind = "run"\nrun = "fnid"\nnext = "end"',
        "cup": HEAD + say("<b>{", to="two"),
    }
    assert mistakes(tmp_path, flows) == [
        "aim.toml, step one, line 4: txet is no key of say steps.",
        "bow.toml, step one, line 4: runs fnid, which is no function of the coach.",
        "cup.toml, step one, line 4: leads to two, which is no step of this flow.",
        "cup.toml, step one, line 4: broken HTML: <b> is never closed.",
        "cup.toml, step one, line 4: { is no name in braces, like {what}.",
    ]


def test_a_broken_file_is_not_blamed_on_those_that_point_to_it(tmp_path: Path) -> None:
    host = HEAD + choose('[{ text = "Go", visit = "guest" }]', 'next = "two"')
    host += '\n[[steps]]\nid = "two"\n' + say("You saw {seen}.", to="flow:guest")
    assert mistakes(tmp_path, {"host": host, "guest": "about"}) == [
        f"guest.toml: {NO_TOML}: Expected '=' after a key in a key/value pair (at end of document)."
    ]


# --- the words that all flows share ----------------------------------------------------------


def test_without_phrases_nothing_can_be_said(tmp_path: Path) -> None:
    write(tmp_path, {"try": HEAD + say()})
    (tmp_path / "phrases.toml").unlink()
    with pytest.raises(ContentError) as caught:
        load(tmp_path, FUNCTIONS, ())
    assert str(caught.value) == ("phrases.toml: this file is missing; every flow shares its words.")


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ('back = ["back", "go back"]', "", ["phrases.toml: back is missing."]),
        ('numb = "Numb"', "", ["phrases.toml: say.numb is missing."]),
        (
            'skip = ["skip"]',
            'skip = "skip"',
            ['phrases.toml: skip must be a list of words, like ["one", "two"].'],
        ),
        (
            "seven = 7",
            'seven = "7"',
            ["phrases.toml: numbers must be a table of numbers, like seven = 7."],
        ),
        ('ok = "OK."', "ok = 1", ['phrases.toml: say must be a table of texts, like ok = "OK.".']),
        (
            'ok = "OK."',
            'ok = "<b>OK."',
            ["phrases.toml, say.ok: broken HTML: <b> is never closed."],
        ),
        (
            'ok = "OK."',
            f'ok = "OK."\ncaption_week = "{"x" * 1025}"\ncaption_day = "{"x" * 1024}"',
            ["phrases.toml, say.caption_week: over Telegram's 1024 characters."],
        ),
        (
            'ok = "OK."',
            f'ok = "OK."\nhello = "{"x" * 4097}"\nbye = "{"x" * 4096}"',
            ["phrases.toml, say.hello: over Telegram's 4096 characters."],
        ),
        (
            "[numbers]",
            "[numbers",
            [
                f"phrases.toml: {NO_TOML}: {NO_TABLE} (at line 6, column 9).",
            ],
        ),
    ],
)
def test_a_mistake_in_the_phrases_is_said(
    tmp_path: Path, old: str, new: str, sentences: list[str]
) -> None:
    assert old in PHRASES
    phrases = PHRASES.replace(old, new)
    assert mistakes(tmp_path, {"try": HEAD + say()}, phrases) == sentences


def test_phrases_are_compared_as_typed_words_are(tmp_path: Path) -> None:
    phrases = house(tmp_path, {"try": HEAD + say()}).phrases
    assert "dont know" in phrases.shrugs


def test_the_other_files_of_a_language_come_along_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, FLOWS, words='[feelings]\nlow = ["sad", "tired"]')
    library = load(tmp_path, FUNCTIONS, {"first_name"})
    assert library.texts["words"] == {"feelings": {"low": ["sad", "tired"]}}
    assert library.language == tmp_path.name
