"""Functions of plans: when this happens, first that; made in calm, said when it comes up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import when
from bot.coach.keeping import FIELDS
from bot.coach.scene import Result, Scene, function
from bot.errors import RefusedAnswer
from bot.flows.engine import clipped, plain, shown
from bot.flows.practice import practices
from bot.lookback.numbers import PLAN
from bot.store import Entry, new_id

FIELDS[PLAN] = ("when", "first", "date")

LINE = 60
"""Characters of a plan that are said in the moment, or on its button."""

MOST = 40
"""Plans that are listed, the newest first."""

STEM = 3
"""Characters a word has before an ending makes no difference."""

_SAID = re.compile(r"(?:when|if) (.+?),? (?:then |first )+(?:i )?(.+)", re.IGNORECASE | re.DOTALL)


# --- finding ---------------------------------------------------------------------------------


async def plans(scene: Scene) -> list[Entry]:
    """Return the person's plans, the newest first; without consent there are none."""
    if scene.person.consent is None:
        return []
    who = scene.person.id
    entries = await scene.store.read(lambda tx: tx.entries(who))
    found = [entry for entry in entries if entry.kind == PLAN]
    found.sort(key=lambda one: str(one.fields.get("when")))
    return sorted(found, key=lambda one: one.edited_at or one.written_at, reverse=True)


def _today(scene: Scene) -> date:
    return scene.now.astimezone(ZoneInfo(scene.person.zone or "UTC")).date()


def _date(plan: Entry) -> date | None:
    try:
        return date.fromisoformat(str(plan.fields.get("date")))
    except ValueError:  # none, or changed by hand into words
        return None


def _first(plan: Entry) -> str:
    return " ".join(str(plan.fields.get("first") or "").split()).rstrip(".")


def meant(plan: Entry, happened: str, texts: Mapping[str, Any]) -> bool:
    """Whether a plan is for what happened: its *when* is in it, word after word.

    Small words and endings make no difference; more would be a guess.
    """
    wanted, said = (_words(str(one), texts) for one in (plan.fields.get("when") or "", happened))
    if not wanted or not _first(plan):
        return False
    ends = texts["endings"]
    return any(
        all(_same(a, b, ends) for a, b in zip(wanted, said[at:], strict=False))
        for at in range(len(said) - len(wanted) + 1)
    )


def _words(text: str, texts: Mapping[str, Any]) -> list[str]:
    words = plain(text).split()
    return [word for word in words if word not in texts["small"]] or words


def _same(one: str, other: str, endings: Sequence[str]) -> bool:
    short, long = sorted((one, other), key=len)
    end = long.removeprefix(short)
    return short == long or (len(short) >= STEM and end != long and end in endings)


async def coming_up(scene: Scene) -> str:
    """Return what someone wanted to do first in a moment like this one; empty without a plan.

    A moment is like this one when what happened was said just now, or when the plan has this day's
    date.
    """
    said = [shown(f.shown.get("trigger", f.answers.get("trigger"))) for f in scene.session.frames]
    kept, texts = await plans(scene), scene.text("moment")["plans"]
    today = _today(scene)
    dated = (one for one in kept if _date(one) == today and _first(one))
    named = (one for one in kept if any(meant(one, words, texts) for words in said))
    found = next(named, None) or next(dated, None)
    return _first(found) if found is not None else ""


@function("planned", "none", values=("plan_line",))
async def plan_for(scene: Scene) -> Result:
    """Say in one line what was planned for what happened, where something was."""
    happened = shown(scene.answer("trigger"))
    texts = scene.text("moment")["plans"]
    found = next((one for one in await plans(scene) if meant(one, happened, texts)), None)
    if found is None:
        return Result({"plan_line": ""}, goto="none")
    line = texts["line"].format(first=clipped(_first(found), LINE))
    return Result({"plan_line": line}, goto="planned")


# --- making and changing ---------------------------------------------------------------------


@function("some", "none", "given", "whole", values=("plans",))
async def plan_list(scene: Scene) -> Result:
    """List the plans; what came with the command is the beginning of a new one, or all of it."""
    said = str(scene.frame.values.get("argument") or "").strip()
    if said:
        parts = _SAID.fullmatch(said)
        if parts is not None:
            return Result(answers={"when": parts[1], "first": parts[2]}, goto="whole")
        return Result(answers={"when": re.sub(r"(?i)^(when|if) ", "", said)}, goto="given")
    kept = (await plans(scene))[:MOST]
    items = [{"text": clipped(_label(scene, one), LINE), "value": one.id} for one in kept]
    return Result({"plans": items}, goto="some" if items else "none")


def _label(scene: Scene, plan: Entry) -> str:
    day = _date(plan)
    text = f"{plan.fields.get('when', '')} → {_first(plan)}"
    return f"{_written(scene, day)}: {text}" if day else text


def _written(scene: Scene, day: date) -> str:
    dates = scene.text("lookback")["dates"]
    weekday, month = dates["days"][day.weekday()], dates["months"][day.month - 1]
    return str(dates["day"].format(weekday=weekday, day=day.day, month=month))


@function("shown", "gone", values=("plan_text", "entry"))
async def plan_open(scene: Scene) -> Result:
    """Show the plan that was chosen."""
    plan = await _chosen(scene, str(scene.frame.answers.get("chosen")))
    if plan is None:
        return Result(goto="gone")
    texts = scene.text("moment")["plans"]
    text = texts["whole"].format(when=plan.fields.get("when", ""), first=_first(plan))
    if (day := _date(plan)) is not None:
        text = f"{_written(scene, day)}. {text}"
    return Result({"plan_text": text, "entry": plan.id}, goto="shown", settled=True)


async def _chosen(scene: Scene, name: str) -> Entry | None:
    return next((one for one in await plans(scene) if one.id == name), None)


@function(values=("plan_when", "plan_first"))
async def plan_offers(scene: Scene) -> Result:
    """Offer what tends to happen, and the practices by name."""
    away = {word.text for word in scene.person.words if word.archived}
    happens = [f["text"] for f in scene.text("words")["families"]]
    happens += [w.text for w in scene.person.words if w.kind == "trigger"]
    known = [one.title for one in practices(scene.library.texts).values()]
    return Result(
        {
            "plan_when": _buttons(text for text in dict.fromkeys(happens) if text not in away),
            "plan_first": _buttons(title for title in known if title not in away),
        }
    )


def _buttons(texts: Iterable[str]) -> list[dict[str, str]]:
    return [{"text": text, "value": f"own:{n}"} for n, text in enumerate(texts)]


@function("some", "none", values=("map", "planned_for", "plan_first"))
async def map_next(scene: Scene) -> Result:
    """Take the next of what the map shows as what a plan is for."""
    left = list(scene.frame.values.get("map") or ())
    if not left:
        return Result(goto="none")
    offers = (await plan_offers(scene)).values["plan_first"]
    values = {"map": left[1:], "planned_for": left[0], "plan_first": offers}
    return Result(values, {"when": left[0]}, goto="some")


@function("some", "none", values=("following",))
async def map_more(scene: Scene) -> Result:
    """Whether the map shows something more that a plan could be for."""
    left = scene.frame.values.get("map") or ()
    return Result({"following": left[0]}, goto="some") if left else Result(goto="none")


@function(values=("entry",))
async def plan_keep(scene: Scene) -> Result:
    """Write the plan, or what was changed of it."""
    frame, who, now = scene.frame, scene.person.id, scene.now
    said = {
        name: text
        for name in ("when", "first")
        if (text := shown(scene.answer(name)).strip()) and name in frame.answers
    }
    kept = await _chosen(scene, str(frame.values.get("entry")))
    if kept is None:
        name = str(frame.values.get("entry") or new_id())
        kept = Entry(name, PLAN, now, now, scene.person.zone, said)
    else:
        kept = replace(kept, fields={**kept.fields, **said}, edited_at=now)
    plan = kept
    return Result({"entry": plan.id}, settled=True, writes=(lambda tx: tx.save_entry(who, plan),))


@function("set", "none", "refused", values=("plan_date", "refusal"))
async def plan_date(scene: Scene) -> Result:
    """Give the plan a date, or take the one it has away."""
    plan = await _chosen(scene, str(scene.frame.values.get("entry")))
    said, who, now = scene.frame.answers.get("date"), scene.person.id, scene.now
    if plan is None or said is None:
        return Result(goto="none")
    fields = {name: value for name, value in plan.fields.items() if name != "date"}
    day = None
    if said != "none":
        day = when.day(str(said), _today(scene))
        if day is None:
            raise RefusedAnswer(scene.library.phrases.say["no_such_day"])
        fields["date"] = day.isoformat()
    changed = replace(plan, fields=fields, edited_at=now)
    return Result(
        {"plan_date": _written(scene, day) if day else ""},
        goto="set" if day else "none",
        settled=True,
        writes=(lambda tx: tx.save_entry(who, changed),),
    )
