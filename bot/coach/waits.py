"""Functions of the waiting: a timer that is kept, what comes at its end, and after sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import helps, prompts
from bot.coach.cards import doors
from bot.coach.helps import HIGH, Moment
from bot.coach.now import history, kept, measured, moment_of, say, writes
from bot.coach.scene import Result, Scene, Write, function
from bot.store import Tx, new_id

FLOW = "wait"

FIRST_TIMES = 12
"""Attempts among which it is said once that the first are often the hardest."""

_STATE = ("moment", "forgotten", "visit")


async def closed(scene: Scene) -> bool:
    """Whether waiting and sharing stay closed: someone may be unsafe with the other."""
    return (await doors(scene)).goto == "closed"


def pulled(scene: Scene, moment: Moment) -> Moment:
    """Return the moment with the pull that was chosen on the way here."""
    pull = scene.frame.values.get("pull") or moment.pull
    return replace(moment, pull=str(pull))


@function("ask", "start", "real", "over", "closed", values=(*_STATE, "over"))
async def wait_begin(scene: Scene) -> Result:
    """Ask for a wait; or come back for the end of one whose question is gone from the chat."""
    moment = pulled(scene, moment_of(scene))
    values = kept(moment, visit=scene.session.turn)
    if scene.frame.values.get("over"):
        return Result(values, goto="over")
    if await closed(scene):
        return Result(values, goto="closed")
    if moment.sent and scene.frame.values.get("minutes"):
        return Result(values, goto="start")
    return Result(values, goto="real" if moment.real else "ask", writes=writes(scene, moment))


@function(values=(*_STATE, "till", "rings", "first", "minutes", "over", "silent", "due"))
async def wait_start(scene: Scene) -> Result:
    """Start the timer: 20 minutes or 5, ringing or without a sound as last time."""
    asked = str(scene.frame.answers.get("minutes") or scene.frame.values.get("minutes", "20"))
    minutes = int(asked) if asked.isdecimal() else 20
    moment = replace(moment_of(scene), over=False)
    silent = bool(scene.person.said.get("silent"))
    due = scene.now + timedelta(minutes=minutes)
    values = _shown(scene, due, minutes, silent=silent)
    person, first = scene.person, ""
    if person.consent is not None and not person.said.get("first_times"):
        if len(await history(scene)) <= FIRST_TIMES:
            first = say(scene, "wait", "first")
        person = replace(person, said={**person.said, "first_times": True})
    values |= {"first": first, "began": scene.now.isoformat(), "silent": silent}
    return Result(
        kept(moment, **values),
        person=person if person is not scene.person else None,
        writes=(*writes(scene, moment), _timer(scene, moment, due, minutes, silent=silent)),
    )


def _shown(scene: Scene, due: datetime, minutes: int, *, silent: bool) -> dict[str, Any]:
    zone = scene.person.zone
    till = say(scene, "wait", "minutes", minutes=minutes)
    if zone is not None:
        till = say(scene, "wait", "till", clock=f"{due.astimezone(ZoneInfo(zone)):%H:%M}")
    return {
        "till": till,
        "rings": say(scene, "wait", "silent" if silent else "rings"),
        "minutes": minutes,
        "due": due.isoformat(),
        "over": say(scene, "wait", "over", minutes=minutes),
    }


def _timer(scene: Scene, moment: Moment, due: datetime, minutes: int, *, silent: bool) -> Write:
    """Return the write of the one timer a wait has; it takes the place of any before."""
    who, now = scene.person.id, scene.now
    fields = {
        "flow": FLOW,
        "moment": helps.to_json(moment),
        "minutes": minutes,
        "began": now.isoformat(),
        "silent": silent,
        "over": say(scene, "wait", "over", minutes=minutes),
        "late": say(scene, "wait", "over_late", minutes=minutes),
        "beside": say(scene, "wait", "over_beside", minutes=minutes),
    }
    subject = new_id()

    def write(tx: Tx) -> None:
        stop(tx, who, now)
        tx.set_timer(who, due, prompts.PAUSE, subject, fields)

    return write


def stop(tx: Tx, who: str, now: datetime) -> None:
    """End the wait that is going on, if one is."""
    for timer in tx.timers(who):
        if timer.kind == prompts.PAUSE and timer.fields.get("flow") == FLOW:
            tx.timer_done(timer.id, now)


@function(values=("rings", "silent"))
async def wait_silently(scene: Scene) -> Result:
    """Let the end come without a sound, or with one again; the next waits do the same."""
    silent = not scene.frame.values.get("silent")
    person = replace(scene.person, said={**scene.person.said, "silent": silent})
    due = datetime.fromisoformat(str(scene.frame.values["due"]))
    minutes = int(scene.frame.values["minutes"])
    moment = moment_of(scene)
    shown = _shown(scene, due, minutes, silent=silent)
    return Result(
        {"rings": shown["rings"], "silent": silent, "first": ""},
        person=person,
        writes=(_timer(scene, moment, due, minutes, silent=silent),),
    )


@function(values=(*_STATE, "till", "rings", "first", "minutes", "over", "silent", "due"))
async def wait_again(scene: Scene) -> Result:
    """Start 20 minutes more."""
    answers = {**scene.frame.answers, "minutes": "20"}
    return await wait_start(replace(scene, frame=replace(scene.frame, answers=answers)))


@function("still", "over", values=("till",))
async def wait_on(scene: Scene) -> Result:
    """Go back to the wait, or to its end where that has come meanwhile."""
    due = scene.frame.values.get("due")
    past = isinstance(due, str) and datetime.fromisoformat(due) <= scene.now
    found = {"first": ""}
    if not past and isinstance(due, str) and scene.person.zone is None:
        left = (datetime.fromisoformat(due) - scene.now) / timedelta(minutes=1)
        found["till"] = say(scene, "wait", "left", minutes=max(1, round(left)))
    return Result(found, goto="over" if past else "still")


@function(values=_STATE)
async def wait_stop(scene: Scene) -> Result:
    """End the wait early; the minutes that passed are waited all the same."""
    who, now = scene.person.id, scene.now
    moment = _waited(scene)
    return Result(kept(moment), writes=(*writes(scene, moment), lambda tx: stop(tx, who, now)))


def _waited(scene: Scene) -> Moment:
    moment = moment_of(scene)
    began = scene.frame.values.get("began")
    if not isinstance(began, str):
        return moment
    passed = (scene.now - datetime.fromisoformat(began)) / timedelta(minutes=1)
    return replace(moment, waited=round(moment.waited + passed, 1))


@function("wish", "sent", "strong", values=(*_STATE, "change", "began"))
async def wait_over(scene: Scene) -> Result:
    """Take the strength at the end of a wait, and see which question follows."""
    moment, value = measured(scene)
    waited = _waited(replace_moment(scene, moment))
    values = kept(waited, change=_change(scene, waited), began=None)
    done = writes(scene, waited)
    if isinstance(value, int) and value >= HIGH:
        return Result(values, goto="strong", writes=done)
    return Result(values, goto="sent" if waited.sent else "wish", writes=done)


def replace_moment(scene: Scene, moment: Moment) -> Scene:
    """Return the scene with the moment as it is by now."""
    values: Mapping[str, Any] = {**scene.frame.values, "moment": helps.to_json(moment)}
    return replace(scene, frame=replace(scene.frame, values=values))


def _change(scene: Scene, moment: Moment) -> str:
    """Return ``6 → 3.``, or what stands for it where a number is missing."""
    values = [strength.value for strength in moment.strengths]
    if not values:
        return say(scene, "leads", "ok")
    now = values[-1]
    if not isinstance(now, int):
        return say(scene, "leads", "unclear")
    was = values[-2] if len(values) > 1 else None
    if isinstance(was, int):
        return say(scene, "leads", "lower", was=was, now=now)
    return say(scene, "leads", "number", now=now)


@function(values=(*_STATE, "change"))
async def wait_sent(scene: Scene) -> Result:
    """Note that it was sent: what follows is the waiting for an answer."""
    moment, _ = measured(scene)
    moment = replace(moment, sent=True)
    values = kept(moment, change=_change(scene, moment))
    return Result(values, writes=writes(scene, moment))


@function(values=_STATE)
async def wrote(scene: Scene) -> Result:
    """Note that they wrote; it is no slip, and nothing to say about."""
    moment = replace(moment_of(scene), sent=True)
    return Result(kept(moment), writes=writes(scene, moment))
