"""What a card does besides talking: what it writes down, stops, closes and remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.coach import prompts
from bot.coach.calls import Remove
from bot.coach.scene import Result, Scene, function
from bot.flows.engine import plain
from bot.flows.session import Session
from bot.lookback.numbers import LEFT_OUT
from bot.schedule import rhythm
from bot.store import Event, Person, Tx, new_id

Tier = Literal["hard", "soft", "abuse", "control", "third", "fault"]

FLOWS: Mapping[str, str] = {
    "hard": "card_hard",
    "soft": "card_soft",
    "abuse": "card_abuse",
    "control": "card_control",
    "third": "card_third",
}
"""The flow of each tier's card."""

_TIERS: Mapping[str, Tier] = {
    "card_hard": "hard",
    "card_soft": "soft",
    "card_abuse": "abuse",
    "card_control": "control",
    "card_third": "third",
}

URGENT = frozenset({"hard", "abuse"})
"""Tiers that stop every waiting timer, and after which nothing comes unasked for a day."""

REST = timedelta(hours=24)
"""So long after an urgent card nothing comes unasked but the check that was agreed."""

QUIET = timedelta(hours=12)
"""So long a soft rule stays quiet once the person said what it was."""

CLOSED = timedelta(days=7)
"""So long after an abuse card nothing suggests waiting, sharing, staying or coming back."""

TWICE = timedelta(hours=24)
"""Within so long the same card says something else than the last time."""

REMOVED = timedelta(minutes=30)
"""How far back *remove these messages* goes: as far as the screener's window."""

DELETABLE = timedelta(hours=48)

MORNING = time(9)
SLEEP = timedelta(hours=10)
"""The check next morning: by the person's clock, or so long from now where that is not known."""

SOON = timedelta(hours=4)

APART = LEFT_OUT
"""The value of a frame, and then the field of an entry, that keeps it out of look backs."""

LAST = "last"
DOORS = "doors"
SINCE = "since"
"""Names under which a session remembers cards."""

_FIRM = frozenset({"attempt", "neck", "harm"})
"""Families that have a sentence of their own the second time too."""

_NO_ANSWER = ("else",)
"""Steps of a card at which danger is not an answer but a new card."""


# --- before a card ---------------------------------------------------------------------------


def is_quiet(cards: Mapping[str, Any], tier: str, rule: str, now: datetime) -> bool:
    """Whether the person said a short while ago what this rule heard; only a soft one rests."""
    return tier == "soft" and now.timestamp() < float(cards.get(f"quiet:{rule}", 0))


def is_part_of(session: Session, tier: str) -> bool:
    """Whether the words belong to the card that is open: the same one never comes twice."""
    base, top = session.base, session.top
    if base is None or top is None or top.step in _NO_ANSWER:
        return False
    open_tier = _TIERS.get(base.flow)
    return open_tier == tier or (open_tier == "hard" and tier == "soft")


def stays_apart(tier: str, family: str) -> bool:
    """Whether what was written is kept out of look backs: it must never count as progress."""
    return tier in {"abuse", "control"} or (tier == "third" and family == "harm")


def happened(person: Person, now: datetime, tier: Tier, rule: str) -> Callable[[Tx], object]:
    """Return the write that keeps an event: its time, its tier and its rule, never the words."""
    event = Event(new_id(), now, tier, rule)
    return lambda tx: tx.add_event(person.id, event)


def resting(events: Iterable[Event], now: datetime) -> bool:
    """Whether an urgent card came so lately that nothing may come unasked."""
    return any(event.tier in URGENT and now - event.at < REST for event in events)


# --- opening ---------------------------------------------------------------------------------


@function(
    *("wish", "plan", "attempt", "injury", "said", "unsaid", "again"),
    *("neck", "coercion", "harm", "asked", "attempt_again", "neck_again", "harm_again"),
    values=("line", "text_line"),
)
async def card_open(scene: Scene) -> Result:
    """Write down that a card is shown, stop what waits, and choose its sentence.

    Without the yes to keeping, the event goes with everything else within a day.
    """
    flow, now, who = scene.frame.flow, scene.now, scene.person.id
    tier = _TIERS[flow]
    family = _family(scene)
    shown = f"{flow}.{family}"
    last, at = (*scene.session.cards.get(LAST, ()), "", 0.0)[:2]
    if last == shown and now.timestamp() - float(at) < TWICE.total_seconds():
        family = f"{family}_again" if family in _FIRM else "again"
        shown = f"{flow}.{family}"
    rule = str(scene.frame.values.get("rule") or f"{tier}.button")
    cards: dict[str, Any] = {LAST: [shown, now.timestamp()], SINCE: now.timestamp()}
    writes = [happened(scene.person, now, tier, rule)]
    if tier in URGENT:
        writes.append(lambda tx: tx.cancel_timers(who, kinds=prompts.STOPPED_BY_CARDS))
    if tier == "abuse":
        cards[DOORS] = (now + CLOSED).timestamp()
    return Result(
        {"line": _line(scene), "text_line": _text_lines(scene)},
        goto=family,
        writes=tuple(writes),
        cards=cards,
    )


def _family(scene: Scene) -> str:
    """Return the outcome that stands for what was heard."""
    said = scene.frame.answers.get("said", scene.frame.values.get("said"))
    if scene.frame.flow == "card_hard" and said in {"yes", "unsaid"}:
        return "said" if said == "yes" else "unsaid"
    return str(scene.frame.values.get("family") or "asked")


def _line(scene: Scene) -> str:
    """Return the country's first line, or the directory."""
    fresh = fresh_lines(scene)
    if fresh:
        return f"{fresh[0]['name']} {fresh[0]['number']}"
    return str(scene.text("helplines")["directory"])


def _text_lines(scene: Scene) -> str:
    """Return the country's lines that take typed words, and the directory."""
    typed = [
        f"{line['name']} {line['number']}"
        for line in fresh_lines(scene)
        if not {"text", "chat"}.isdisjoint(line.get("channels", ()))
    ]
    return "\n".join([*typed, str(scene.text("helplines")["directory"])])


def fresh_lines(scene: Scene, iso: str | None = None, of: str = "lines") -> list[Any]:
    """Return a country's lines that were checked within a year; by default the person's own."""
    iso = iso or scene.person.country
    countries: Any = scene.text("helplines").get("countries", ())
    known = next((country for country in countries if country["iso"] == iso), None)
    today = scene.now.astimezone(ZoneInfo("UTC")).date()
    lines = known.get(of, ()) if known else ()
    return [line for line in lines if today - line["verified_on"] <= FRESH]


FRESH = timedelta(days=365)
"""How long a helpline's record counts; after that the directory stands alone."""


# --- answers ---------------------------------------------------------------------------------


@function("yes", "no", "unclear")
async def yes_or_no(scene: Scene) -> Result:
    """Read a typed yes or no; the words themselves are let go."""
    said = plain(str(scene.frame.answers.get("said", "")))
    words: Any = scene.text("phrases")
    for answer in ("yes", "no"):
        for word in map(plain, words[answer]):
            if said == word or said.startswith(f"{word} "):
                return Result(answers={"said": answer}, goto=answer)
    return Result(answers={"said": "unsaid"}, goto="unclear")


@function()
async def a_moment(scene: Scene) -> Result:
    """Let this soft rule rest for a while: the person said what it was."""
    rule = str(scene.frame.values.get("rule") or "")
    until = (scene.now + QUIET).timestamp()
    return Result(cards={f"quiet:{rule}": until} if rule else {})


@function()
async def mistaken(scene: Scene) -> Result:
    """Open again what the card closed: something else was meant."""
    del scene
    return Result(cards={DOORS: 0.0})


@function("ask", "set")
async def morning_known(scene: Scene) -> Result:
    """Whether a check next morning is agreed already."""
    who = scene.person.id
    timers = await scene.store.read(lambda tx: tx.timers(who))
    return Result(goto="set" if any(t.kind == prompts.MORNING for t in timers) else "ask")


@function()
async def agree_morning(scene: Scene) -> Result:
    """Set the check that was agreed: next morning by the person's clock."""
    due, who = _morning(scene.now, scene.person.zone), scene.person.id
    subject = due.date().isoformat()
    return Result(writes=(lambda tx: tx.set_timer(who, due, prompts.MORNING, subject, {}),))


def _morning(now: datetime, zone: str | None) -> datetime:
    if zone is None:
        return now + SLEEP
    due = rhythm.following(now, MORNING, ZoneInfo(zone))[1]
    return due if due - now >= SOON else rhythm.following(due, MORNING, ZoneInfo(zone))[1]


@function("removed", "nothing")
async def remove_these(scene: Scene) -> Result:
    """Remove from the chat what was said since the card, and a little before."""
    since = float(scene.session.cards.get(SINCE, scene.now.timestamp()))
    who = scene.person.id
    seen = await scene.store.read(lambda tx: tx.sightings(who))
    these = [
        sighting.message_id
        for sighting in seen
        if sighting.at.timestamp() >= since - REMOVED.total_seconds()
        and scene.now - sighting.at < DELETABLE
    ]
    if not these:
        return Result(goto="nothing")
    return Result(
        goto="removed",
        calls=(Remove(tuple(these)),),
        writes=(lambda tx: tx.forget_sightings(who, these),),
    )


@function("line", "none", values=("abuse_line",))
async def abuse_lines(scene: Scene) -> Result:
    """Give the country's lines for violence, where two named sources agree on one."""
    lines = fresh_lines(scene, of="abuse")
    shown = "\n".join(f"{line['name']}: {line['number']}" for line in lines)
    return Result({"abuse_line": shown}, goto="line" if lines else "none")


@function("draft", "plain")
async def card_close(scene: Scene) -> Result:
    """Whether something was left unfinished that can be taken up later."""
    who = scene.person.id
    since = float(scene.session.cards.get(SINCE, 0))
    drafts = await scene.store.read(lambda tx: tx.drafts(who))
    return Result(
        goto="draft" if any(d.written_at.timestamp() >= since for d in drafts) else "plain"
    )


# --- afterwards ------------------------------------------------------------------------------


@function("open", "closed")
async def doors(scene: Scene) -> Result:
    """Whether waiting, sharing a need, staying and saying when to be back may be suggested.

    After an abuse card they may not for a week, unless the person says that something else was
    meant, or erases what is kept of it in the settings.
    """
    until = float(scene.session.cards.get(DOORS, 0))
    return Result(goto="closed" if scene.now.timestamp() < until else "open")


@function("draft", "plain", values=("item",))
async def left_open(scene: Scene) -> Result:
    """Find what a card interrupted, once some time has passed since."""
    since = float(scene.session.cards.get(SINCE, 0))
    if not since or scene.now.timestamp() - since < timedelta(hours=1).total_seconds():
        return Result(goto="plain")
    who = scene.person.id
    drafts = await scene.store.read(lambda tx: tx.drafts(who))
    left = [d for d in drafts if abs(d.written_at.timestamp() - since) < 1]
    if not left:
        return Result(goto="plain")
    return Result({"item": left[-1].id}, goto="draft", cards={SINCE: 0})


@function("some", "none", values=("events_text",))
async def list_events(scene: Scene) -> Result:
    """Tell how many cards are on record, and what is kept of each."""
    who = scene.person.id
    events = await scene.store.read(lambda tx: tx.events(who))
    return Result({"events_text": len(events)}, goto="some" if events else "none")


@function()
async def erase_events(scene: Scene) -> Result:
    """Erase that cards were shown, and what they closed or left behind."""
    who = scene.person.id
    return Result(
        settled=True,
        writes=(lambda tx: tx.delete_events(who),),
        cards={name: 0 for name in scene.session.cards if name != LAST} | {LAST: []},
    )


@function("asked", "silent")
async def ask_worse(scene: Scene) -> Result:
    """Whether it is time to ask what made things worse: once a month, and not after a card."""
    person, now, who = scene.person, scene.now, scene.person.id
    last = float(person.said.get("worse", 0))
    events = await scene.store.read(lambda tx: tx.events(who))
    entries = await scene.store.read(lambda tx: tx.entries(who))
    old = [entry for entry in entries if now - entry.written_at >= MONTH]
    if now.timestamp() - last < MONTH.total_seconds() or resting(events, now) or not old:
        return Result(goto="silent")
    said = {**person.said, "worse": now.timestamp()}
    return Result(goto="asked", person=replace(person, said=said))


MONTH = timedelta(days=30)
