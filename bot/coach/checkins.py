"""Functions of the daily note and the morning form: what they ask, when, and less of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import cadence, prompts, when
from bot.coach.scene import Result, Scene, function
from bot.errors import RefusedAnswer
from bot.flows.model import FLOW
from bot.store import Person, Tx

EVENING = time(20)
"""What *this evening* means."""

OWN_FEELINGS = 3
"""How many of a person's own words stand on the note itself."""

_PULLS = {"space": {"away"}, "chase": {"toward"}, "both": {"away", "toward"}}


# --- the note itself -------------------------------------------------------------------------


@function("note", "by_hand", values=("opening", "feelings", "own_feelings"))
async def begin_checkin(scene: Scene) -> Result:
    """Choose the day's prompt and the feelings that stand on it."""
    content = scene.text("prompts")
    person, say = scene.person, scene.library.phrases.say
    fitting = [
        (str(prompt["id"]), str(prompt["text"]))
        for prompt in content["checkin"]
        if _fits(prompt, person)
    ]
    text, person = cadence.rotate(person, scene.now, fitting)
    line, person = cadence.take_line(person)
    unasked = cadence.UNASKED in scene.frame.values
    parts = [say["note"]] if unasked else []
    parts += [say[line]] if line else []
    own = [w.text for w in person.words if w.kind == "feeling" and not w.archived]
    offered = [{"text": t, "value": v} for v, t in content["feelings"].items()]
    numbered = [{"text": t, "value": f"own:{n}"} for n, t in enumerate(own)]
    offered += numbered[-OWN_FEELINGS:]
    finer = numbered[:-OWN_FEELINGS]
    return Result(
        {"opening": "\n".join([*parts, text]), "feelings": offered, "own_feelings": finer},
        goto="note" if unasked else "by_hand",
        person=person,
    )


def _fits(prompt: Any, person: Person) -> bool:
    pulls = _PULLS.get(person.leaning or "", set())
    practice = prompt.get("practice")
    fits = practice is None or practice == person.practice.get("name")
    return bool(fits and (prompt.get("pull") is None or prompt["pull"] in pulls))


@function("practice", "shared", "none", values=("practice_asked",))
async def third_question(scene: Scene) -> Result:
    """Lead to the day's third question: the chosen practice, one honest thing, or none."""
    running = scene.person.practice
    kinds = ["practice", "shared", "practice", "none"] if running else ["none", "shared"]
    kind, person = cadence.third(scene.person, kinds)
    if kind != "practice":
        return Result(goto=kind, person=person)
    name = str(running["name"])
    known = next((p for p in scene.text("two_weeks")["practices"] if p["id"] == name), None)
    if known is None:
        return Result(goto="none", person=person)
    asked, named = {"practice_asked": known["ask"]}, {"practice": known["text"]}
    return Result(asked, named, goto="practice", person=person)


@function()
async def done_today(scene: Scene) -> Result:
    """Let today's note rest: the check-in is done."""
    person, now = cadence.answered(scene.person), scene.now
    today = cadence.today(person, now).isoformat()

    def write(tx: Tx) -> None:
        for timer in tx.timers(person.id):
            put_off = timer.kind == prompts.LATER and timer.fields.get("flow") == "checkin"
            if put_off or (timer.kind == prompts.CHECKIN and timer.subject == today):
                tx.timer_done(timer.id, now)
        prompts.next_checkin(person, now)(tx)

    return Result(writes=(write,), person=person if person is not scene.person else None)


@function("asked", "paused", "silent")
async def ask_daily(scene: Scene) -> Result:
    """Whether a daily note was never offered, or is paused: it is offered once."""
    person = scene.person
    if person.cadence.get("paused") == cadence.CALL and person.checkin_at is not None:
        return Result(goto="paused")
    if person.checkin_at is not None or person.said.get("daily"):
        return Result(goto="silent")
    return Result(goto="asked", person=replace(person, said={**person.said, "daily": True}))


@function("ask", "known")
async def ask_hearing(scene: Scene) -> Result:
    """Whether it was ever asked what happens when something honest is said."""
    person = scene.person
    if person.said.get("hearing"):
        return Result(goto="known")
    return Result(goto="ask", person=replace(person, said={**person.said, "hearing": True}))


# --- when ------------------------------------------------------------------------------------


@function(values=("morning",))
async def for_morning(scene: Scene) -> Result:
    """Set the morning form's time, not the daily note's."""
    del scene
    return Result({"morning": True})


@function(
    *("set", "quiet", "which", "zone", "refused", "skipped"),
    values=("daily_at", "refusal", "times", "quiet"),
)
async def set_daily(scene: Scene) -> Result:
    """Set the time of a note; the zone is asked first where it is not known."""
    if "daily_at" not in scene.frame.answers:
        return Result(goto="skipped")
    said = str(scene.frame.answers["daily_at"])
    found = when.clock_times(said, scene.text("words")["clock"])
    if not found:
        raise RefusedAnswer(scene.library.phrases.say["no_such_time"])
    if len(found) > 1:
        texts = [f"{at:%H:%M}" for at in found]
        return Result({"times": [{"text": t, "value": t} for t in texts]}, goto="which")
    if scene.person.zone is None:
        return Result(goto="zone")
    text = f"{found[0]:%H:%M}"
    field = "morning_at" if scene.frame.values.get("morning") else "checkin_at"
    person = cadence.go_on(replace(scene.person, **{field: text}))  # type: ignore[arg-type]
    values = {"daily_at": text, "quiet": _hours(person)}
    return Result(
        values,
        goto="quiet" if cadence.is_quiet(person, found[0]) else "set",
        settled=True,
        person=person,
        writes=(prompts.planned(person, scene.now),),
    )


@function()
async def stop_daily(scene: Scene) -> Result:
    """No such note any more."""
    field = "morning_at" if scene.frame.values.get("morning") else "checkin_at"
    person = replace(scene.person, **{field: None})  # type: ignore[arg-type]
    return Result(settled=True, person=person, writes=(prompts.planned(person, scene.now),))


@function("some", values=("laters",))
async def later_choices(scene: Scene) -> Result:
    """Offer when to come again: what would fall into the quiet hours is left out."""
    say, person, now = scene.library.phrases.say, scene.person, scene.now
    # An hour is asked for in full view of the clock: inside quiet hours it comes without a sound.
    offered = [{"text": say["in_1_hour"], "value": "1"}]
    if cadence.quiet_until(person, now + timedelta(hours=3)) is None:
        offered.append({"text": say["in_3_hours"], "value": "3"})
    if _this_evening(person, now) is not None:
        offered.append({"text": say["this_evening"], "value": "evening"})
    return Result({"laters": offered}, goto="some")


def _this_evening(person: Person, now: datetime) -> datetime | None:
    """Return when this evening is; None when it is too near or past, or no clock is known."""
    if person.zone is None:
        return None
    local = cadence.local(person, now)
    at = datetime.combine(local.date(), EVENING, ZoneInfo(person.zone)).astimezone(now.tzinfo)
    return (
        at if at - now > timedelta(minutes=30) and not cadence.is_quiet(person, EVENING) else None
    )


@function("set", "not_today", values=("forgotten",))
async def put_off(scene: Scene) -> Result:
    """Let a note come again later."""
    chosen = scene.frame.answers.get("later")
    now, who, values = scene.now, scene.person.id, scene.frame.values
    evening = _this_evening(scene.person, now) if chosen == "evening" else None
    if evening is None and not str(chosen).isdecimal():
        return Result(goto="not_today")
    due = evening or now + timedelta(hours=int(str(chosen)))
    fields = {k: values[k] for k in ("ritual", "what") if k in values}
    fields["flow"] = _flow(values)
    subject = f"{fields['flow']} {now.isoformat()}"
    return Result(
        {"forgotten": True},
        goto="set",
        settled=True,
        writes=(lambda tx: tx.set_timer(who, due, prompts.LATER, subject, fields),),
    )


def _flow(values: Any) -> str:
    kind = prompts.KINDS.get(str(values.get(cadence.UNASKED)))
    return str(values.get("then") or values.get("flow") or (kind.flow if kind else "checkin"))


@function(values=("forgotten",))
async def not_today(scene: Scene) -> Result:
    """Nothing unasked any more today; tomorrow as always."""
    person = cadence.leave_today(scene.person, scene.now)
    return Result({"forgotten": True}, settled=True, person=person)


@function()
async def open_note(scene: Scene) -> Result:
    """Open what the neutral note stands for."""
    return Result(goto=FLOW + str(scene.frame.values["then"]))


# --- less, and again -------------------------------------------------------------------------

_EVERY = {"second_day": 2, "week": 7, "as_before": 1}
_PAUSES = {"pause_day": 1, "pause_week": 7, "pause_call": None}


@function("often", "paused", "as_before")
async def set_less(scene: Scene) -> Result:
    """Write less often, pause, or go on as before."""
    chosen = str(scene.frame.answers.get("less", "as_before"))
    if chosen in _PAUSES:
        person, goto = cadence.pause(scene.person, scene.now, _PAUSES[chosen]), "paused"
    else:
        person = cadence.how_often(scene.person, _EVERY.get(chosen, 1))
        goto = "often" if chosen in _EVERY and chosen != "as_before" else "as_before"
    return Result(
        goto=goto, settled=True, person=person, writes=(prompts.planned(person, scene.now),)
    )


@function()
async def carry_on(scene: Scene) -> Result:
    """Let the notes come again as they did."""
    person = cadence.how_often(scene.person, int(scene.person.cadence.get("every", 1)))
    return Result(settled=True, person=person, writes=(prompts.planned(person, scene.now),))


@function()
async def pause_notes(scene: Scene) -> Result:
    """No notes until the person says otherwise."""
    person = cadence.pause(scene.person, scene.now, None)
    return Result(settled=True, person=person, writes=(prompts.planned(person, scene.now),))


@function()
async def fresh_start(scene: Scene) -> Result:
    """Begin anew: no practice, no line that waits; what was kept stays kept."""
    person = cadence.keep_nothing_open(replace(scene.person, practice={}))
    kinds = {prompts.PRACTICE_DAY, prompts.PRACTICE_LOOK, prompts.LATER}

    def write(tx: Tx) -> None:
        tx.cancel_timers(person.id, kinds=kinds)
        prompts.planned(person, scene.now)(tx)

    return Result(settled=True, person=person, writes=(write,))


# --- how notes are set -----------------------------------------------------------------------


def _hours(person: Person) -> str:
    return f"{person.quiet_from}\N{EN DASH}{person.quiet_till}"


@function(values=("notes_text",))
async def look_notes(scene: Scene) -> Result:
    """Tell how the notes are set."""
    person, words = scene.person, scene.text("words")["notes"]
    none = words["none"]
    often = words["often"].get(str(person.cadence.get("every", 1)), none)
    if cadence.is_paused(person, scene.now):
        often = words["paused"]
    quiet = _hours(person) if cadence.has_quiet_hours(person) else none
    lines = (
        (words["daily"], person.checkin_at or none),
        (words["morning"], person.morning_at or none),
        (words["quiet"], quiet),
        (words["how_often"], often),
        (words["look"], words["plain"] if person.neutral else words["question"]),
    )
    return Result({"notes_text": "\n".join(f"{name}: {value}" for name, value in lines)})


@function("set", "zone", "refused", values=("refusal",))
async def set_quiet(scene: Scene) -> Result:
    """Set the quiet hours."""
    said = str(scene.frame.answers.get("quiet_hours", ""))
    if not said:
        return Result(goto="set")
    if said == "none":
        person = replace(scene.person, quiet_from="00:00", quiet_till="00:00")
        return Result(goto="set", settled=True, person=person)
    parts = said.replace("\N{EN DASH}", "-").replace(" to ", "-").replace(" till ", "-").split("-")
    words = scene.text("words")["clock"]
    times = [when.clock_times(part, words) for part in parts]
    if len(times) != 2 or any(len(found) != 1 for found in times):  # noqa: PLR2004 - from, till
        raise RefusedAnswer(scene.library.phrases.say["no_such_hours"])
    start, end = (f"{found[0]:%H:%M}" for found in times)
    person = replace(scene.person, quiet_from=start, quiet_till=end)
    return Result(goto="set" if person.zone else "zone", settled=True, person=person)


@function()
async def set_look(scene: Scene) -> Result:
    """Let notes show their question, or only that there is one."""
    plain = scene.frame.answers.get("look") == "plain"
    return Result(settled=True, person=replace(scene.person, neutral=plain))
