"""Functions of the one practice: two weeks of one thing, and the map that gathering leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import cadence, prompts
from bot.coach.scene import Result, Scene, Write, function
from bot.lookback import numbers
from bot.schedule import rhythm
from bot.store import Entry, Person, Tx, new_id

WEEKS = 14
"""Days of one practice."""

ASKED_AT = time(18)
"""When the day after is asked about: the day is mostly over, the evening is not yet taken."""

_OPPOSITE = {"space": "toward", "chase": "away"}


def _known(scene: Scene, name: object) -> Mapping[str, Any] | None:
    listed: Any = scene.text("two_weeks")["practices"]
    return next((practice for practice in listed if practice["id"] == name), None)


@function(
    "none",
    "running",
    "over",
    values=("practice", "practice_when", "practice_where", "day", "practices"),
)
async def practice_state(scene: Scene) -> Result:
    """Whether a practice is chosen, and where in its two weeks it is."""
    running = scene.person.practice
    known = _known(scene, running.get("name"))
    if known is None:
        return Result({"practices": _listed(scene)}, goto="none")
    day = _day(scene)
    values = {
        "practice": known["text"],
        "practice_when": running.get("when", ""),
        "practice_where": running.get("where", ""),
        "day": min(day, WEEKS),
        "practices": _listed(scene),
    }
    return Result(values, goto="over" if day > WEEKS else "running")


def _day(scene: Scene) -> int:
    started = datetime.fromtimestamp(float(scene.person.practice["started"]), scene.now.tzinfo)
    today = cadence.today(scene.person, scene.now)
    return (today - cadence.today(scene.person, started)).days + 1


def _listed(scene: Scene) -> list[dict[str, str]]:
    """List what there is to practise: what most begin with first, then what fits the pull."""
    listed: Any = scene.text("two_weeks")["practices"]
    other = _OPPOSITE.get(scene.person.leaning or "")
    last = [p for p in listed if p.get("pull") is not None and p.get("pull") == other]
    fitting = [p for p in listed if p not in last]
    return [{"text": p["text"], "value": p["id"]} for p in (*fitting, *last)]


@function("shown", "none", values=("practice", "about", "small", "practices"))
async def show_practice(scene: Scene) -> Result:
    """Tell what the chosen one is."""
    known = _known(scene, scene.frame.answers.get("chosen"))
    if known is None:
        return Result({"practices": _listed(scene)}, goto="none")
    values = {"practice": known["text"], "about": known["about"], "small": known["small"]}
    return Result(values, goto="shown")


@function("tracking", "set", values=("practice",))
async def start_practice(scene: Scene) -> Result:
    """Begin two weeks of one thing; tomorrow is asked about, and the fourteenth day."""
    name = str(scene.frame.answers["chosen"])
    known = _known(scene, name) or {}
    chosen = {
        "name": name,
        "started": scene.now.timestamp(),
        "when": str(scene.answer("practice_when") or ""),
        "where": str(scene.answer("practice_where") or ""),
    }
    person = replace(scene.person, practice=chosen)
    goto = "tracking" if known.get("maps") else "set"
    return Result(goto=goto, settled=True, person=person, writes=(_planned(person, scene.now),))


def _planned(person: Person, now: datetime) -> Write:
    """Return the write that plans when the chosen practice is asked about."""

    def write(tx: Tx) -> None:
        tx.cancel_timers(person.id, kinds={prompts.PRACTICE_DAY, prompts.PRACTICE_LOOK})
        subject = str(person.practice["started"])
        fields = {"practice": person.practice["name"]}
        for kind, days in ((prompts.PRACTICE_DAY, 1), (prompts.PRACTICE_LOOK, WEEKS)):
            tx.set_timer(person.id, _evening(person, now, days), kind, subject, fields)

    return write


def _evening(person: Person, now: datetime, days: int) -> datetime:
    if person.zone is None:
        return now + timedelta(days=days)
    day = cadence.today(person, now) + timedelta(days=days)
    return rhythm.moment(day, ASKED_AT, ZoneInfo(person.zone))


@function("going", "gone", values=("practice", "practice_asked", "small"))
async def begin_practice_day(scene: Scene) -> Result:
    """Ask about the practice that is chosen; it may be another one by now, or none."""
    known = _known(scene, scene.person.practice.get("name"))
    if known is None:
        return Result(goto="gone")
    values = {"practice": known["text"], "practice_asked": known["ask"], "small": known["small"]}
    return Result(values, goto="going")


@function()
async def note_practised(scene: Scene) -> Result:
    """Keep how it went, as the day's own entry."""
    known = _known(scene, scene.person.practice.get("name"))
    how, who = scene.frame.shown.get("practised"), scene.person.id
    if known is None or how is None or scene.person.consent is None:
        return Result()
    fields = {"practice": known["text"], "practised": how}
    entry = Entry(new_id(), "practice", scene.now, scene.now, scene.person.zone, fields)
    person = cadence.answered(scene.person)
    return Result(settled=True, person=person, writes=(lambda tx: tx.save_entry(who, entry),))


@function()
async def change_when(scene: Scene) -> Result:
    """Move the practice to another moment of the day; tomorrow is asked about again."""
    changed = {**scene.person.practice, "when": str(scene.answer("practice_when") or "")}
    person = replace(scene.person, practice=changed)
    return Result(settled=True, person=person, writes=(_asked_again(person, scene.now),))


@function()
async def make_small(scene: Scene) -> Result:
    """Go on with the smallest piece of it; tomorrow is asked about again."""
    person = replace(scene.person, practice={**scene.person.practice, "small": True})
    return Result(settled=True, person=person, writes=(_asked_again(person, scene.now),))


def _asked_again(person: Person, now: datetime) -> Write:
    due, subject = _evening(person, now, 1), now.isoformat()
    return lambda tx: tx.set_timer(person.id, due, prompts.PRACTICE_DAY, subject, {})


@function()
async def put_practice_away(scene: Scene) -> Result:
    """Let the practice go; what was kept on the way stays."""
    who = scene.person.id
    kinds = {prompts.PRACTICE_DAY, prompts.PRACTICE_LOOK}
    return Result(
        settled=True,
        person=replace(scene.person, practice={}),
        writes=(lambda tx: tx.cancel_timers(who, kinds=kinds),),
    )


@function()
async def keep_practice(scene: Scene) -> Result:
    """Two more weeks of the same."""
    chosen = {**scene.person.practice, "started": scene.now.timestamp()}
    person = replace(scene.person, practice=chosen)
    return Result(settled=True, person=person, writes=(_planned(person, scene.now),))


@function("map", "empty", "look", "gone", values=("practice", "looked", "map_text", "map"))
async def look_practice(scene: Scene) -> Result:
    """Look back at the two weeks: the map where things were gathered, else how it went."""
    known, who = _known(scene, scene.person.practice.get("name")), scene.person.id
    if known is None:
        return Result(goto="gone")
    started = datetime.fromtimestamp(float(scene.person.practice["started"]), scene.now.tzinfo)
    entries = await scene.store.read(lambda tx: tx.entries(who, since=started))
    values = {"practice": known["text"]}
    if known.get("maps"):
        # The day it began and the day it ends are both in it.
        found = numbers.numbers(entries, days=WEEKS + 1, now=scene.now, zone=scene.person.zone)
        goto = "map" if found.triggers else "empty"
        top = [count.text for count in found.triggers[: numbers.TOP]]
        return Result({**values, "map_text": _map(scene, found), "map": top}, goto=goto)
    return Result({**values, "looked": _looked(scene, entries, known["text"])}, goto="look")


def _map(scene: Scene, found: numbers.Numbers) -> str:
    texts = scene.text("two_weeks")["say"]
    listed = ", ".join(f"{count.text} ({count.n})" for count in found.triggers[: numbers.TOP])
    if not listed:
        return str(texts["map_none"])
    lines = [texts["map"].format(list=listed)]
    if found.top.share is None:
        lines.append(texts["map_few"].format(n=found.top.of))
    else:
        percent = round(100 * found.top.share)
        lines.append(texts["map_share"].format(percent=percent, n=found.top.n, of=found.top.of))
    return "\n".join(lines)


def _looked(scene: Scene, entries: list[Entry], name: str) -> str:
    texts = scene.text("two_weeks")["say"]
    told = [str(e.fields.get("practised", "")) for e in entries if e.fields.get("practice") == name]
    names = scene.text("two_weeks")["how"]
    done = sum(1 for how in told if how == names["done"])
    bit = sum(1 for how in told if how == names["a_bit"])
    if not done and not bit:
        return str(texts["looked_none"])
    counted = (("looked_done", done), ("looked_bit", bit))
    parts = [texts[name].format(n=n) for name, n in counted if n]
    return str(texts["looked"].format(parts=", ".join(parts)))
