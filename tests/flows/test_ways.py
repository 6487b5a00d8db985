"""Ways through a house: functions, visits, other flows, right of way, and content that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import LostStep
from bot.flows import engine
from bot.flows.engine import Returned
from bot.flows.load import load
from bot.flows.session import DEPTH, Session
from tests.flows.conftest import FLOWS
from tests.flows.talk import FUNCTIONS, Talk, house, through_json

LOOK = """
about = "Looks for something and keeps an answer"
takes = ["from_where"]

[[steps]]
id = "who"
kind = "ask"
text = "Who, from {from_where}?"
save = "who"
next = "look"

[[steps]]
id = "look"
kind = "run"
run = "find"
goto = { some = "which", none = "nobody" }

[[steps]]
id = "which"
kind = "choose"
text = "Which of them?"
offer = "found"
save = "which"
next = "keep"
options = [{ text = "None of these", next = "nobody", answer = false }]

[[steps]]
id = "keep"
kind = "run"
run = "keep"
next = "more"

[[steps]]
id = "more"
kind = "ask"
text = "Kept {which} at {kept_at}. More?"
save = "more"
rest = true
next = "end"

[[steps]]
id = "nobody"
kind = "choose"
text = "Nobody."
must = true
options = [
  { text = "A note then", next = "flow:note" },
  { text = "Leave it", next = "end" },
]
"""

FOUND = [{"text": "Sam", "value": "1"}, {"text": "x" * 60, "value": "2"}]


@pytest.fixture
def look(tmp_path: Path) -> Talk:
    """Open a flow whose functions are answered for."""
    talk = Talk(house(tmp_path, {**FLOWS, "look": LOOK}))
    talk.does = {
        "find": [Returned({"found": FOUND}, goto="some")],
        "keep": [Returned({"kept_at": "12:30"}, settled=True)],
    }
    talk.open("look", from_where="home")
    return talk


def edited(talk: Talk, folder: Path, old: str, new: str) -> None:
    """Let the author change the note while someone is in it."""
    assert old in FLOWS["note"]
    note = FLOWS["note"].replace(old, new)
    talk.move_house(house(folder / "edited", {**FLOWS, "note": note}))


# --- functions and what they give ------------------------------------------------------------


def test_a_function_says_where_to_go_and_what_texts_may_show(look: Talk) -> None:
    assert look.type("S.") == ["→", "does find", "? Which of them?"]
    assert look.tap("1") == ["→ Sam", "does keep", "? Kept Sam at 12:30. More?"]
    assert look.answers == {"who": "S.", "which": "1"}


def test_a_flow_is_opened_with_values_its_texts_may_show(tmp_path: Path) -> None:
    talk = Talk(house(tmp_path, {**FLOWS, "look": LOOK}))
    assert talk.open("look", from_where="<home>") == ["? Who, from &lt;home&gt;?"]


def test_offered_buttons_are_answers_typed_or_tapped(look: Talk) -> None:
    look.type("S.")
    assert look.labels == ["Sam", "x" * 39 + "…", "None of these"]
    assert look.type("sam")[0] == "→ Sam"
    assert look.answers["which"] == "1"


def test_where_nothing_is_offered_there_is_a_way_on_to_tap(tmp_path: Path) -> None:
    flow = """
    about = "Offers nothing"

    [[steps]]
    id = "look"
    kind = "run"
    run = "find"
    next = "which"

    [[steps]]
    id = "which"
    kind = "choose"
    text = "Which?"
    offer = "found"
    save = "which"
    next = "end"
    """
    talk = Talk(house(tmp_path, {"none": flow}), does={"find": [Returned()]})
    talk.open("none")
    assert talk.labels == ["Skip"]
    assert talk.tap("skip") == ["→ Skip", "finished: none"]


def test_back_leads_over_a_function_to_the_question_before_it(look: Talk) -> None:
    look.type("S.")
    assert look.type("back") == ["→", "? Who, from home?"]


def test_back_does_not_lead_behind_what_was_kept(look: Talk) -> None:
    look.type("S.")
    look.tap("1")
    assert look.type("back") == ["refused: first"]


def test_an_outcome_nobody_planned_for_is_a_lost_step(look: Talk) -> None:
    look.does["find"] = [Returned(goto="both")]
    with pytest.raises(LostStep, match=r"look\.look has no way on for both"):
        look.type("S.")


def test_a_function_may_lead_to_another_flow(look: Talk) -> None:
    look.does["find"] = [Returned(goto="flow:note")]
    assert look.type("S.") == ["→", "does find", "finished: look", "? What happened?"]


def test_only_a_step_that_runs_takes_what_a_function_returns(talk: Talk) -> None:
    talk.open("note")
    with pytest.raises(LostStep, match="note runs nothing at what"):
        engine.answer(talk.library, talk.session, Returned(), {})


def test_ok_is_said_before_a_function_when_a_shrug_led_there(look: Talk) -> None:
    assert look.type("meh")[:3] == ["→", "OK.", "does find"]


# --- other flows and visits ------------------------------------------------------------------


def test_a_step_can_lead_to_another_flow_and_closes_its_own(look: Talk) -> None:
    look.does["find"] = [Returned(goto="none")]
    look.type("S.")
    assert look.tap("a_note_then") == ["→ A note then", "finished: look", "? What happened?"]
    assert look.stack == ["note"]
    assert look.type("back") == ["refused: first"]


def visiting(talk: Talk) -> Talk:
    """Go into the note as far as the flow it visits."""
    talk.open("note")
    for answer in ("a slow answer", "5", "Fear"):
        talk.type(answer)
    assert talk.type("what's this for?") == [
        "→ What's this for?",
        "? Some people react more strongly in company.",
    ]
    return talk


def test_a_visit_brings_its_answers_home_and_goes_on(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    assert talk.stack == ["note", "why"]
    assert talk.tap("never") == ["→ Never", "finished: why", "? Did you want to write?"]
    assert talk.answers["again"] == "never"
    assert talk.answers["feelings"] == ["fear"]
    assert talk.frame.shown["again"] == "Never"
    assert talk.stack == ["note"]


def test_back_leads_out_of_a_visit_to_the_question_it_began_at(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    assert talk.type("back") == ["→", "? Some people react more strongly in company."]
    assert talk.type("back") == ["→", "? Who was there?"]
    assert talk.stack == ["note"]
    assert talk.type("back") == ["→", "? What was in it?"]


def test_back_leads_over_a_visit_that_is_through(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    talk.tap("yes")
    assert talk.type("back") == ["→", "? Who was there?"]
    assert talk.answers["again"] == "yes"


def test_stop_inside_a_visit_drafts_the_whole_with_both_their_answers(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    assert talk.type("stop") == ["→", "draft: note"]
    draft = talk.closed[0]
    assert draft.answers == {
        "what": "a slow answer",
        "intensity": 5,
        "feelings": ["fear"],
        "seen": "i_see",
    }
    assert draft.shown["seen"] == "I see"
    assert talk.session.frames == ()
    assert talk.resume(draft) == ["? Who was there?"]


def test_what_a_visit_kept_holds_for_the_flow_it_was_made_for(tmp_path: Path) -> None:
    host = """
    about = "Sends one on a visit"

    [[steps]]
    id = "first"
    kind = "ask"
    text = "First?"
    save = "first"
    next = "then"

    [[steps]]
    id = "then"
    kind = "choose"
    text = "Keep it?"
    next = "last"
    options = [{ text = "Keep", visit = "keeper" }]

    [[steps]]
    id = "last"
    kind = "ask"
    text = "Last?"
    next = "end"
    """
    keeper = """
    about = "Keeps and asks"

    [[steps]]
    id = "keep"
    kind = "run"
    run = "keep"
    next = "more"

    [[steps]]
    id = "more"
    kind = "ask"
    text = "More?"
    next = "end"
    """
    talk = Talk(house(tmp_path, {"host": host, "keeper": keeper}))
    talk.does = {"keep": [Returned(settled=True)]}
    talk.open("host")
    talk.type("one")
    talk.tap("keep")
    assert talk.type("back") == ["refused: first"]
    talk.type("more")
    assert talk.type("back") == ["refused: first"]


# --- right of way ----------------------------------------------------------------------------


def test_the_moment_lies_down_on_a_talk_and_goes_back_to_it(talk: Talk) -> None:
    talk.open("note")
    talk.type("a slow answer")
    assert talk.open("moment") == ["? How strong is it?"]
    assert talk.stack == ["note", "moment"]
    assert talk.tap("6") == [
        "→ 6",
        "finished: moment",
        "? Where we were:\nHow strong was it?",
    ]
    assert talk.answers == {"what": "a slow answer"}


def test_a_card_lies_down_on_the_moment(talk: Talk) -> None:
    talk.open("note")
    talk.open("moment")
    talk.open("card")
    assert talk.stack == ["note", "moment", "card"]
    assert talk.tap("yes")[1:] == ["finished: card", "? Where we were:\nHow strong is it?"]
    assert talk.tap("2")[1:] == ["finished: moment", "? Where we were:\nWhat happened?"]


@pytest.mark.parametrize("below", ["note", "moment", "card"])
def test_an_aside_lies_on_anything_and_goes_back(talk: Talk, below: str) -> None:
    talk.open(below)
    talk.open("help")
    assert talk.stack == [below, "help"]
    talk.tap("close_it")
    assert talk.stack == [below]


def test_nothing_lies_on_an_aside(talk: Talk) -> None:
    talk.open("note")
    talk.open("help")
    assert talk.open("moment") == ["draft: help", "? How strong is it?"]
    assert talk.stack == ["note", "moment"]


def test_a_talk_takes_the_place_of_a_talk_which_becomes_a_draft(talk: Talk) -> None:
    talk.open("note")
    talk.type("a slow answer")
    assert talk.open("hello") == ["draft: note", "? Hello, Kim. What's up?"]
    assert talk.closed[0].answers == {"what": "a slow answer"}
    assert talk.stack == ["hello"]


@pytest.mark.parametrize("name", ["note", "moment", "card", "help"])
def test_the_same_flow_again_begins_anew(talk: Talk, name: str) -> None:
    first = talk.open(name)
    assert talk.open(name) == [f"draft: {name}", *first]
    assert talk.stack == [name]


def test_what_is_visited_gives_way_together_with_its_host(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    assert talk.open("hello")[0] == "draft: note"
    assert talk.closed[0].answers["seen"] == "i_see"
    assert talk.stack == ["hello"]


def test_a_visit_goes_on_after_an_interruption(talk: Talk) -> None:
    visiting(talk)
    talk.open("moment")
    assert talk.stack == ["note", "why", "moment"]
    talk.tap("3")
    talk.tap("i_see")
    assert talk.tap("yes")[-1] == "? Did you want to write?"


def test_three_lie_on_each_other_and_what_falls_out_becomes_a_draft(talk: Talk) -> None:
    talk.open("note")
    talk.type("a slow answer")
    talk.open("moment")
    talk.open("card")
    assert talk.open("help") == ["draft: note", "? This is a quiet place."]
    assert talk.closed[0].answers == {"what": "a slow answer"}
    assert talk.stack == ["moment", "card", "help"]
    assert len(talk.stack) == DEPTH


def test_a_host_does_not_fall_out_without_its_guest(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    talk.open("moment")
    talk.open("card")
    assert talk.stack == ["moment", "card"]
    first = talk.tap("yes")
    assert first[-1] == "? Where we were:\nHow strong is it?"


def test_the_guest_that_fell_out_is_in_the_draft_of_its_host(talk: Talk) -> None:
    visiting(talk).tap("i_see")
    talk.open("moment")
    assert talk.open("card") == ["draft: note", "? Are you safe?"]
    assert talk.closed[0].answers["seen"] == "i_see"


def test_stop_leaves_only_what_lies_on_top(talk: Talk) -> None:
    talk.open("note")
    talk.open("moment")
    assert talk.type("stop") == ["→", "draft: moment", "? Where we were:\nWhat happened?"]


def test_a_draft_taken_up_lies_down_like_any_flow(talk: Talk) -> None:
    talk.open("moment")
    talk.cancel()
    draft = talk.closed[0]
    talk.open("note")
    assert talk.resume(draft) == ["? How strong is it?"]
    assert talk.stack == ["note", "moment"]
    assert talk.tap("1")[-1] == "? Where we were:\nWhat happened?"


def test_a_draft_taken_up_has_no_shrugs_left_over(talk: Talk) -> None:
    talk.open("note")
    talk.type("meh")
    talk.cancel()
    talk.resume(talk.closed[0])
    assert talk.type("meh") == ["→", "? OK. What was in it?"]


def test_abandoning_drafts_everything_and_asks_nothing(talk: Talk) -> None:
    visiting(talk)
    talk.open("moment")
    assert talk.abandon() == ["draft: moment", "draft: note"]
    assert talk.session.frames == ()


def test_the_turn_number_outlives_everything(talk: Talk) -> None:
    talk.open("note")
    talk.abandon()
    before = talk.session.turn
    talk.open("note")
    assert talk.session.turn == before + 1


# --- what is not there -----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "yes", "11", "skip", "!now", "numb "])
def test_a_button_that_is_not_there_is_a_lost_step(talk: Talk, value: str) -> None:
    talk.open("moment")
    with pytest.raises(LostStep, match=r"moment\.now has no button"):
        talk.tap(value)


@pytest.mark.parametrize("given", [engine.Text("x"), engine.Tap("x"), engine.Stop(), Returned()])
def test_with_nothing_open_every_answer_is_lost(talk: Talk, given: engine.Input) -> None:
    with pytest.raises(LostStep, match="nothing is open"):
        engine.answer(talk.library, talk.session, given, {})


def test_with_nothing_open_nothing_can_be_asked_again(talk: Talk) -> None:
    with pytest.raises(LostStep, match="nothing is open"):
        engine.ask_again(talk.library, talk.session, {})


def test_a_flow_that_does_not_exist_cannot_be_opened(talk: Talk) -> None:
    with pytest.raises(LostStep, match="there is no flow tangle"):
        talk.open("tangle")


# --- content that changes under a person -----------------------------------------------------


def test_a_step_renamed_under_a_person_is_lost(talk: Talk, tmp_path: Path) -> None:
    talk.open("note")
    talk.type("a slow answer")
    edited(talk, tmp_path, '"strength"', '"how_strong"')
    with pytest.raises(LostStep, match="note has no question strength"):
        talk.type("5")
    assert talk.abandon() == ["draft: note"]


def test_an_option_taken_away_is_a_lost_step_and_the_rest_still_work(
    talk: Talk, tmp_path: Path
) -> None:
    talk.open("note")
    for answer in ("a slow answer", "5", "Fear", "Family"):
        talk.type(answer)
    edited(talk, tmp_path, '  { text = "I can\'t say", value = "unsure" },\n', "")
    with pytest.raises(LostStep, match=r"note\.urge has no button unsure"):
        talk.tap("unsure")
    assert talk.tap("yes")[-1] == "finished: note"


def test_another_text_and_another_order_change_nothing_for_who_is_inside(
    talk: Talk, tmp_path: Path
) -> None:
    talk.open("note")
    talk.type("a slow answer")
    edited(talk, tmp_path, "How strong was it?", "How strong did it get?")
    assert talk.tap("5") == ["→ 5", "? What was in it?"]
    assert talk.type("back") == ["→", "? How strong did it get?"]


def test_a_flow_taken_away_below_does_not_take_what_lies_on_it_along(
    talk: Talk, tmp_path: Path
) -> None:
    talk.open("hello")
    talk.open("moment")
    flows = {name: text for name, text in FLOWS.items() if name != "hello"}
    talk.move_house(house(tmp_path / "edited", flows))
    assert talk.tap("7") == ["→ 7", "finished: moment", "draft: hello"]
    assert talk.session.frames == ()


def test_a_session_of_an_older_version_reads_with_what_it_has() -> None:
    assert Session.from_json({}) == Session()
    old = Session.from_json({"turn": 3, "frames": [{"flow": "note", "step": "what"}]})
    assert through_json(old) == old
    assert old.frames[0].how == "opened"


# --- circles ---------------------------------------------------------------------------------


def test_a_circle_that_got_past_every_check_stops(tmp_path: Path) -> None:
    """The loader finds such a circle, so it is built behind its back."""
    say = """
    about = "Goes round"

    [[steps]]
    id = "round"
    kind = "say"
    text = "Round."
    next = "{to}"
    """
    talk = Talk(house(tmp_path, {n: say.format(to="end") for n in ("one", "two")}))
    for to in ("one", "two"):
        first = talk.library.flows["one"]
        step = first.steps[0].model_copy(update={"next": "round" if to == "one" else "flow:two"})
        second = talk.library.flows["two"]
        back = second.steps[0].model_copy(update={"next": "flow:one"})
        flows = {
            "one": first.model_copy(update={"steps": (step,)}),
            "two": second.model_copy(update={"steps": (back,)}),
        }
        for flow in flows.values():
            flow.__dict__.pop("_steps", None)
        circle = type(talk.library)("en", flows, talk.library.phrases)
        with pytest.raises(LostStep, match="runs in a circle at"):
            engine.open_flow(circle, Session(), "one", {})


# --- what the coach asks of an open question -------------------------------------------------


def test_which_questions_take_any_words(talk: Talk) -> None:
    talk.open("note")
    waits = {}
    for answer in ("a slow answer", "5", "Fear", "Family", "yes"):
        waits[talk.frame.step] = engine.waits_for_words(talk.library, talk.session)
        talk.type(answer)
    assert waits == {"what": True, "strength": False, "feelings": True, "who": True, "urge": False}
    assert not engine.waits_for_words(talk.library, talk.session)


def test_which_questions_may_stay_open(look: Talk) -> None:
    assert engine.at_rest(look.library, Session())
    assert not engine.at_rest(look.library, look.session)
    look.type("S.")
    look.tap("1")
    assert engine.at_rest(look.library, look.session)


def test_words_are_held_for_the_open_question_without_going_on(talk: Talk) -> None:
    talk.open("note")
    for text in ("first", "second"):
        held = engine.hold(talk.library, talk.session, text)
        assert held is not None
        talk.session = held
    assert talk.answers == {"what": "first\nsecond"}
    talk.type("skip")
    assert engine.hold(talk.library, talk.session, "at a scale") is None
    assert engine.hold(talk.library, Session(), "at nothing") is None


def test_words_held_while_ticking_are_one_tick_more(talk: Talk) -> None:
    talk.open("note")
    talk.type("a slow answer")
    talk.tap("5")
    talk.tap("fear")
    held = engine.hold(talk.library, talk.session, "and, well, more")
    assert held is not None
    talk.session = held
    talk.tap("done")
    assert talk.answers["feelings"] == ["fear", "and, well, more"]


def test_the_open_rows_are_the_rows_that_were_drawn(talk: Talk) -> None:
    assert engine.open_rows(talk.library, talk.session) == ()
    talk.open("card")
    assert engine.open_rows(talk.library, talk.session) == talk.rows


def test_asking_again_is_a_new_question_with_a_reason_before_it(talk: Talk) -> None:
    talk.open("note")
    talk.type("a slow answer")
    turn = talk.session.turn
    assert talk.again("A number, please.\n") == ["? A number, please.\nHow strong was it?"]
    assert talk.session.turn == turn + 1


def test_the_examples_here_pass_every_check(tmp_path: Path) -> None:
    library = house(tmp_path, FLOWS)
    assert sorted(load(tmp_path, FUNCTIONS, {"first_name"}).flows) == sorted(library.flows)
