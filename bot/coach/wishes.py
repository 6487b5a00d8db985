"""Functions that set what a person wants: consent, what comes first, zone, daily note, looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from bot.coach import prompts
from bot.coach.scene import Result, Scene, function
from bot.errors import RefusedAnswer
from bot.flows.engine import plain
from bot.flows.model import FLOW
from bot.schedule import rhythm
from bot.store import Consent, Person

NEAR = timedelta(minutes=8)
"""How far a person's clock may be off when it is matched with zones."""


# --- consent ---------------------------------------------------------------------------------


@function("then", "leaning", "done")
async def agree(scene: Scene) -> Result:
    """Write down the yes: which text, when; adult, as the button says."""
    version = str(scene.text("words")["consent"]["version"])
    given = Consent(version, scene.now)
    person = replace(scene.person, adult=True, consents=(*scene.person.consents, given))
    then = scene.frame.values.get("then")
    goto = FLOW + str(then) if then else ("done" if person.leaning else "leaning")
    return Result(goto=goto, settled=True, person=person)


@function()
async def decline(scene: Scene) -> Result:
    """Take a no: nothing is kept, nothing is held against anyone."""
    return Result({"forgotten": True}, settled=True, person=replace(scene.person, adult=True))


@function()
async def under_age(scene: Scene) -> Result:
    """Remember that this person is under 18; nothing else is kept."""
    person = replace(scene.person, adult=False)
    return Result({"forgotten": True}, settled=True, person=person)


@function("given", "none", values=("agreed_at",))
async def consent_state(scene: Scene) -> Result:
    """Tell whether there is a consent in force, and since when."""
    consent = scene.person.consent
    if consent is None:
        return Result(goto="none")
    return Result({"agreed_at": consent.given_at.strftime("%d %B %Y")}, goto="given")


@function()
async def withdraw(scene: Scene) -> Result:
    """Take the consent back: nothing new is kept, and what there is goes within a day."""
    *before, last = scene.person.consents
    ended = replace(last, withdrawn_at=scene.now)
    person = replace(scene.person, consents=(*before, ended), checkin_at=None)
    person = replace(person, morning_at=None, practice={}, rituals={}, cadence={})
    who = person.id
    return Result(
        {"forgotten": True},
        settled=True,
        person=person,
        writes=(lambda tx: tx.cancel_timers(who),),
    )


# --- what comes first, and looks -------------------------------------------------------------


@function()
async def set_leaning(scene: Scene) -> Result:
    """Remember what would help first: an order of things, never a label."""
    leaning = scene.frame.answers.get("leaning")
    return Result(settled=True, person=replace(scene.person, leaning=leaning))


@function()
async def set_emoji(scene: Scene) -> Result:
    """With or without emoji."""
    wanted = scene.frame.answers.get("emoji") == "with"
    return Result(settled=True, person=replace(scene.person, emoji=wanted))


# --- the zone --------------------------------------------------------------------------------


@function("known", "unknown")
async def zone_known(scene: Scene) -> Result:
    """Whether the person's zone is known."""
    return Result(goto="known" if scene.person.zone else "unknown")


@function(values=("clocks",))
async def clocks(scene: Scene) -> Result:
    """Offer the clock times it is now somewhere on whole hours from UTC."""
    shown = {(scene.now + timedelta(hours=offset)).strftime("%H:%M") for offset in range(-11, 13)}
    return Result({"clocks": [{"text": t, "value": t} for t in sorted(shown)]})


@function("zones", "refused", "set", "skipped", values=("zones", "refusal", "zone"))
async def find_zones(scene: Scene) -> Result:
    """Turn a clock time into likely zones, or a city or zone into the one it means."""
    said = str(scene.frame.answers.get("place", ""))
    if not said:
        return Result(goto="skipped")
    say = scene.library.phrases.say
    at = rhythm.clock_time(said) if any(c.isdigit() for c in said) else None
    if at is not None:
        listed = [str(zone) for zone in scene.text("words")["zones"]]
        found = [zone for zone in listed if _is_now(scene.now, at, zone)]
        if not found:
            raise RefusedAnswer(say["no_zone_at_that_time"])
    else:
        found = zones_named(said, scene.text("words")["cities"])
        if not found:
            raise RefusedAnswer(say["no_such_place"])
        if len(found) == 1:
            return _zone_set(scene, found[0])
    offered = [{"text": city(zone), "value": zone} for zone in found[:9]]
    return Result({"zones": offered}, goto="zones")


def _is_now(now: datetime, at: time, zone: str) -> bool:
    there = now.astimezone(ZoneInfo(zone))
    meant = there.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    off = abs(there - meant)
    return min(off, timedelta(days=1) - off) <= NEAR


def zones_named(said: str, cities: dict[str, str]) -> list[str]:
    """Return the zones that a typed place can mean; the exact one alone when there is one."""
    wanted = plain(said.replace("_", " ").replace("/", " "))
    if not wanted:
        return []
    if wanted in cities:
        return [cities[wanted]]
    names = {zone: plain(zone.replace("_", " ").replace("/", " ")) for zone in _places()}
    exact = [z for z, name in names.items() if wanted in {name, plain(city(z))}]
    if exact:
        return exact[:1]
    return sorted(z for z, name in names.items() if f" {name} ".find(f" {wanted} ") >= 0)


def _places() -> Iterable[str]:
    old = ("Etc/", "SystemV/", "posix/", "right/", "US/", "Canada/", "Brazil/", "Mexico/", "Chile/")
    return (z for z in sorted(available_timezones()) if z == "UTC" or not z.startswith(old))


def city(zone: str) -> str:
    """Return the city a zone is named after: ``Europe/Berlin`` is ``Berlin``."""
    return zone.rpartition("/")[2].replace("_", " ")


@function("set", "skipped", values=("zone",))
async def set_zone(scene: Scene) -> Result:
    """Remember the zone that was chosen."""
    if "zone_chosen" not in scene.frame.answers:
        return Result(goto="skipped")
    return _zone_set(scene, str(scene.frame.answers["zone_chosen"]))


def _zone_set(scene: Scene, zone: str) -> Result:
    person = replace(scene.person, zone=zone)
    return Result(
        {"zone": city(zone)}, goto="set", settled=True, person=person, writes=_moved(scene, person)
    )


# --- the daily note --------------------------------------------------------------------------


def _moved(scene: Scene, person: Person) -> tuple[Any, ...]:
    """Return the writes that move whatever recurs to where it belongs now."""
    return (prompts.planned(person, scene.now),)


@function("daily", "no_daily", values=("settings_text",))
async def look_settings(scene: Scene) -> Result:
    """Tell how things are set."""
    person = scene.person
    words = scene.text("words")["settings"]
    none = words["none"]
    lines = (
        (words["zone"], city(person.zone) if person.zone else none),
        (words["daily"], person.checkin_at or none),
        (words["first"], words["leanings"].get(person.leaning or "", none)),
        (words["emoji"], words["on"] if person.emoji else words["off"]),
    )
    text = "\n".join(f"{name}: {value}" for name, value in lines)
    return Result({"settings_text": text}, goto="daily" if person.checkin_at else "no_daily")


@function("set", "refused", "skipped", values=("refusal", "country_name"))
async def set_country(scene: Scene) -> Result:
    """Remember the country whose numbers are shown, after it was asked for in calm."""
    if "country" not in scene.frame.answers:
        return Result(goto="skipped")
    said = plain(str(scene.frame.answers["country"]))
    for country in scene.text("helplines")["countries"]:
        if said in {plain(country["name"]), plain(country["iso"]), *country.get("also", ())}:
            person = replace(scene.person, country=country["iso"])
            keep = scene.person.consent is not None
            return Result(
                {"country_name": country["name"], "country": country["iso"]},
                goto="set",
                person=person if keep else None,
            )
    raise RefusedAnswer(scene.library.phrases.say["no_such_country"])
