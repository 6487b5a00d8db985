"""Functions of the waiting: a timer that is kept, what comes at its end, and after sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import helps, people, prompts
from bot.coach.cards import doors
from bot.coach.helps import HIGH, Moment
from bot.coach.now import history, kept, measured, moment_of, say, writes
from bot.coach.scene import Result, Scene, Write, function
from bot.flows.engine import clipped
from bot.flows.session import Frame, Session
from bot.store import Tx, new_id

FLOW = "wait"

FIRST_TIMES = 12
"""Attempts among which it is said once that the first are often the hardest."""

MANY = 10_000
"""Timers that are looked at, the nearest first, when the machine's clock was set back."""

OWN = 80
"""Characters that are shown of what helps this person, by their own list."""

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


@function(values=(*_STATE, "till", "rings", "minutes", "over", "silent", "due", "began"))
async def wait_start(scene: Scene) -> Result:
    """Start the timer: 20 minutes or 5, ringing or without a sound as last time."""
    asked = str(scene.frame.answers.get("minutes") or scene.frame.values.get("minutes", "20"))
    minutes = int(asked) if asked.isdecimal() else 20
    moment = replace(moment_of(scene), over=False)
    silent = bool(scene.person.said.get("silent"))
    due = scene.now + timedelta(minutes=minutes)
    values = {
        "till": till(scene.text("moment")["wait"], due, minutes, scene.now, scene.person.zone),
        "rings": say(scene, "wait", "silent" if silent else "rings"),
        "minutes": minutes,
        "due": due.isoformat(),
        "over": say(scene, "wait", "over", minutes=minutes),
        "began": scene.now.isoformat(),
        "silent": silent,
    }
    return Result(
        kept(moment, **values), writes=(*writes(scene, moment), _timer(scene, moment, values))
    )


def clock(due: datetime, now: datetime, zone: str | None) -> str:
    """Return the clock time there, or nothing where it is not known or would mislead.

    On the night when clocks go back, twenty minutes from 02:50 it is 02:10.
    """
    if zone is None:
        return ""
    here, there = now.astimezone(ZoneInfo(zone)), due.astimezone(ZoneInfo(zone))
    return f"{there:%H:%M}" if here.utcoffset() == there.utcoffset() else ""


def till(
    texts: Mapping[str, str], due: datetime, minutes: int, now: datetime, zone: str | None
) -> str:
    """Say when a wait ends: by the clock there, else in minutes from now."""
    if at := clock(due, now, zone):
        return texts["till"].format(clock=at)
    left = max(1, round((due - now) / timedelta(minutes=1)))
    key = "minutes" if left >= minutes else "left" if left > 1 else "left_one"
    return texts[key].format(minutes=min(left, minutes))


def by_now(session: Session, texts: Mapping[str, str], now: datetime, zone: str | None) -> Session:
    """Return the session with what a wait says of its end as it is by now: time has passed.

    A question that is asked again after something else says what it said before; and meanwhile
    the clock there may be another.
    """

    def fresh(frame: Frame) -> Frame:
        due, minutes = frame.values.get("due"), frame.values.get("minutes")
        if frame.flow != FLOW or not isinstance(due, str) or not isinstance(minutes, int):
            return frame
        said = till(texts, datetime.fromisoformat(due), minutes, now, zone)
        return replace(frame, values={**frame.values, "till": said})

    return replace(session, frames=tuple(fresh(frame) for frame in session.frames))


def _timer(scene: Scene, moment: Moment, wait: Mapping[str, Any]) -> Write:
    """Return the write of the one timer a wait has; it takes the place of any before."""
    who, now, minutes = scene.person.id, scene.now, wait["minutes"]
    due = datetime.fromisoformat(str(wait["due"]))
    fields = {
        "flow": FLOW,
        "moment": helps.to_json(moment),
        "minutes": minutes,
        "began": wait["began"],
        "due": wait["due"],
        "silent": wait["silent"],
        "over": say(scene, "wait", "over", minutes=minutes),
        "late": say(scene, "wait", "over_late", minutes=minutes),
        "beside": say(scene, "wait", "over_beside", minutes=minutes),
    }
    subject = new_id()

    def write(tx: Tx) -> None:
        stop(tx, who, now)
        tx.set_timer(who, due, prompts.PAUSE, subject, fields)

    return write


def set_right(tx: Tx, now: datetime) -> None:
    """Bring spans nearer that began in the future: the machine's clock was set back meanwhile.

    Twenty minutes are twenty minutes by any clock. What was set for an hour of the day stays.
    """
    for timer in chain.from_iterable(map(tx.timers, tx.who_waits(MANY))):
        began, due = timer.fields.get("began"), timer.fields.get("due")
        if isinstance(began, str) and isinstance(due, str):
            start = datetime.fromisoformat(began)
            end = now + (datetime.fromisoformat(due) - start)
            if start > now and end < timer.due_at:
                tx.move_timer(timer.id, end)


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
    wait = {**scene.frame.values, "silent": silent}
    return Result(
        {"rings": say(scene, "wait", "silent" if silent else "rings"), "silent": silent},
        person=person,
        writes=(_timer(scene, moment_of(scene), wait),),
    )


@function(values=(*_STATE, "till", "rings", "minutes", "over", "silent", "due", "began"))
async def wait_again(scene: Scene) -> Result:
    """Start 20 minutes more."""
    answers = {**scene.frame.answers, "minutes": "20"}
    return await wait_start(replace(scene, frame=replace(scene.frame, answers=answers)))


@function("still", "over")
async def wait_on(scene: Scene) -> Result:
    """Go back to the wait, or to its end where that has come meanwhile."""
    due = scene.frame.values.get("due")
    past = isinstance(due, str) and datetime.fromisoformat(due) <= scene.now
    return Result(goto="over" if past else "still")


@function(values=("own",))
async def wait_meanwhile(scene: Scene) -> Result:
    """Remember what helps this person, from their own list."""
    found = await people.own_list(scene)
    mine = " ".join(str(found.fields.get("helps") or "").split()).rstrip(".") if found else ""
    return Result({"own": say(scene, "wait", "own", helps=clipped(mine, OWN)) if mine else ""})


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
    # A clock that was set back meanwhile takes no minutes away.
    return replace(moment, waited=round(moment.waited + max(0.0, passed), 1))


@function("wish", "sent", "strong", values=(*_STATE, "change", "first", "began"))
async def wait_over(scene: Scene) -> Result:
    """Take the strength at the end of a wait, and see which question follows."""
    moment, value = measured(scene)
    waited = _waited(replace_moment(scene, moment))
    values = kept(waited, change=_change(scene, waited), began=None)
    done = writes(scene, waited)
    if not isinstance(value, int) or value < HIGH:
        return Result(values, goto="sent" if waited.sent else "wish", writes=done)
    values["first"], person = "", scene.person
    if person.consent is not None and not person.said.get("first_times"):
        if len(await history(scene)) <= FIRST_TIMES:
            values["first"] = say(scene, "wait", "first")
        person = replace(person, said={**person.said, "first_times": True})
    return Result(values, goto="strong", person=person, writes=done)


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
