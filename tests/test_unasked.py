"""What comes unasked: when, how often, what holds it back, and a handler behind every button."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.coach import cadence, prompts, when
from bot.coach.prompts import KINDS, Around, plan
from bot.coach.rituals import rule
from bot.flows import lint
from bot.flows.model import Library, Run, Say, targets
from bot.local.guest import Bubble
from bot.schedule import rhythm
from bot.store import Consent, Event, Person, Timer, Tx, new_id
from tests.chat import START, Chat, chatting
from tests.shipped import content

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

CONSENT = ("/start", "[Look around first]", "[Mine]", "[Yes, I'm 18 or older]", "[Not chasing]")


@pytest.fixture(scope="module")
def library() -> Library:
    return content().library


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """Return a chat with someone in Berlin who has a daily note at 20:00."""
    async with chatting(tmp_path) as chat:
        await do(chat, *CONSENT)
        await change(chat, zone="Europe/Berlin", checkin_at="20:00")
        yield chat


async def do(chat: Chat, *acts: str) -> list[Bubble]:
    bubbles: list[Bubble] = []
    for act in acts:
        bubbles = await (chat.tap(act[1:-1]) if act.startswith("[") else chat.type(act))
    return bubbles


async def me(chat: Chat) -> Person:
    person = await chat.house.store.read(lambda tx: tx.person_by_chat(chat.guest.id))
    assert person is not None
    return person


async def change(chat: Chat, **changes: Any) -> None:
    person = replace(await me(chat), **changes)

    def write(tx: Tx) -> None:
        tx.save_person(person)
        prompts.planned(person, chat.clock.now())(tx)

    await chat.house.store.write(write)


async def until(chat: Chat, hour: int, minute: int = 0) -> list[Bubble]:
    """Let time pass until the clock in Berlin shows this."""
    now = chat.clock.now()
    _, then = rhythm.following(now, time(hour, minute), BERLIN)
    return await chat.skip(then - now)


def texts(bubbles: Iterable[Bubble]) -> list[str]:
    return [bubble.text for bubble in bubbles]


def labels(bubble: Bubble) -> list[str]:
    return [button.text for row in bubble.buttons for button in row]


# --- time --------------------------------------------------------------------------------------


async def test_a_note_comes_at_its_time_once_and_again_the_next_day(chat: Chat) -> None:
    assert await until(chat, 19, 59) == []
    (note,) = await chat.skip(MINUTE)
    assert note.text.startswith("A note for you.\n")
    await do(chat, "[Low]", "[Closer]", "[That's all]")
    assert await chat.skip(DAY - MINUTE) == []
    assert len(await chat.skip(MINUTE)) == 1


async def test_what_is_a_little_late_says_so_and_what_is_very_late_stays_away(chat: Chat) -> None:
    await change(chat, checkin_at="12:00")
    (late,) = await until(chat, 15)
    assert late.text.startswith("Late today, I was away.\n")
    await do(chat, "[Not today]")
    await until(chat, 11)
    assert await chat.skip(6 * HOUR) == []  # 17:00: the day has moved on
    assert len(await until(chat, 12)) == 1  # and the next one is there


async def test_days_of_downtime_bring_nothing_twice_and_no_burst(chat: Chat) -> None:
    assert await chat.skip(timedelta(days=5)) == []  # 23:00, five days on
    assert len(await until(chat, 20)) == 1
    assert await chat.skip(3 * MINUTE) == []


async def test_a_clock_that_jumps_back_brings_nothing_twice(chat: Chat) -> None:
    assert len(await until(chat, 20)) == 1
    for _ in range(4):
        chat.clock.skip(-30 * MINUTE)
        assert await chat.skip(timedelta()) == []
    assert await chat.skip(2 * HOUR) == []  # 20:00 once more
    await do(chat, "[OK]", "[As usual]", "[That's all]")
    assert len(await chat.skip(DAY)) == 1


async def test_a_new_zone_moves_the_next_note_and_a_date_has_one(chat: Chat) -> None:
    assert len(await until(chat, 20)) == 1
    await do(chat, "[OK]", "[As usual]", "[That's all]")
    await do(chat, "/settings", "[Clock]", "new york")  # 15:00 there, the same date
    assert await chat.skip(5 * HOUR) == []
    assert len(await chat.skip(DAY)) == 1


async def test_a_timer_set_by_older_rules_of_a_zone_waits_for_the_right_moment() -> None:
    """The zone's rules changed since: what was planned an hour early comes at its hour."""
    person = someone()
    right = rhythm.moment(date(2026, 3, 20), time(20), BERLIN)
    timer = Timer("t", person.id, right - HOUR, prompts.CHECKIN, "2026-03-20")
    assert plan(timer, person, right - HOUR, Around()).wait_until == right


async def test_two_bots_cannot_start_on_one_database(chat: Chat, tmp_path: Path) -> None:
    from bot.errors import Misconfigured  # noqa: PLC0415 - only this test meets it
    from bot.store import load_master, open_store  # noqa: PLC0415

    key = load_master(env=None, file=tmp_path / "keys" / "master.key", database_is_new=False)
    with pytest.raises(Misconfigured):
        await open_store(tmp_path / "bot.db", key, chat.clock, patience=0.05)


# --- what holds it back ------------------------------------------------------------------------


def someone(**changes: Any) -> Person:
    person = Person(
        id="ab" * 16,
        chat=1,
        since=START,
        adult=True,
        consents=(Consent("1", START),),
        zone="Europe/Berlin",
        checkin_at="20:00",
    )
    return replace(person, **changes)


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def due(kind: str, now: datetime, subject: str = "2026-03-20", **fields: Any) -> Timer:
    return Timer(new_id(), "ab" * 16, now, kind, subject, fields)


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [((21, 59), False), ((22, 0), True), ((3, 0), True), ((7, 59), True), ((8, 0), False)],
)
def test_quiet_hours_go_over_midnight(moment: tuple[int, int], quiet: bool) -> None:  # noqa: FBT001
    assert (cadence.quiet_until(someone(), at(*moment)) is not None) is quiet
    assert cadence.quiet_until(someone(zone=None), at(*moment)) is None
    assert cadence.quiet_until(someone(quiet_till="22:00"), at(*moment)) is None


def test_quiet_hours_hold_every_kind_but_those_a_person_started() -> None:
    person = someone(
        practice={"name": "breath", "started": START.timestamp()},
        rituals={"r": {"at": "18:00", "rule": "FREQ=DAILY", "since": "2026-03-01", "what": "tea"}},
        morning_at="09:00",
    )
    night = at(23)
    for name, kind in KINDS.items():
        timer = due(name, night - HOUR, "r 2026-03-20" if name == prompts.RITUAL else "2026-03-20")
        timer = replace(timer, fields={"ritual": "r", "flow": "checkin"})
        assert plan(timer, person, night, Around()).speak is kind.own, name


def test_a_time_chosen_inside_the_quiet_hours_comes_without_a_sound() -> None:
    person = someone(checkin_at="23:00")
    found = plan(due(prompts.CHECKIN, at(23)), person, at(23), Around())
    assert found.speak
    assert found.silent
    assert not plan(due(prompts.CHECKIN, at(23)), person, at(23, 30), Around()).speak


def test_after_a_hard_moment_nothing_comes_for_a_day_but_what_was_agreed() -> None:
    now = at(20)
    event = Event("e", now - 3 * HOUR, "hard", "rule")
    around = Around(hard_until=cadence.hard_until([event], now))
    person = someone(practice={"name": "breath", "started": START.timestamp()})
    assert not plan(due(prompts.CHECKIN, now), person, now, around).speak
    assert plan(due(prompts.PRACTICE_LOOK, now), person, now, around).wait_until == at(17, day=21)
    assert plan(due(prompts.MORNING, now), person, now, around).speak
    assert cadence.hard_until([event], now + 22 * HOUR) is None
    assert cadence.hard_until([replace(event, tier="soft")], now) is None


def test_a_day_holds_two_unasked_messages_and_keeps_a_place_for_the_check_in() -> None:
    person, evening = someone(), due(prompts.CHECKIN, at(20))
    around = Around(others=(evening,))
    first = plan(due(prompts.AFTER, at(10), "a"), person, at(10), around)
    assert first.speak
    assert first.person is not None
    second = plan(due(prompts.AFTER, at(14), "b"), first.person, at(14), around)
    assert not second.speak
    assert second.wait_until is None
    assert second.person is not None
    third = plan(evening, second.person, at(20), Around())
    assert third.speak
    assert cadence.take_line(second.person)[0] == "after_line"
    assert third.person is not None
    assert cadence.room(third.person, at(21)) == 0
    assert cadence.room(third.person, at(9, day=21)) == 2


def test_what_weighs_more_goes_first_and_the_other_waits() -> None:
    person, now = someone(), at(20)
    note, after = due(prompts.CHECKIN, now), due(prompts.AFTER, now, "a")
    both = Around(others=(note, after))
    assert plan(note, person, now, both).wait_until == now + prompts.WAIT
    assert plan(after, person, now, both).speak
    pause = due(prompts.PAUSE, now + 20 * MINUTE, "p")
    held = plan(note, person, now, Around(others=(pause,)))
    assert held.wait_until == pause.due_at + prompts.WAIT


async def test_a_line_that_waited_stands_in_the_next_note_once(chat: Chat) -> None:
    await change(chat, cadence={"line": "after_line"})
    (note,) = await until(chat, 20)
    line = content().library.phrases.say["after_line"]
    assert note.text.splitlines()[1] == line
    await do(chat, "[OK]", "[As usual]", "[That's all]")
    (note,) = await until(chat, 20)
    assert line not in note.text


# --- control -----------------------------------------------------------------------------------


async def test_unanswered_notes_thin_out_ask_once_and_end_in_quiet(chat: Chat) -> None:
    came = []
    for day in range(40):
        came += [(day, bubble.text) for bubble in await until(chat, 20)]
    days = [day for day, _ in came]
    assert days == [0, 1, 2, 4, 6, 8, 10, 12]
    assert came[3][1] == "A note for you.\nShall I write less?"
    assert came[7][1].startswith("A note for you.\nFrom here on I'm quiet.")
    assert sum("write less" in text for _, text in came) == 1
    back = await do(chat, "/help")
    assert texts(back)[-1] == "Hello again. Fresh start, or carry on?"
    await do(chat, "[Carry on]")
    assert len(await until(chat, 20)) == 1


async def test_on_return_help_in_the_moment_comes_before_any_hello(chat: Chat) -> None:
    for _ in range(20):
        await until(chat, 20)
    said = texts(await do(chat, "/activated"))
    assert "How strong is it?" in said[-1]
    assert not any("Hello again" in text for text in said)


@pytest.mark.parametrize(
    ("button", "next_day"),
    [("Pause a day", 2), ("Pause a week", 8), ("Every second day", 2), ("Once a week", 7)],
)
async def test_fewer_and_pauses_hold(chat: Chat, button: str, next_day: int) -> None:
    await until(chat, 20)
    await do(chat, "[Fewer]", f"[{button}]")
    came = [day for day in range(1, 9) if await until(chat, 20)]
    assert came[0] == (next_day if button != "Pause a day" else 1) or button.startswith("Pause")
    if button == "Pause a week":
        assert came[0] >= 7
    if button == "Pause a day":
        assert came[0] in {1, 2}


async def test_paused_till_called_stays_quiet_until_told_otherwise(chat: Chat) -> None:
    await until(chat, 20)
    await do(chat, "[Fewer]", "[Pause till I call]")
    assert [bubble for _ in range(10) for bubble in await until(chat, 20)] == []
    asked = await do(chat, "/checkin", "[OK]", "[As usual]")
    while "line" not in asked[-1].text:
        asked = await do(chat, "skip")
    asked = await do(chat, "[That's all]")
    assert texts(asked)[-1] == "My notes are paused. On again?"
    await do(chat, "[Yes]")
    assert len(await until(chat, 20)) == 1


async def test_later_comes_later_and_only_then(chat: Chat) -> None:
    await change(chat, checkin_at="12:00")
    await until(chat, 12)
    (asked,) = await do(chat, "[Later]")
    assert labels(asked) == ["In an hour", "In 3 hours", "This evening", "Not today"]
    await do(chat, "[This evening]")
    assert await until(chat, 19, 59) == []
    assert len(await chat.skip(MINUTE)) == 1


async def test_the_neutral_style_says_only_that_there_is_a_note(chat: Chat) -> None:
    await change(chat, neutral=True)
    (note,) = await until(chat, 20)
    assert note.text == "A note for you."
    assert labels(note) == ["Open", "Later", "Not today", "Fewer"]
    (opened,) = await do(chat, "[Open]")
    assert "Restless" in labels(opened)


# --- what it says ------------------------------------------------------------------------------


@pytest.mark.parametrize("leaning", ["space", "chase", "both", "look", None])
def test_no_prompt_comes_again_within_two_weeks(leaning: str | None, library: Library) -> None:
    from bot.coach.checkins import _fits  # noqa: PLC0415 - what fits is its to say

    person, now = someone(leaning=leaning), at(20)
    seen: list[str] = []
    every: Any = library.texts["prompts"]["checkin"]
    fitting = [(p["id"], p["text"]) for p in every if _fits(p, person)]
    for _ in range(200):
        text, person = cadence.rotate(person, now, fitting)
        assert text not in seen[-14:]
        seen.append(text)
        now += DAY
    assert set(seen) == {text for _, text in fitting}


def test_nothing_unasked_begins_with_a_word_one_would_hide(library: Library) -> None:
    hidden = [r for r in lint._rules(library) if r.where in {"last", "first"}]
    openings = [str(library.phrases.say["note"]), str(library.phrases.say["late_today"])]
    for kind in KINDS.values():
        if kind.flow:
            openings += first_lines(library, kind.flow)
    for name in ("note", "less_asked", "last_note"):
        openings += first_lines(library, name)
    assert len(openings) > 8
    for line in openings:
        found = [r.pattern.search(line) for r in hidden]
        assert not any(found), (line, found)


def first_lines(library: Library, name: str) -> list[str]:
    flow = library.flows[name]
    found, waiting, seen = [], [flow.first], set[str]()
    while waiting:
        step = flow.step(waiting.pop())
        if step is None or step.id in seen:
            continue
        seen.add(step.id)
        if isinstance(step, Run):
            waiting += targets(step)
        else:
            found.append(step.text.splitlines()[0])
            if isinstance(step, Say):
                waiting.append(step.next)
    return found


# --- every button ------------------------------------------------------------------------------

PRACTICE = {"name": "breath", "started": (START - DAY).timestamp(), "when": "", "where": ""}
RITUAL = {
    "what": "tea",
    "with": "M.",
    "rule": "FREQ=DAILY",
    "days": "every day",
    "at": "18:00",
    "since": "2026-03-01",
}

OPENED = (
    *("checkin", "intention", "practice_day", "practice_look", "ritual_due", "ritual_after"),
    *("note", "less_asked", "later", "less", "hello_back", "notes", "ritual", "practice"),
)


@pytest.mark.parametrize("flow", OPENED)
async def test_every_button_that_is_drawn_has_a_handler(flow: str, tmp_path: Path) -> None:
    """Walk every button of a prompt to its end: each tap is answered, none is stale or lost."""
    async with chatting(tmp_path) as chat:
        await do(chat, *CONSENT)
        walked: set[tuple[str, str]] = set()
        for _ in range(120):
            chat.clock.skip(7 * HOUR)
            await change(
                chat,
                zone="Europe/Berlin",
                practice=PRACTICE,
                rituals={"r": RITUAL},
                cadence={},
                said={},
                checkin_at="12:00",
            )
            fields = {"flow": flow, "ritual": "r", "then": "checkin", "unasked": "checkin"}
            await ring(chat, flow, fields)
            if not await walk(chat, flow, walked):
                break
        else:
            pytest.fail("there is always one more button")
        assert walked


async def ring(chat: Chat, flow: str, fields: dict[str, Any]) -> None:
    """Open a flow as a timer of the person's own does, whatever the time of day."""
    who, now = (await me(chat)).id, chat.clock.now()

    def write(tx: Tx) -> None:
        tx.cancel_timers(who)
        tx.drop_session(who)
        tx.set_timer(who, now, prompts.PAUSE, new_id(), fields)

    await chat.type("/cancel")
    await chat.house.store.write(write)
    await chat.skip(timedelta())
    assert flow


async def walk(chat: Chat, flow: str, walked: set[tuple[str, str]]) -> bool:
    """Tap one way to its end, the first button at each question that was not tapped there yet."""
    new = False
    for _ in range(8):
        asked = next((b for b in reversed(chat.guest.answers) if b.buttons), None)
        if asked is None:
            return new
        key = " ".join(labels(asked))  # the note's words rotate, its buttons do not
        fresh = [b for b in labels(asked) if (key, b) not in walked]
        label = (fresh or labels(asked))[0]
        new = new or bool(fresh)
        walked.add((key, label))
        said = await chat.tap(label)
        assert not any("passed" in (toast or "") for toast in chat.toasts()), (flow, key, label)
        assert not any("went wrong" in text for text in texts(said)), (flow, key, label)
        changed = next(b for b in chat.guest.answers if b.message_id == asked.message_id)
        assert said or changed.text != asked.text or changed.buttons != asked.buttons, (key, label)
    return new


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("8:30", ["08:30"]),
        ("half past eight", ["08:30", "20:30"]),
        ("half past eight in the evening", ["20:30"]),
        ("quarter to nine", ["08:45", "20:45"]),
        ("at 9 pm", ["21:00"]),
        ("morning", ["08:00"]),
        ("in the evening", ["20:00"]),
        ("twelve", ["00:00", "12:00"]),
        ("25:00", []),
        ("half past thirteen", []),
        ("whenever", []),
        ("", []),
        ("-3", []),
    ],
)
def test_times_as_people_say_them(said: str, read: list[str], library: Library) -> None:
    words: Any = library.texts["words"]["clock"]
    assert [f"{at:%H:%M}" for at in when.clock_times(said, words)] == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("every day", "FREQ=DAILY"),
        ("Mon, Thu", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("thursdays and mondays", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("weekends", "FREQ=WEEKLY;BYDAY=SA,SU"),
        ("every 31st", "FREQ=MONTHLY;BYMONTHDAY=31"),
        ("last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("every 32nd", None),
        ("now and then", None),
        ("", None),
    ],
)
def test_days_as_people_say_them(said: str, read: str | None, library: Library) -> None:
    words: Any = library.texts["words"]["recurring"]
    assert rule(said, words) == read


def test_a_ritual_of_the_31st_leaves_short_months_out_or_takes_their_last_day() -> None:
    def months(found: str) -> list[str]:
        after, days = at(0, day=1), []
        for _ in range(4):
            day, after = rhythm.recurring(found, date(2026, 3, 1), time(18), BERLIN, after) or (
                pytest.fail("it ends")
            )
            days.append(day.isoformat())
        return days

    thirty_first = ["2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31"]
    assert months("FREQ=MONTHLY;BYMONTHDAY=31") == thirty_first
    last = ["2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]
    assert months("FREQ=MONTHLY;BYMONTHDAY=-1") == last


def test_a_ritual_inside_a_gap_comes_as_much_later() -> None:
    day, moment = rhythm.recurring(
        "FREQ=WEEKLY;BYDAY=SU", date(2026, 3, 1), time(2, 30), BERLIN, at(12, day=25)
    ) or pytest.fail("it ends")
    assert day == date(2026, 3, 29)
    assert f"{moment.astimezone(BERLIN):%H:%M}" == "03:30"


async def test_a_time_inside_the_quiet_hours_is_said_and_may_stay(chat: Chat) -> None:
    said = await do(chat, "/settings", "[Notes]", "[Daily note]", "23:00")
    assert texts(said)[-1].startswith("23:00 lies in your quiet hours (22:00\N{EN DASH}08:00).")
    await do(chat, "[Fine]")
    assert (await me(chat)).checkin_at == "23:00"
    assert len(await until(chat, 23)) == 1
    sent = [call for call in chat.standin.calls if call.method == "sendMessage"]
    assert sent[-1].params["disable_notification"] in {True, "true"}


async def test_a_timer_that_does_not_open_is_left_and_holds_up_nothing(chat: Chat) -> None:
    await until(chat, 18)
    who = await me(chat)

    def damage(tx: Tx) -> None:
        bad = tx.set_timer(who.id, chat.clock.now(), prompts.CHECKIN, "bad")
        assert bad is not None
        values = {"id": bytes.fromhex(bad.id), "sealed": b"\1" * 60}
        tx._execute("UPDATE timers SET sealed = :sealed WHERE id = :id", values)

    await chat.house.store.write(damage)
    assert await chat.skip(MINUTE) == []
    assert not await chat.house.store.read(lambda tx: tx.any_due(chat.clock.now()))
    assert await chat.house.store.write(lambda tx: tx.release_timers()) == 0, "it is done with"
    assert len(await until(chat, 20)) == 1


async def test_whoever_is_gone_is_not_rung_for(chat: Chat) -> None:
    gone = replace(await me(chat), here=False)
    await chat.house.store.write(lambda tx: tx.save_person(gone))
    assert await until(chat, 20) == []
    assert not await chat.house.store.read(lambda tx: tx.any_due(chat.clock.now()))
