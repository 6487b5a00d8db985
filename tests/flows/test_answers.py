"""Answers: tapped, typed, skipped, shrugged off, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import LostStep
from bot.flows import engine
from tests.flows.talk import Talk, house


def at(talk: Talk, step: str) -> Talk:
    """Open the note and answer on to the step."""
    talk.open("note")
    for name, answer in (("what", "a slow answer"), ("strength", "5"), ("feelings", "Fear")):
        if talk.frame.step == step:
            return talk
        assert talk.frame.step == name
        talk.type(answer)
    if step == "urge":
        talk.tap("nobody")
    assert talk.frame.step == step
    return talk


def one_step(folder: Path, step: str) -> Talk:
    """Open a flow whose first step is written here and which then asks for a word."""
    text = f"""about = "One step"

[[steps]]
id = "first"
save = "first"
next = "second"
{step}

[[steps]]
id = "second"
kind = "ask"
text = "And then?"
save = "second"
next = "end"
"""
    talk = Talk(house(folder, {"one": text}))
    talk.open("one")
    return talk


# --- one kind of step after the other --------------------------------------------------------


def test_a_whole_note_from_its_first_question_to_its_last_bubble(talk: Talk) -> None:
    assert talk.open("note") == ["? What happened?"]
    assert talk.type("They read it and didn't answer") == ["→", "? How strong was it?"]
    assert talk.tap("8") == ["→ 8", "8. That's a lot.", "? What was in it?"]
    assert talk.tap("fear") == [
        "redrawn: Anger, ✓ Fear, Shame, Tired, heavy, Just the body, That's all"
    ]
    assert talk.tap("done") == ["→ Fear", "? Who was there?"]
    assert talk.tap("family") == ["→ Family", "? Did you want to write?"]
    assert talk.tap("yes") == ["→ Yes", "Kept.", "finished: note"]
    assert talk.closed[0].answers == {
        "what": "They read it and didn't answer",
        "intensity": 8,
        "feelings": ["fear"],
        "who": "family",
        "urge": "yes",
    }
    assert talk.session.frames == ()


def test_an_ask_keeps_every_character_as_it_was_typed(talk: Talk) -> None:
    talk.open("note")
    text = "  6 texts,\n\ndeleted 5 … <b>&amp;</b> 🙃  "
    talk.type(text)
    assert talk.answers["what"] == text


def test_an_ask_takes_a_whole_telegram_message(talk: Talk) -> None:
    talk.open("note")
    talk.type("x" * 4096)
    assert talk.answers["what"] == "x" * 4096


def test_an_ask_that_wants_a_short_answer_refuses_a_long_one_and_stays_open(
    tmp_path: Path,
) -> None:
    talk = one_step(tmp_path, 'kind = "ask"\ntext = "A word?"\nmost = 10')
    assert talk.type("x" * 11) == ["refused: too_long"]
    assert talk.type("x" * 10) == ["→", "? And then?"]


def test_an_ask_has_a_skip_button_because_tapping_must_be_enough(talk: Talk) -> None:
    talk.open("note")
    assert talk.labels == ["Skip"]
    assert talk.tap("skip") == ["→ Skip", "? How strong was it?"]
    assert talk.answers == {}


def test_a_suggestion_under_an_ask_is_an_answer_typed_or_tapped(tmp_path: Path) -> None:
    for typed in ("Slow answer", "slow answer.", "SLOW ANSWER", "slow_answer"):
        talk = one_step(tmp_path, 'kind = "ask"\ntext = "What?"\noptions = ["Slow answer"]')
        assert talk.type(typed) == ["→ Slow answer", "? And then?"]
        assert talk.answers == {"first": "slow_answer"}


# --- scales ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        *("7", " 7 ", "7.", "7!", "7/10", "7 / 10", "about 7", "About 7, I think", "a 7", "7ish"),
        *("seven", "Seven.", "about seven", "maybe a seven"),
    ],
)
def test_a_strength_is_read_as_people_write_it(talk: Talk, typed: str) -> None:
    at(talk, "strength").type(typed)
    assert talk.answers["intensity"] == 7


@pytest.mark.parametrize(("typed", "value"), [("0", 0), ("10", 10), ("10/10", 10), ("zero", 0)])
def test_both_ends_of_the_scale_count(talk: Talk, typed: str, value: int) -> None:
    at(talk, "strength").type(typed)
    assert talk.answers["intensity"] == value


@pytest.mark.parametrize(
    "typed",
    [
        *("-3", "\N{MINUS SIGN}3", "7.5", "7,5", "7.5/10", "7 or 8", "7-8", "7 or eight"),
        *("seven or eight", "6 7", "23:10", "1,000", "very strong", "not one of them cares"),
        *("no one", "…", "7" * 9, "7 " + "x" * 200),
    ],
)
def test_what_is_no_one_number_is_not_guessed_at(talk: Talk, typed: str) -> None:
    assert at(talk, "strength").type(typed) == ["refused: scale"]
    assert "intensity" not in talk.answers


@pytest.mark.parametrize("typed", ["11", "11/10", "100", "about 12"])
def test_a_number_off_the_scale_is_told_apart_from_no_number(talk: Talk, typed: str) -> None:
    assert at(talk, "strength").type(typed) == ["refused: range"]


@pytest.mark.parametrize(
    ("typed", "value", "reads"),
    [
        *(("Numb", "numb", "numb"), ("numb.", "numb", "numb")),
        *(
            ("can't tell", "unknown", "can't tell"),
            ("CAN\N{RIGHT SINGLE QUOTATION MARK}T TELL", "unknown", "can't tell"),
        ),
        *(("cant tell", "unknown", "can't tell"), ("unknown", "unknown", "can't tell")),
    ],
)
def test_numb_and_cant_tell_are_answers_and_never_zero(
    talk: Talk, typed: str, value: str, reads: str
) -> None:
    at(talk, "strength").type(typed)
    assert talk.answers["intensity"] == value
    assert engine.fill("{intensity}", talk.frame, {}) == reads


@pytest.mark.parametrize(("value", "high"), [("7", False), ("8", True), ("10", True)])
def test_a_range_leads_its_numbers_elsewhere(talk: Talk, value: str, *, high: bool) -> None:
    heard = at(talk, "strength").tap(value)
    assert ("That's a lot." in "".join(heard)) is high


def test_numb_is_in_no_range(talk: Talk) -> None:
    assert at(talk, "strength").tap("numb") == ["→ Numb", "? What was in it?"]


def test_a_way_out_of_a_scale_is_no_strength(tmp_path: Path) -> None:
    talk = one_step(tmp_path, 'kind = "scale"\ntext = "How?"\noptions = ["I need space"]')
    talk.tap("i_need_space")
    assert talk.answers == {}


def test_a_step_may_send_numb_somewhere_of_its_own_and_still_keeps_it(tmp_path: Path) -> None:
    step = """kind = "scale"
text = "How?"
options = [{ text = "All numb", value = "numb", next = "end" }]"""
    talk = one_step(tmp_path, step)
    assert [label for label, _ in talk.rows[-1]] == ["All numb", "Can't tell"]
    assert talk.type("all numb") == ["→ All numb", "finished: one"]
    assert talk.closed[0].answers == {"first": "numb"}


# --- choosing one ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "I can't say",
        "i can't say",
        "I cant say",
        "I can\N{RIGHT SINGLE QUOTATION MARK}t say!",
        "  i   CAN'T say ",
        "unsure",
    ],
)
def test_a_label_is_as_good_typed_as_tapped(talk: Talk, typed: str) -> None:
    tapped = at(talk, "urge").tap("unsure")
    assert at(talk, "urge").type(typed) == tapped
    assert talk.closed[0].answers["urge"] == "unsure"


def test_a_label_that_asks_is_typed_with_its_mark_or_without(talk: Talk) -> None:
    for typed in ("What's this for?", "whats this for"):
        at(talk, "who").type(typed)
        assert talk.stack == ["note", "why"]


def test_an_emoji_is_not_another_emoji(tmp_path: Path) -> None:
    step = """kind = "choose"
text = "Well?"
options = [{ text = "👍", value = "up" }, { text = "👎", value = "down" }]"""
    assert one_step(tmp_path, step).type("👎") == ["→ 👎", "? And then?"]
    assert one_step(tmp_path, step).type("!!") == ["refused: buttons"]


def test_a_button_named_like_a_command_is_the_button(tmp_path: Path) -> None:
    step = 'kind = "choose"\ntext = "Well?"\noptions = ["Go back", "No"]'
    assert one_step(tmp_path, step).type("go back") == ["→ Go back", "? And then?"]


def test_a_typed_no_is_the_button_no_before_it_is_a_shrug(tmp_path: Path) -> None:
    talk = one_step(tmp_path, 'kind = "choose"\ntext = "Well?"\noptions = ["Yes", "No"]')
    assert talk.type("no") == ["→ No", "? And then?"]
    assert talk.answers == {"first": "no"}


def test_words_that_are_no_button_are_refused_and_nothing_moves(talk: Talk) -> None:
    before = at(talk, "urge").session
    assert talk.type("it's complicated") == ["refused: buttons"]
    assert talk.session == before


def test_free_buttons_take_own_words_whole(talk: Talk) -> None:
    at(talk, "who").type("my sister, and her kids")
    assert talk.answers["who"] == "my sister, and her kids"
    assert "who" not in talk.frame.shown


def test_a_button_leads_past_the_rest_when_it_says_so(talk: Talk) -> None:
    at(talk, "urge")
    assert talk.tap("keep_out_of_this") == ["→ Keep out of this", "finished: note"]


def test_a_button_that_only_moves_on_saves_nothing(talk: Talk) -> None:
    assert at(talk, "strength").tap("something_else") == [
        "→ Something else",
        "Kept.",
        "finished: note",
    ]
    assert "intensity" not in talk.closed[0].answers


# --- choosing many ---------------------------------------------------------------------------


def test_a_second_tap_takes_the_tick_away(talk: Talk) -> None:
    at(talk, "feelings").tap("anger")
    talk.tap("fear")
    assert talk.tap("anger")[0].startswith("redrawn: Anger, ✓ Fear")
    assert talk.tap("done") == ["→ Fear", "? Who was there?"]
    assert talk.answers["feelings"] == ["fear"]


def test_ticking_is_no_new_question(talk: Talk) -> None:
    turn = at(talk, "feelings").session.turn
    talk.tap("anger")
    assert talk.session.turn == turn


@pytest.mark.parametrize(
    "typed",
    [
        *("Anger, Fear", "anger,fear", "fear; ANGER.", "anger\nfear", "Anger, fear, anger"),
        *("anger, fear, that's all",),
    ],
)
def test_a_list_is_typed_as_it_comes(talk: Talk, typed: str) -> None:
    at(talk, "feelings").type(typed)
    assert sorted(talk.answers["feelings"]) == ["anger", "fear"]  # type: ignore[call-overload]


def test_a_typed_list_adds_to_what_is_ticked(talk: Talk) -> None:
    at(talk, "feelings").tap("shame")
    talk.type("fear, shame")
    assert talk.answers["feelings"] == ["shame", "fear"]


def test_a_label_with_a_comma_is_one_label(talk: Talk) -> None:
    at(talk, "feelings").type("tired, heavy")
    assert talk.answers["feelings"] == ["tired_heavy"]


def test_own_words_stay_whole_commas_and_all(talk: Talk) -> None:
    at(talk, "feelings").tap("fear")
    talk.type("fear, but the old kind, from school")
    assert talk.answers["feelings"] == ["fear", "fear, but the old kind, from school"]
    assert talk.frame.shown["feelings"] == "Fear, fear, but the old kind, from school"


def test_where_own_words_are_not_asked_for_they_are_refused(tmp_path: Path) -> None:
    talk = one_step(tmp_path, 'kind = "choose_many"\ntext = "Which?"\noptions = ["A", "B"]')
    assert talk.type("a, c") == ["refused: buttons"]
    assert talk.type("b, a") == ["→", "? And then?"]


def test_thats_all_with_nothing_ticked_is_an_answer_too(talk: Talk) -> None:
    assert at(talk, "feelings").type("that's all") == ["→ That's all", "? Who was there?"]
    assert "feelings" not in talk.answers


@pytest.mark.parametrize("typed", ["ok", "skip", "meh"])
def test_ticks_are_not_lost_to_a_shrug(talk: Talk, typed: str) -> None:
    at(talk, "feelings").tap("fear")
    assert talk.type(typed) == ["→ Fear", "? Who was there?"]
    assert talk.answers["feelings"] == ["fear"]


def test_a_button_that_moves_on_stands_apart_from_the_ticks(talk: Talk) -> None:
    at(talk, "feelings")
    assert [label for label, _ in talk.rows[-1]] == ["Just the body", "That's all"]
    assert talk.type("just the body") == ["→ Just the body", "Kept.", "finished: note"]


def test_must_asks_for_at_least_one(tmp_path: Path) -> None:
    step = 'kind = "choose_many"\ntext = "Which?"\nmust = true\noptions = ["A", "B"]'
    talk = one_step(tmp_path, step)
    assert talk.tap("done") == ["refused: must"]
    talk.tap("a")
    assert talk.tap("done") == ["→ A", "? And then?"]


# --- skip, must, shrugs ----------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["skip", "Skip.", "SKIP"])
@pytest.mark.parametrize("step", ["what", "strength", "feelings", "who", "urge"])
def test_every_question_can_be_skipped(talk: Talk, step: str, typed: str) -> None:
    before = at(talk, step).answers
    heard = talk.type(typed)
    assert heard[0].startswith("→")
    after = talk.closed[0].answers if talk.closed else talk.answers
    assert after == before


@pytest.mark.parametrize("typed", ["skip", "ok", "?", "whatever", "don't know", "dont know"])
def test_what_must_be_answered_only_asks_again(talk: Talk, typed: str) -> None:
    talk.open("card")
    assert talk.type(typed) == ["refused: must"]
    assert talk.type("yes") == ["→ Yes", "finished: card"]


@pytest.mark.parametrize(
    "typed",
    [
        "ok",
        "OK.",
        "fine",
        "nah",
        "idk",
        "nothing",
        "meh",
        "?",
        "??",
        "Don\N{RIGHT SINGLE QUOTATION MARK}t know",
    ],
)
def test_a_shrug_moves_on_with_ok_and_saves_nothing(talk: Talk, typed: str) -> None:
    assert at(talk, "strength").type(typed) == ["→", "? OK. What was in it?"]
    assert "intensity" not in talk.answers


def test_a_shrug_at_an_open_question_is_kept_as_what_was_said(talk: Talk) -> None:
    talk.open("note")
    assert talk.type("nothing") == ["→", "? OK. How strong was it?"]
    assert talk.answers == {"what": "nothing"}


def test_two_shrugs_in_a_row_close_what_is_optional(talk: Talk) -> None:
    at(talk, "strength").type("meh")
    assert talk.type("whatever") == ["→", "OK. Kept.", "finished: note"]


def test_an_answer_between_two_shrugs_starts_the_count_anew(talk: Talk) -> None:
    at(talk, "strength").type("meh")
    talk.type("fear")
    assert talk.type("meh") == ["→", "? OK. Did you want to write?"]


def test_going_back_between_two_shrugs_starts_the_count_anew(talk: Talk) -> None:
    at(talk, "strength").type("meh")
    talk.type("back")
    assert talk.type("meh") == ["→", "? OK. What was in it?"]


def test_two_shrugs_lead_on_as_usual_where_nothing_says_close(talk: Talk) -> None:
    talk.open("hello")
    assert talk.type("meh") == ["→", "OK.", "finished: hello"]


# --- back and stop ---------------------------------------------------------------------------


def test_back_asks_the_question_before_and_keeps_what_was_said(talk: Talk) -> None:
    at(talk, "feelings")
    assert talk.type("back") == ["→", "? How strong was it?"]
    assert talk.type("Go back!") == ["→", "? What happened?"]
    assert talk.answers == {"what": "a slow answer", "intensity": 5}
    assert talk.type("back") == ["refused: first"]


def test_an_answer_given_again_takes_the_place_of_the_first(talk: Talk) -> None:
    at(talk, "feelings").type("back")
    talk.tap("2")
    assert talk.answers["intensity"] == 2


def test_a_label_does_not_outlive_the_answer_it_belonged_to(talk: Talk) -> None:
    at(talk, "strength").tap("numb")
    talk.type("back")
    talk.tap("9")
    assert talk.effects[1] == engine.Tell("9. That's a lot.")


def test_back_leads_past_steps_that_are_gone(talk: Talk, tmp_path: Path) -> None:
    at(talk, "who")
    files = {p.stem: p.read_text() for p in (tmp_path / "flows").glob("*.toml")}
    files["note"] = files["note"].replace('"feelings"', '"inside"')
    talk.move_house(house(tmp_path / "edited", files))
    assert talk.type("back") == ["→", "? How strong was it?"]


@pytest.mark.parametrize("typed", ["stop", "Stop.", "cancel"])
def test_stop_leaves_a_draft_that_can_be_taken_up(talk: Talk, typed: str) -> None:
    at(talk, "feelings").tap("fear")
    assert talk.type(typed) == ["→", "draft: note"]
    draft = talk.closed[0]
    assert draft.answers == {"what": "a slow answer", "intensity": 5}
    assert talk.session.frames == ()
    assert talk.resume(draft) == ["? What was in it?"]
    assert "✓ Fear" in talk.labels
    assert talk.type("back") == ["→", "? How strong was it?"]


@pytest.mark.parametrize("typed", ["stop it they said", "I want to go back", "skip the rest"])
def test_at_an_open_question_only_the_exact_words_are_commands(talk: Talk, typed: str) -> None:
    talk.open("note")
    talk.type(typed)
    assert talk.answers == {"what": typed}


def test_the_command_stops_as_the_word_does(talk: Talk) -> None:
    at(talk, "feelings")
    assert talk.cancel() == ["draft: note"]


def test_a_draft_whose_step_is_gone_is_lost_and_says_so(talk: Talk, tmp_path: Path) -> None:
    at(talk, "strength").cancel()
    draft = talk.closed[0]
    files = {p.stem: p.read_text() for p in (tmp_path / "flows").glob("*.toml")}
    files["note"] = files["note"].replace('"strength"', '"how_strong"')
    talk.move_house(house(tmp_path / "edited", files))
    with pytest.raises(LostStep, match="note has no question strength"):
        talk.resume(draft)


# --- texts that show what was said -----------------------------------------------------------


ECHO = """
about = "Says it back"

[[steps]]
id = "what"
kind = "ask"
text = "What?"
save = "what"
next = "{after}"

[[steps]]
id = "short"
kind = "say"
text = "You said: <i>{{what}}</i>"
next = "end"

[[steps]]
id = "whole"
kind = "say"
text = "You said: <i>{{what}}</i>"
long = true
next = "end"

[[steps]]
id = "either"
kind = "choose"
text = "Which?"
must = true
options = [{{ text = "Short", next = "short" }}, {{ text = "Whole", next = "whole" }}]
"""


def test_what_a_person_typed_is_never_read_as_html(tmp_path: Path) -> None:
    talk = Talk(house(tmp_path, {"echo": ECHO.format(after="either")}))
    talk.open("echo")
    talk.type('<b>x</b> & "y" {what}')
    assert 'You said: <i>&lt;b&gt;x&lt;/b&gt; &amp; "y" {what}</i>' in talk.tap("short")


def test_a_long_answer_is_repeated_short_unless_the_step_is_for_long_ones(tmp_path: Path) -> None:
    talk = Talk(house(tmp_path, {"echo": ECHO.format(after="either")}))
    talk.open("echo")
    talk.type("word " * 100)
    talk_again = Talk(talk.library, talk.session)
    short = talk.tap("short")[1]
    assert short.endswith("word…</i>")
    assert len(short) < len("You said: <i></i>") + engine.CLIP + 1
    assert talk_again.tap("whole")[1].count("word") == 100


def test_a_list_reads_as_its_labels_and_a_name_without_value_as_nothing(tmp_path: Path) -> None:
    step = 'kind = "choose_many"\ntext = "Which, {first_name}?"\noptions = ["Big A", "B"]'
    talk = one_step(tmp_path, step)
    assert talk.effects == [engine.Pose("Which, Kim?", talk.rows)]
    talk.type("big a, b")
    assert engine.fill("{first}|{second}|", talk.frame, talk.facts) == "Big A, B||"
