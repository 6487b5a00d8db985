"""Functions of rituals of connection: what, with whom, on which days, and how it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import cadence, prompts, when
from bot.coach.scene import Result, Scene, function
from bot.errors import RefusedAnswer
from bot.flows.engine import clipped, plain
from bot.schedule import rhythm
from bot.store import Entry, Tx, new_id

MOST = 8
"""Rituals of one person; more than these nobody keeps."""

AFTER = timedelta(hours=3)
"""So long after a ritual it is asked how it was, once."""

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
SHORT_MONTH = 28
"""The last day that every month has."""


# --- making one ------------------------------------------------------------------------------


@function("some", "none", "full", values=("rituals",))
async def list_rituals(scene: Scene) -> Result:
    """List the person's rituals as buttons."""
    listed = scene.person.rituals
    items = [
        {"text": clipped(str(ritual["what"]), 40), "value": name} for name, ritual in listed.items()
    ]
    goto = "none" if not items else "full" if len(items) >= MOST else "some"
    return Result({"rituals": items}, goto=goto)


@function("read", "short_months", "refused", values=("rule", "days_read", "month_day", "refusal"))
async def read_days(scene: Scene) -> Result:
    """Read on which days a ritual is: tapped, or typed as ``Mon, Thu`` or ``every 31st``."""
    words = scene.text("words")["recurring"]
    said = scene.frame.answers.get("days")
    text = ", ".join(said) if isinstance(said, list | tuple) else str(said or "")
    found = rule(text, words)
    if found is None:
        raise RefusedAnswer(scene.library.phrases.say["no_such_days"])
    month_day = re.fullmatch(r"FREQ=MONTHLY;BYMONTHDAY=(\d+)", found)
    values = {"rule": found, "days_read": _reads(found, words)}
    if month_day and int(month_day[1]) > SHORT_MONTH:
        return Result({**values, "month_day": month_day[1]}, goto="short_months")
    return Result(values, goto="read")


def rule(text: str, words: Mapping[str, Any]) -> str | None:
    """Return the recurrence a text names, as RFC 5545 writes it; None for what cannot be read."""
    said = plain(text)
    for lead in words["leads"]:
        said = said.removeprefix(lead + " ")
    if said in words["named"]:
        return str(words["named"][said])
    if (
        nth := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?(?: of (?:the|each|every) month)?", said)
    ) and (
        1 <= int(nth[1]) <= 31  # noqa: PLR2004 - days of a month
    ):
        return f"FREQ=MONTHLY;BYMONTHDAY={int(nth[1])}"
    parts = [part for part in said.split() if part not in words["joints"]]
    days = [words["days"].get(part.removesuffix("s")) or words["days"].get(part) for part in parts]
    if not days or None in days:
        return None
    ordered = sorted({str(day) for day in days}, key=DAYS.index)
    return f"FREQ=WEEKLY;BYDAY={','.join(ordered)}"


def _reads(found: str, words: Mapping[str, Any]) -> str:
    """Say a recurrence in words."""
    parts = dict(part.split("=") for part in found.split(";"))
    if "BYDAY" in parts:
        return ", ".join(words["shown"][day] for day in parts["BYDAY"].split(","))
    if "BYMONTHDAY" in parts:
        day = parts["BYMONTHDAY"]
        return str(words["last_day"] if day == "-1" else words["month_day"].format(day=day))
    return str(words["every_day"])


@function(values=("rule", "days_read"))
async def on_last_day(scene: Scene) -> Result:
    """Let a monthly ritual come on the last day of every month."""
    found = "FREQ=MONTHLY;BYMONTHDAY=-1"
    return Result({"rule": found, "days_read": _reads(found, scene.text("words")["recurring"])})


@function(
    *("set", "quiet", "which", "zone", "refused", "skipped"),
    values=("refusal", "times", "ritual_at", "quiet", "first", "days_read", "ritual_id"),
)
async def make_ritual(scene: Scene) -> Result:
    """Keep the ritual and plan its first reminder."""
    answers, values, person = scene.frame.answers, scene.frame.values, scene.person
    if "ritual_time" not in answers:
        return Result(goto="skipped")
    found = when.clock_times(str(answers["ritual_time"]), scene.text("words")["clock"])
    if not found:
        raise RefusedAnswer(scene.library.phrases.say["no_such_time"])
    if len(found) > 1:
        texts = [f"{at:%H:%M}" for at in found]
        return Result({"times": [{"text": t, "value": t} for t in texts]}, goto="which")
    if person.zone is None:
        return Result(goto="zone")
    name, at = str(values.get("ritual_id") or new_id()[:8]), f"{found[0]:%H:%M}"
    ritual = {
        "what": str(scene.answer("what")),
        "with": str(scene.answer("ritual_with") or ""),
        "rule": str(values["rule"]),
        "days": str(values["days_read"]),
        "at": at,
        "since": cadence.today(person, scene.now).isoformat(),
    }
    person = replace(person, rituals={**person.rituals, name: ritual})
    first = _first(ritual, scene.now, ZoneInfo(str(person.zone)))
    if first is None:
        raise RefusedAnswer(scene.library.phrases.say["no_such_days"])
    quiet = f"{person.quiet_from}\N{EN DASH}{person.quiet_till}"
    return Result(
        {"ritual_at": at, "first": f"{first.day} {first:%B}", "ritual_id": name, "quiet": quiet},
        goto="quiet" if cadence.is_quiet(person, found[0]) else "set",
        settled=True,
        person=person,
        writes=(prompts.planned(person, scene.now),),
    )


def _first(ritual: Mapping[str, str], now: datetime, zone: ZoneInfo) -> date | None:
    start, at = date.fromisoformat(ritual["since"]), time.fromisoformat(ritual["at"])
    found = rhythm.recurring(ritual["rule"], start, at, zone, now)
    return found[0] if found else None


@function("shown", "gone", values=("ritual_text", "ritual"))
async def show_ritual(scene: Scene) -> Result:
    """Show one ritual."""
    name = str(scene.frame.answers.get("chosen"))
    ritual = scene.person.rituals.get(name)
    if ritual is None:
        return Result(goto="gone")
    parts = [str(ritual["what"]), str(ritual["with"]), f"{ritual['days']}, {ritual['at']}"]
    return Result({"ritual_text": "\n".join(p for p in parts if p), "ritual": name}, goto="shown")


@function()
async def drop_ritual(scene: Scene) -> Result:
    """Take a ritual out; what was kept about it stays."""
    name = str(scene.frame.values.get("ritual"))
    rituals = {key: value for key, value in scene.person.rituals.items() if key != name}
    person = replace(scene.person, rituals=rituals)
    return Result(settled=True, person=person, writes=(prompts.planned(person, scene.now),))


# --- when it is time -------------------------------------------------------------------------


@function("due", "gone", values=("ritual_line",))
async def begin_ritual(scene: Scene) -> Result:
    """Say which ritual it is time for."""
    ritual = scene.person.rituals.get(str(scene.frame.values.get("ritual")))
    if ritual is None:
        return Result(goto="gone")
    say = scene.library.phrases.say
    line = say["ritual_with"] if ritual["with"] else say["ritual_alone"]
    return Result(
        {"ritual_line": line.format(**{"what": ritual["what"], "with": ritual["with"]})}, goto="due"
    )


@function()
async def ask_after(scene: Scene) -> Result:
    """Ask in a few hours how it was, once."""
    name, now, who = str(scene.frame.values.get("ritual")), scene.now, scene.person.id
    subject = f"{name} {cadence.today(scene.person, now).isoformat()}"
    person = cadence.answered(scene.person)

    def write(tx: Tx) -> None:
        tx.set_timer(who, now + AFTER, prompts.RITUAL_AFTER, subject, {"ritual": name})

    return Result(settled=True, person=person, writes=(write,))


@function()
async def keep_ritual(scene: Scene) -> Result:
    """Keep how it was."""
    ritual = scene.person.rituals.get(str(scene.frame.values.get("ritual")), {})
    how = scene.frame.shown.get("how") or scene.frame.answers.get("how")
    who = scene.person.id
    if not how or scene.person.consent is None:
        return Result()
    fields = {
        "ritual": str(ritual.get("what", "")),
        "how": how,
        "with": str(ritual.get("with", "")),
    }
    kept = {name: value for name, value in fields.items() if value}
    entry = Entry(new_id(), "ritual", scene.now, scene.now, scene.person.zone, kept)
    return Result(settled=True, writes=(lambda tx: tx.save_entry(who, entry),))
