"""Functions that answer a request: look back, export, take in, delete, hide, helplines."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from bot.coach import cards
from bot.coach.calls import Attach, Remove, Say
from bot.coach.scene import Result, Scene, function
from bot.errors import RefusedAnswer, TelegramTrouble
from bot.flows import markup
from bot.flows.engine import plain
from bot.lookback import importing, numbers, words
from bot.lookback.numbers import LEFT_OUT

WINDOW = 14
"""Days of a look back when none are named: the two weeks of the map."""

DELETABLE = timedelta(hours=48)
"""Telegram lets a bot delete messages younger than this."""


@function("some", values=("summary",))
async def summarise(scene: Scene) -> Result:
    """Look back over so many days in plain words."""
    who = scene.person.id
    entries = await scene.store.read(lambda tx: tx.entries(who))
    asked = scene.frame.answers.get("days") or scene.frame.values.get("argument")
    found = numbers.numbers(entries, days=_days(asked), now=scene.now, zone=scene.person.zone)
    return Result({"summary": words.summary(found, scene.text("lookback"))}, goto="some")


def _days(asked: object) -> int | None:
    text = plain(str(asked or ""))
    if text == "all":
        return None
    first = text.partition(" ")[0].partition("_")[0]
    return min(max(int(first), 1), 3660) if first.isascii() and first.isdecimal() else WINDOW


@function()
async def export(scene: Scene) -> Result:
    """Send everything that is kept, made when it is sent."""
    whole = scene.frame.answers.get("apart") != "without"
    caption = scene.library.phrases.say["caption_export" if whole else "caption_export_part"]
    return Result(calls=(Attach("export", {} if whole else {"left_out": False}, caption),))


@function("ask", "plain")
async def export_asks(scene: Scene) -> Result:
    """Whether something is kept out of look backs: then the file asks first."""
    who = scene.person.id
    entries, drafts, events = await scene.store.read(
        lambda tx: (tx.entries(who), tx.drafts(who), tx.events(who))
    )
    apart = any(entry.fields.get(LEFT_OUT) is True for entry in entries)
    apart = apart or any(d.frame.get("values", {}).get(LEFT_OUT) for d in drafts)
    return Result(goto="ask" if apart or events else "plain")


@function("taken", "refused", values=("taken_in", "refusal"))
async def take_in(scene: Scene) -> Result:
    """Take an export in that the person sent; nothing changes when it cannot be read."""
    say = scene.library.phrases.say
    if int(scene.frame.values.get("size") or 0) > importing.LIMIT:
        raise RefusedAnswer(say["file_too_big"])
    try:
        content = await scene.fetch(str(scene.frame.values["file_id"]))
    except TelegramTrouble as error:
        raise RefusedAnswer(say["file_not_fetched"]) from error
    imported = await asyncio.to_thread(importing.read, content)
    who, now = scene.person.id, scene.now
    # Counted before the turn commits, in a transaction of its own: merging twice changes nothing.
    counts = await scene.store.write(lambda tx: importing.merge(tx, who, imported, now))
    filled = say["taken_in"].format(
        new=counts.new, newer=counts.newer, same=counts.same, drafts=counts.drafts
    )
    return Result({"taken_in": filled}, goto="taken", settled=True)


@function()
async def erase(scene: Scene) -> Result:
    """Delete the person: every row and the key that opens them."""
    who = scene.person.id
    goodbye = Say(markup.escape(scene.library.phrases.say["deleted"]), keyboard=())
    return Result(
        {"forgotten": True},
        settled=True,
        calls=(goodbye,),
        writes=(lambda tx: tx.delete_person(who),),
        gone=True,
    )


@function("hidden", "nothing", values=("hidden",))
async def hide(scene: Scene) -> Result:
    """Remove from the chat what Telegram lets a bot remove."""
    who = scene.person.id
    seen = await scene.store.read(lambda tx: tx.sightings(who))
    young = [s.message_id for s in seen if scene.now - s.at < DELETABLE]
    if not young:
        return Result(goto="nothing")
    return Result(
        {"hidden": len(young)},
        goto="hidden",
        settled=True,
        calls=(Remove(tuple(young)),),
        writes=(lambda tx: tx.forget_sightings(who, young),),
    )


# --- helplines -------------------------------------------------------------------------------


@function("known", "suggested", "unknown", values=("country", "country_name", "suggested"))
async def country_known(scene: Scene) -> Result:
    """Whether the country is known, or can be suggested from the zone; it is never guessed."""
    countries = scene.text("helplines")["countries"]
    mine = next((c for c in countries if c["iso"] == scene.person.country), None)
    if mine is not None:
        return Result({"country": mine["iso"], "country_name": mine["name"]}, goto="known")
    near = next((c for c in countries if scene.person.zone in c.get("zones", ())), None)
    if near is not None:
        offered = [{"text": near["name"], "value": near["name"]}]
        return Result({"suggested": offered, "country_name": near["name"]}, goto="suggested")
    return Result({"suggested": []}, goto="unknown")


@function(values=("lines",))
async def helplines(scene: Scene) -> Result:
    """Show the country's lines; a record older than a year gives way to the directory."""
    data = scene.text("helplines")
    say = scene.library.phrases.say
    iso = scene.frame.values.get("country")
    country: Any = next((c for c in data["countries"] if c["iso"] == iso), None)
    if country is None:
        return Result({"lines": data["directory"]})
    rows = [f"{say['emergency_now']}: {country['emergency']}"]
    fresh = cards.fresh_lines(scene, str(iso))
    rows += [f"{line['name']}: {line['number']}" for line in fresh]
    violence = cards.fresh_lines(scene, str(iso), of="abuse")
    found = [f"{line['name']} {line['number']}" for line in violence]
    rows.append(f"{say['abuse_line']}: {', '.join(found) or say['no_abuse_line']}")
    rows.append(f"{say['more_lines']}: {data['directory']}")
    return Result({"lines": "\n".join(rows)})
