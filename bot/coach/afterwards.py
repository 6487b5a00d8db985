"""Functions around the moments: one that was left open, and how the next ones shall be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.coach.scene import Result, Scene, function
from bot.store import Tx

BEGUN = timedelta(hours=2)
"""After so long a moment that has no end yet was left."""

OLD = timedelta(days=14)
"""Older ones are let be."""

HOURS = 3
"""After how many hours it is asked what came after, where nothing else was chosen."""


@function("some", "none", values=("left_moment", "left_day"))
async def moment_left(scene: Scene) -> Result:
    """Find the last moment that was left without an end; each is mentioned once."""
    person, now = scene.person, scene.now
    entries = await scene.store.read(lambda tx: tx.entries(person.id, since=now - OLD))
    left = [
        entry
        for entry in entries
        if entry.kind == "activation"
        and entry.fields.get("over") is False
        and not entry.fields.get("mentioned")
        and now - entry.happened_at > BEGUN
    ]
    if not left:
        return Result(goto="none")

    def write(tx: Tx) -> None:
        for entry in left:  # the older ones are not brought up one by one
            tx.save_entry(person.id, replace(entry, fields={**entry.fields, "mentioned": True}))

    last = max(left, key=lambda one: one.happened_at)
    there = last.happened_at.astimezone(ZoneInfo(person.zone or "UTC"))
    dates = scene.text("lookback")["dates"]
    day = dates["day"].format(
        weekday=dates["days"][there.weekday()],
        day=there.day,
        month=dates["months"][there.month - 1],
    )
    return Result({"left_moment": last.id, "left_day": day}, goto="some", writes=(write,))


@function()
async def moment_ended(scene: Scene) -> Result:
    """Add to the moment that was left how strong it was at its end."""
    who, name = scene.person.id, str(scene.frame.values.get("left_moment"))
    said, now = scene.frame.answers.get("ended"), scene.now

    def write(tx: Tx) -> None:
        entry = tx.entry(who, name)
        if entry is not None and said is not None:
            fields = {**entry.fields, "intensity_now": said, "over": True}
            tx.save_entry(who, replace(entry, fields=fields, edited_at=now))

    return Result(settled=True, writes=(write,))


# --- how it shall be -------------------------------------------------------------------------


@function(values=("moment_text",))
async def look_moment(scene: Scene) -> Result:
    """Tell how things are set for the moments."""
    said, words = scene.person.said, scene.text("words")["settings"]
    hours = said.get("after_hours", HOURS)
    lines = (
        (words["pictures"], words["off"] if said.get("no_pictures") else words["on"]),
        (words["after"], words["hours"].format(hours=hours)),
        (words["hears"], words["heard"].get(str(said.get("hears")), words["none"])),
    )
    return Result({"moment_text": "\n".join(f"{name}: {value}" for name, value in lines)})


@function()
async def set_pictures(scene: Scene) -> Result:
    """With the moving picture of breathing, or in words alone."""
    return _said(scene, "no_pictures", scene.frame.answers.get("pictures") == "without")


@function()
async def set_after_hours(scene: Scene) -> Result:
    """After how many hours it is asked what came after."""
    chosen = str(scene.frame.answers.get("after_in") or "")
    return _said(scene, "after_hours", int(chosen)) if chosen.isdecimal() else Result()


def _said(scene: Scene, name: str, value: object) -> Result:
    said = {**scene.person.said, name: value}
    return Result(settled=True, person=replace(scene.person, said=said))
