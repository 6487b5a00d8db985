"""Functions that ask whether this is a time for something: parts, or the same once more."""

from __future__ import annotations

from datetime import timedelta

from bot.coach.scene import Result, Scene, function
from bot.flows.model import FLOW, NUMB

MUCH = 2
"""Points up on the scale after which a practice is stopped."""

HIGH = 7
"""From here on it is body first; story and parts stay closed."""

SOON = timedelta(hours=24)
"""So long after a hard moment there is no parts work, and so long between two parts."""


@function("open", "strong", "today", "resting")
async def parts_open(scene: Scene) -> Result:
    """Whether this is a time for parts: not at 7 or more, once a day, not after a hard moment."""
    who, now = scene.person.id, scene.now
    events, entries = await scene.store.read(
        lambda tx: (tx.events(who), tx.entries(who, since=now - SOON))
    )
    if any(event.tier in {"hard", "abuse"} and now - event.at < SOON for event in events):
        return Result(goto="resting")
    if any(entry.kind == "part" for entry in entries):
        return Result(goto="today")
    strength = scene.frame.answers.get("intensity_now", scene.frame.answers.get("intensity_before"))
    if isinstance(strength, int) and strength >= HIGH:
        return Result(goto="strong")
    return Result(goto="open")


@function("steady", "rising")
async def parts_close(scene: Scene) -> Result:
    """Whether it got stronger on the way."""
    before = scene.frame.answers.get("intensity_before")
    now = scene.frame.answers.get("intensity_now")
    if isinstance(before, int) and (now == NUMB or (isinstance(now, int) and now >= before + MUCH)):
        return Result(goto="rising")
    return Result(goto="steady")


@function()
async def anew(scene: Scene) -> Result:
    """Begin again the flow that is already open."""
    return Result(goto=FLOW + str(scene.frame.values["flow"]))
