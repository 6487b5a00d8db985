"""Functions of Right now: which practice, did it help, what next, and the entry it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.coach import curve, helps, plans
from bot.coach.calls import Animate
from bot.coach.helps import HIGH, MUCH, Mark, Moment, Strength, Tried
from bot.coach.scene import Result, Scene, Write, function
from bot.flows.engine import clipped, plain
from bot.flows.model import NUMB, UNKNOWN
from bot.flows.practice import practices
from bot.store import Draft, Entry, Tx, Word, new_id

HARD_DAY = 4
"""Moments of one day before the one that is told it is a hard day."""

DAY = timedelta(hours=24)

DARK = (20, 7)
"""From this hour to that one nobody is sent outside."""

HIDDEN = "practice"
"""The kind of own word that names a practice; put away, it is not offered."""

REAL = frozenset({"they_ended_it", "found_out", "broken_promise"})
"""What happened and is more than an alarm, by its name in the note."""

_STATE = ("moment", "lead", "practice", "forgotten", "entry", "visit")


# --- what every function of the moment needs -------------------------------------------------


def say(scene: Scene, table: str, key: str, /, **values: object) -> str:
    """Return a sentence of the moment with its names filled in."""
    text: str = scene.text("moment")[table][key]
    return text.format(**values)


def moment_of(scene: Scene) -> Moment:
    """Return the moment this flow is about, or a new one."""
    found = scene.frame.values.get("moment")
    if isinstance(found, Mapping):
        return helps.from_json(found)
    return Moment(began=scene.now.isoformat(), entry=new_id())


def kept(moment: Moment, **more: Any) -> dict[str, Any]:
    """Return the values that carry a moment on; with them no draft is made of its taps."""
    return {"moment": helps.to_json(moment), "forgotten": True, **more}


def writes(scene: Scene, moment: Moment) -> tuple[Write, ...]:
    """Return the writes that bring the moment's entry up to date; none without consent."""
    person = scene.person
    if person.consent is None or not moment.strengths:
        return ()
    return (saving(scene, moment),)


def saving(scene: Scene, moment: Moment) -> Write:
    """Return the write of the entry; what was added to it by hand stays."""
    person, known = scene.person, practices(scene.library.texts)
    began = datetime.fromisoformat(moment.began)
    now = scene.now

    def write(tx: Tx) -> None:
        before = tx.entry(person.id, moment.entry)
        fields = moment.fields(known)
        if before is not None:
            own = {name: value for name, value in before.fields.items() if name not in _MINE}
            fields = {**own, **fields}
        tx.save_entry(
            person.id,
            Entry(moment.entry, "activation", began, now, person.zone, fields),
        )

    return write


_MINE = frozenset(
    {
        *("intensity_before", "intensity_now", "practice", "practices", "strengths", "settled"),
        *("minutes", "pull", "sent", "draft", "over"),
    }
)
"""Fields the moment writes itself."""


def mark(scene: Scene) -> Mark:
    """Return where in the conversation this is."""
    return (int(scene.frame.values.get("visit", 0)), len(scene.frame.trail))


def measured(scene: Scene, name: str = "strength") -> tuple[Moment, int | str | None]:
    """Return the moment with the strength that was just said, and that strength."""
    here = mark(scene)
    moment = moment_of(scene).before(here)
    value = scene.frame.answers.get(name)
    if not isinstance(value, int) and value not in {NUMB, UNKNOWN}:
        return moment, None
    said = Strength(scene.now.isoformat(), value, here)
    return replace(moment, strengths=(*moment.strengths, said)), value


def is_dark(scene: Scene) -> bool:
    """Whether it is evening or night there; without a zone the words for the night always fit."""
    if scene.person.zone is None:
        return True
    hour = scene.now.astimezone(ZoneInfo(scene.person.zone)).hour
    return hour >= DARK[0] or hour < DARK[1]


def hidden(scene: Scene) -> set[str]:
    """Return the practices the person put away."""
    away = {word.text for word in scene.person.words if word.kind == HIDDEN and word.archived}
    return {one.name for one in practices(scene.library.texts).values() if one.title in away}


async def history(scene: Scene) -> list[Entry]:
    """Return the person's earlier moments; without consent there are none."""
    if scene.person.consent is None:
        return []
    who = scene.person.id
    entries = await scene.store.read(lambda tx: tx.entries(who))
    return [entry for entry in entries if entry.kind == "activation"]


async def start(  # noqa: PLR0913 - all of what makes a practice the next one
    scene: Scene,
    moment: Moment,
    lead: str,
    *,
    turning: bool = False,
    goto: str = "practice",
    chosen: str | None = None,
) -> Result:
    """Start a practice: say why this one, show its picture, remember that it is being done."""
    known = practices(scene.library.texts)
    past = helps.helped(e for e in await history(scene) if e.id != moment.entry)
    one = known.get(chosen or "") or helps.choose(
        known, moment, past, hidden(scene), turning=turning
    )
    told = past.get(one.name)
    first = not (moment.practices or moment.planned or turning) and chosen is None
    if first and helps.proven(told) and told is not None and moment.now not in {NUMB, UNKNOWN}:
        key = "known_short" if one.caution else "known"
        times = scene.text("moment")["times"][told.times]
        lead = say(
            scene, "leads", key, now=moment.now, title=one.title,
            before=told.before, after=told.after, times=times,
        )  # fmt: skip
    pictures = not scene.person.said.get("no_pictures")
    lines = one.lines(dark=is_dark(scene), pictures=pictures)
    moment = replace(moment, doing=one.name)
    return Result(
        kept(moment, lead=lead, practice=lines),
        goto=goto,
        writes=writes(scene, moment),
        calls=(Animate(one.moving),) if one.moving and pictures else (),
    )


# --- the body --------------------------------------------------------------------------------


@function("fresh", "again", "often", "on", values=(*_STATE, "before"))
async def begin(scene: Scene) -> Result:
    """Open Right now: for the first time, inside another one, on a hard day, or going on."""
    visit = {"visit": scene.session.turn}
    if scene.frame.values.get("moment"):
        return Result(kept(moment_of(scene), **visit), goto="on")
    moment = moment_of(scene)
    real = any(str(frame.answers.get("trigger")) in REAL for frame in scene.session.frames)
    values = kept(replace(moment, real=real), **visit)
    today = _today(scene)
    count = sum(_day(scene, entry) == today for entry in await history(scene))
    if count >= HARD_DAY and scene.person.said.get("hard_day") != today:
        said = {**scene.person.said, "hard_day": today}
        return Result(values, goto="often", person=replace(scene.person, said=said))
    return Result(values, goto="again" if scene.frame.values.get("before") else "fresh")


def _today(scene: Scene) -> str:
    zone = ZoneInfo(scene.person.zone or "UTC")
    return scene.now.astimezone(zone).date().isoformat()


def _day(scene: Scene, entry: Entry) -> str:
    zone = ZoneInfo(scene.person.zone or "UTC")
    return entry.happened_at.astimezone(zone).date().isoformat()


@function("on")
async def take_up(scene: Scene) -> Result:
    """Go back to the moment that this one was opened over."""
    before = scene.frame.values["before"]
    return Result(draft=Draft(new_id(), str(before["flow"]), scene.now, dict(before)))


@function(values=_STATE)
async def go_on(scene: Scene) -> Result:
    """Start one more body step for a moment that already went elsewhere."""
    return await start(scene, moment_of(scene), say(scene, "leads", "body"))


@function("practice", "numb", "doors", "flat", values=_STATE)
async def measure(scene: Scene) -> Result:
    """Take a strength: the first starts a practice; later ones say whether it helped."""
    moment, value = measured(scene)
    if moment.first is None and value is None:
        return await start(scene, moment, say(scene, "leads", "unclear"))
    if len(moment.strengths) == 1 and not moment.doing:
        return await _first(scene, moment, value)
    was = moment.strengths[-2].value if len(moment.strengths) > 1 else None
    return await _later(scene, moment, value, was)


async def _first(scene: Scene, moment: Moment, value: int | str | None) -> Result:
    if value == NUMB:
        moment = replace(moment, outward=True)
        return await start(scene, moment, say(scene, "leads", "numb"), turning=True, goto="numb")
    if not isinstance(value, int):
        return await start(scene, moment, say(scene, "leads", "unclear"))
    planned = await plans.coming_up(scene)
    if planned:
        known = practices(scene.library.texts).values()
        named = next((one.name for one in known if plain(one.title) == plain(planned)), None)
        key = "lead" if named else "lead_own"
        lead = say(scene, "plans", key, now=value, first=clipped(planned, plans.LINE))
        return await start(scene, replace(moment, planned=True), lead, chosen=named)
    lead = say(scene, "leads", "high" if value >= HIGH else "start", now=value)
    return await start(scene, moment, lead)


Turn = Literal["down", "same", "up", "soared", "numb", "unclear"]


def _turn(was: int | str | None, value: int | str | None) -> Turn:
    if value == NUMB:
        return "numb"
    if not isinstance(value, int) or not isinstance(was, int):
        return "unclear"
    if value >= was + MUCH:
        return "soared"
    return "down" if value < was else "same" if value == was else "up"


async def _later(
    scene: Scene, moment: Moment, value: int | str | None, was: int | str | None
) -> Result:
    """Say whether it helped, and change direction where it did not."""
    doing = moment.doing
    if doing and value is not None:
        done = Tried(doing, was, value, mark(scene))
        moment = replace(moment, practices=(*moment.practices, done), doing="")
    turn = _turn(was, value)
    match turn:
        case "down" | "unclear":
            key = "lower" if turn == "down" else "number" if isinstance(value, int) else "unclear"
            lead = say(scene, "leads", key, was=was, now=value)
            moment = replace(moment, flat=0 if turn == "down" else moment.flat)
            return Result(kept(moment, lead=lead), goto="doors", writes=writes(scene, moment))
        case "numb":
            again = moment.outward
            moment = replace(moment, outward=True)
            if again:  # outward was tried; numb may stay numb
                lead = say(scene, "leads", "still_numb")
                found = kept(moment, lead=lead)
                return Result(found, goto="doors", writes=writes(scene, moment))
            lead = say(scene, "leads", "numb")
            return await start(scene, moment, lead, turning=True, goto="numb")
        case _:
            moment = replace(moment, flat=moment.flat + 1)
            key = {"same": "same", "up": "more", "soared": "stop"}[turn]
            if turn == "soared":
                moment = _stopped(scene, moment, doing)
            lead = say(scene, "leads", key, was=was, now=value)
            if moment.flat >= helps.FLAT:
                lead = say(scene, "leads", "flat_up" if turn == "soared" else "flat")
                found = kept(replace(moment, flat=0), lead=lead)
                return Result(found, goto="flat", writes=writes(scene, moment))
            return await start(scene, moment, lead, turning=True)


def _stopped(scene: Scene, moment: Moment, doing: str) -> Moment:
    """Bar breath work for this time, and what was being done when it went wrong."""
    one = practices(scene.library.texts).get(doing)
    kinds = {"breath", "notice", *((one.kind,) if one and one.kind == "contact" else ())}
    return replace(moment, barred=tuple(sorted({*moment.barred, *kinds})))


@function(values=_STATE)
async def stop_practice(scene: Scene) -> Result:
    """Stop what makes dizzy or unreal: eyes open, outward, no breath work again this time."""
    moment = moment_of(scene)
    doing = moment.doing
    if doing:
        tried = Tried(doing, moment.now, None, mark(scene))
        moment = replace(moment, practices=(*moment.practices, tried), doing="")
    moment = _stopped(scene, moment, doing)
    return await start(scene, moment, say(scene, "leads", "dizzy"), turning=True)


@function("doing", "some", values=("others",))
async def other_practices(scene: Scene) -> Result:
    """Offer the other practices by name; ``doing``: one is open that could be put away."""
    moment = moment_of(scene)
    found = helps.others(practices(scene.library.texts), moment, hidden(scene))
    doing = bool(moment.doing) and scene.person.consent is not None
    return Result(
        {"others": [{"text": one.title, "value": one.name} for one in found]},
        goto="doing" if doing else "some",
    )


@function(values=_STATE)
async def chosen_practice(scene: Scene) -> Result:
    """Start the practice that was chosen by name; the next one where none was."""
    chosen = scene.frame.answers.get("chosen")
    lead = say(scene, "leads", "chosen")
    moment = replace(moment_of(scene), doing="")
    return await start(
        scene, moment, lead, turning=chosen is None, chosen=str(chosen) if chosen else None
    )


@function(values=_STATE)
async def hide_practice(scene: Scene) -> Result:
    """Offer this one no more; Settings brings it back."""
    moment = moment_of(scene)
    one = practices(scene.library.texts).get(moment.doing)
    person = scene.person
    if one is None or person.consent is None:
        return Result(kept(moment))
    rest = tuple(w for w in person.words if (w.kind, w.text) != (HIDDEN, one.title))
    words = (*rest, Word(HIDDEN, one.title, archived=True))
    return Result(kept(moment), person=replace(person, words=words))


# --- the end ---------------------------------------------------------------------------------


@function("kept", "strong", "ask", "nothing", values=(*_STATE, "count", "now"))
async def finish(scene: Scene) -> Result:
    """Close the moment: its entry is whole, what came after is asked later."""
    person = scene.person
    moment = replace(moment_of(scene), over=True, doing="")
    pull = scene.frame.values.get("pull")
    if isinstance(pull, str):
        moment = replace(moment, pull=pull)
    values = kept(moment)
    if person.consent is None:
        asked = person.adult is None and moment.strengths
        return Result(values, goto="ask" if asked else "nothing")
    if not moment.strengths:
        return Result(values, goto="nothing")
    count = len({entry.id for entry in await history(scene)} | {moment.entry})
    strong = isinstance(moment.now, int) and moment.now >= HIGH
    return Result(
        {
            **values,
            "entry": moment.entry,
            "now": moment.now,
            "count": say(scene, "leads", "count", n=curve.ordinal(count)),
        },
        {"intensity_now": moment.now},
        "strong" if strong else "kept",
        settled=True,
        writes=(*writes(scene, moment), *curve.later(scene, moment)),
    )


@function(values=("added",))
async def add_to_moment(scene: Scene) -> Result:
    """Add to the entry what was told at the end: what happened, and with whom."""
    who, name = scene.person.id, str(scene.frame.values.get("entry"))
    said = {
        field: scene.frame.shown.get(field, scene.frame.answers[field])
        for field in ("trigger", "with")
        if field in scene.frame.answers
    }

    def write(tx: Tx) -> None:
        entry = tx.entry(who, name)
        if entry is not None:
            tx.save_entry(who, replace(entry, fields={**entry.fields, **said}))

    return Result(settled=True, writes=(write,))


@function("few", "shown", values=("curve",))
async def my_curve(scene: Scene) -> Result:
    """Tell the person's own curve in words, from five moments on."""
    found = curve.points(await history(scene))
    if len(found) < curve.LEAST:
        return Result({"curve": curve.LEAST - len(found)}, goto="few")
    return Result({"curve": curve.told(found, scene.text("moment")["curve"])}, goto="shown")
