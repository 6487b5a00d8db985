"""Functions of words to share: drafts from templates, space with a time to be back, company."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import prompts, waits
from bot.coach.now import kept, measured, moment_of, writes
from bot.coach.scene import Result, Scene, Write, function
from bot.coach.waits import closed, pulled
from bot.flows.engine import plain
from bot.schedule import rhythm
from bot.store import Entry, Tx, Word, new_id

STEADY = "steady"
"""The kind of own word that names someone who feels steady."""

MORNING = time(9)
FORENOON = time(10)
EVENING = time(21)

SHORT = 30
"""Characters of a name that is short enough to be a button next time."""

_STATE = ("moment", "forgotten", "visit")


def _table(scene: Scene, name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = scene.text("moment")[name]
    return table


# --- words -----------------------------------------------------------------------------------


@function("hears", "feeling", "urgent", "elsewhere", "closed", values=_STATE)
async def words_begin(scene: Scene) -> Result:
    """Open the door to words: how the other takes them is asked once, before the first."""
    moment = pulled(scene, moment_of(scene))
    values = kept(moment, visit=scene.session.turn)
    if await closed(scene):
        return Result(values, goto="closed")
    known = scene.person.said.get("hears")
    if known == "angry":
        return Result(values, goto="elsewhere")
    return Result(values, goto=_first_words(scene) if known else "hears")


def _first_words(scene: Scene) -> str:
    """Return where words begin: with the feeling, or at once where something can't wait."""
    return "urgent" if scene.frame.values.get("urgent") else "feeling"


@function("feeling", "urgent", "elsewhere")
async def set_hears(scene: Scene) -> Result:
    """Remember how words like these are taken; it is asked once, and can be changed."""
    hears = str(scene.frame.answers.get("hears") or "skipped")
    person = replace(scene.person, said={**scene.person.said, "hears": hears})
    keep = scene.person.consent is not None
    return Result(
        goto="elsewhere" if hears == "angry" else _first_words(scene),
        person=person if keep else None,
    )


@function(values=("needs",))
async def offer_needs(scene: Scene) -> Result:
    """Offer small things to ask for."""
    needs = _table(scene, "needs")
    return Result({"needs": [{"text": n["text"], "value": key} for key, n in needs.items()]})


@function(values=("draft", "tone", *_STATE))
async def make_draft(scene: Scene) -> Result:
    """Set the draft: what I feel, one small thing to ask for, and what I saw if wanted."""
    return _drafted(scene, "plain")


@function(values=("draft", "tone", *_STATE))
async def shorter_draft(scene: Scene) -> Result:
    """Set it shorter."""
    return _drafted(scene, "short")


@function(values=("draft", "tone", *_STATE))
async def gentler_draft(scene: Scene) -> Result:
    """Set it gentler."""
    return _drafted(scene, "gentle")


@function(values=("draft", "tone", *_STATE))
async def clearer_draft(scene: Scene) -> Result:
    """Set it clearer."""
    return _drafted(scene, "clear")


@function(values=("draft", "tone", *_STATE))
async def saw_draft(scene: Scene) -> Result:
    """Put what was seen or heard in front of it."""
    return _drafted(scene, "seen")


@function(values=("draft", "tone", *_STATE))
async def urgent_draft(scene: Scene) -> Result:
    """Set a line for what can't wait: safety, the children, tonight."""
    return _out(scene, _urgent(scene, "plain"), "urgent")


@function(values=("draft", *_STATE))
async def own_draft(scene: Scene) -> Result:
    """Take the person's own wording."""
    own = scene.frame.answers.get("own")
    return _out(scene, str(own) if own else str(scene.frame.values.get("draft", "")), "own")


@function(values=("draft", "tone", *_STATE))
async def no_draft(scene: Scene) -> Result:
    """Set a no: what I don't want, and what I can do."""
    answers = scene.frame.answers
    not_this = _bare(str(answers.get("not_this") or ""))
    can = _bare(str(answers.get("can") or ""))
    key = "no" if not_this and can else "no_only" if not_this else "no_plain"
    return _out(scene, _table(scene, "drafts")[key].format(not_this=not_this, can=can), "no")


def _drafted(scene: Scene, tone: str) -> Result:
    texts = _table(scene, "drafts")
    answers = scene.frame.answers
    kind = str(scene.frame.values.get("tone"))
    if kind in {"no", "own", "urgent"} and tone != "plain":
        make = _urgent if kind == "urgent" else _their_own
        saw = _saw(scene) if tone == "seen" else ""
        return _out(scene, f"{saw} {make(scene, tone)}".strip(), kind)
    feeling = _bare(str(scene.answer("feeling") or ""))
    needs = _table(scene, "needs")
    chosen = needs.get(str(answers.get("need") or ""))
    need = str(answers.get("need") or "")
    ask = chosen["ask"] if chosen else texts["own_need"].format(need=_bare(need)) if need else ""
    clear = chosen["clear"] if chosen else ask
    parts = {
        "saw": _saw(scene),
        "feeling": texts["feeling"].format(feeling=_lower(feeling)) if feeling else "",
        "ask": clear if tone == "clear" else ask,
    }
    if tone == "short":
        parts["saw"] = ""
    filled = str(texts["plain" if tone == "seen" else tone]).format(**parts)
    return _out(scene, " ".join(filled.split()) or str(texts["empty"]), tone)


def _saw(scene: Scene) -> str:
    saw = _bare(str(scene.frame.answers.get("saw") or ""))
    return str(_table(scene, "drafts")["saw"]).format(saw=saw) if saw else ""


def _urgent(scene: Scene, tone: str) -> str:
    lines = _table(scene, "urgent")[str(scene.frame.values["urgent"])]
    return str(lines.get(tone, lines["plain"]))


def _their_own(scene: Scene, tone: str) -> str:
    """Change a no, or the person's own wording, without taking their words away."""
    texts, answers = _table(scene, "drafts"), scene.frame.answers
    if scene.frame.values.get("tone") == "no":
        said = {name: _bare(str(answers.get(name) or "")) for name in ("not_this", "can")}
        key = {"short": "no_only", "gentle": "no_gentle"}.get(tone, "no")
        if not said["not_this"]:
            key = "no_plain"
        elif not said["can"]:
            key = "no_only"
        return str(texts[key]).format(**said)
    own = str(answers.get("own") or "")
    if tone == "short":
        return re.split(r"(?<=[.?])\s", own.strip(), maxsplit=1)[0]
    return str(texts["own_gentle"]).format(own=own) if tone == "gentle" else own


def _bare(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _out(scene: Scene, draft: str, tone: str) -> Result:
    moment = replace(moment_of(scene), draft=True)
    values = kept(moment, draft=draft, tone=tone)
    return Result(values, writes=writes(scene, moment))


@function(values=("sent_line", *_STATE))
async def draft_sent(scene: Scene) -> Result:
    """Note that the draft was sent."""
    moment = replace(moment_of(scene), sent=True)
    return Result(kept(moment), writes=writes(scene, moment))


@function("set", "none", values=("morning", "forgotten"))
async def till_morning(scene: Scene) -> Result:
    """Keep the words, or the wish for some, till the morning there."""
    due, shown = _morning(scene)
    who = scene.person.id
    fields = {"draft": str(scene.frame.values.get("draft") or "")}
    values = scene.frame.values
    if "moment" in values:
        fields["moment"] = values["moment"]
    return Result(
        {"morning": shown, "forgotten": True},
        goto="set",
        writes=(lambda tx: tx.set_timer(who, due, prompts.WORDS, new_id(), fields),),
    )


def _morning(scene: Scene) -> tuple[datetime, str]:
    texts = _table(scene, "back")
    if scene.person.zone is None:
        return scene.now + timedelta(hours=9), texts["in_hours"].format(hours=9)
    _, due = rhythm.following(scene.now, MORNING, ZoneInfo(scene.person.zone))
    return due, texts["at"].format(clock=f"{MORNING:%H:%M}")


@function("words", "none")
async def morning_come(scene: Scene) -> Result:
    """Tell whether there are words that were kept, or only the wish for help with some."""
    return Result(goto="words" if scene.frame.values.get("draft") else "none")


# --- space -----------------------------------------------------------------------------------


@function("ask", "closed", values=_STATE)
async def away_begin(scene: Scene) -> Result:
    """Open the way to space."""
    moment = pulled(scene, moment_of(scene))
    moment = replace(moment, pull=moment.pull or "away")
    values = kept(moment, visit=scene.session.turn)
    return Result(values, goto="closed" if await closed(scene) else "ask")


@function("timed", "open", values=("line", "clock", "noted", "long", "till", *_STATE))
async def away_line(scene: Scene) -> Result:
    """Set the sentence with the time to be back, and note that time."""
    span = str(scene.frame.answers.get("back_in") or "none")
    texts = _table(scene, "back")
    due = _due(scene, span)
    back, noted = "", texts["no_note"]
    if due is not None:
        clock = _clock(scene, span, due)
        day = texts["days"].get(span, "")
        back = texts["line_at" if clock else "line_on" if day else "line_in"]
        back = " ".join(back.format(day=day, clock=clock).split())
        noted = texts["note_at" if clock else "note_in"]
        noted = noted.format(clock=clock, span=texts["spans"].get(span, span))
    values = {
        "till": back or texts["no_time"],
        "long": texts["how_long"].get(span, texts["how_long"]["none"]),
        "noted": noted,
    }
    values["line"] = _away(scene, "plain", values)
    moment = replace(moment_of(scene), pull="away")
    return Result(
        kept(moment, **values),
        goto="open" if due is None else "timed",
        writes=(*writes(scene, moment), *_return(scene, due)),
    )


def _clock(scene: Scene, span: str, due: datetime) -> str:
    zone = scene.person.zone
    if span in _SPANS or zone is None:
        return waits.clock(due, scene.now, zone)
    return f"{due.astimezone(ZoneInfo(zone)):%H:%M}"


def _away(scene: Scene, tone: str, values: Mapping[str, Any]) -> str:
    filled = str(_table(scene, "away")[tone]).format(back=values["till"], long=values["long"])
    return " ".join(filled.split())


_SPANS = {"20_minutes": timedelta(minutes=20), "1_hour": timedelta(hours=1)}
_WITHOUT_ZONE = {"tonight": timedelta(hours=3), "tomorrow": timedelta(hours=14)}


def _due(scene: Scene, span: str) -> datetime | None:
    """Return when they will be back; None where no time was named."""
    now, zone = scene.now, scene.person.zone
    if span in _SPANS or (zone is None and span in _WITHOUT_ZONE):
        return now + {**_WITHOUT_ZONE, **_SPANS}[span]
    if zone is None or span not in _WITHOUT_ZONE:
        return None
    there = ZoneInfo(zone)
    today = now.astimezone(there).date()
    if span == "tomorrow":
        return rhythm.moment(today + timedelta(days=1), FORENOON, there)
    evening = rhythm.moment(today, EVENING, there)
    return evening if evening > now + timedelta(hours=1) else now + timedelta(hours=2)


def _return(scene: Scene, due: datetime | None) -> tuple[Write, ...]:
    """Return the write of the one return there is; a new time takes the place of the last."""
    who, now = scene.person.id, scene.now
    subject = new_id()
    span = str(scene.frame.answers.get("back_in")) in _SPANS or scene.person.zone is None

    def write(tx: Tx) -> None:
        tx.cancel_timers(who, kinds={prompts.RETURN})
        if due is not None and due > now:
            fields = {"due": due.isoformat(), **({"began": now.isoformat()} if span else {})}
            tx.set_timer(who, due, prompts.RETURN, subject, fields)

    return (write,)


@function(values=("noted",))
async def back_begin(scene: Scene) -> Result:
    """Say what time was noted, by the clock there as it is now; and that it comes late, if so."""
    due = datetime.fromisoformat(str(scene.frame.values["due"]))
    texts, zone = _table(scene, "back"), scene.person.zone
    clock = f"{due.astimezone(ZoneInfo(zone)):%H:%M}" if zone else ""
    late = "late" if scene.now - due > prompts.PUNCTUAL else "noted"
    key = f"{late}_at" if clock else late
    return Result({"noted": texts[key].format(clock=clock)})


@function(values=("line",))
async def away_shorter(scene: Scene) -> Result:
    """Set the sentence shorter."""
    return Result({"line": _away(scene, "short", scene.frame.values)})


@function(values=("line",))
async def away_warmer(scene: Scene) -> Result:
    """Set the sentence warmer."""
    return Result({"line": _away(scene, "warm", scene.frame.values)})


@function(values=("line",))
async def away_own(scene: Scene) -> Result:
    """Take the person's own sentence."""
    own = scene.frame.answers.get("own")
    return Result({"line": str(own)} if own else {})


@function(values=_STATE)
async def away_measured(scene: Scene) -> Result:
    """Take the strength after the body offer, where one was said."""
    moment, _ = measured(scene)
    return Result(kept(moment), writes=writes(scene, moment))


# --- staying and company ---------------------------------------------------------------------


@function(values=("line", *_STATE))
async def stay_line(scene: Scene) -> Result:
    """Offer one true line for staying a little."""
    return Result(
        kept(pulled(scene, moment_of(scene))) | {"line": str(_table(scene, "away")["stay"])}
    )


@function(values=("steady", "line", *_STATE))
async def company_begin(scene: Scene) -> Result:
    """Offer people who felt steady before, and a small line."""
    names = [w.text for w in scene.person.words if w.kind == STEADY and not w.archived]
    moment = moment_of(scene)
    return Result(
        kept(moment, visit=scene.session.turn)
        | {
            "steady": [{"text": name, "value": f"own:{n}"} for n, name in enumerate(names[:6])],
            "line": str(_table(scene, "company")["plain"]),
        },
    )


@function("line", "nobody", values=("line",))
async def company_line(scene: Scene) -> Result:
    """Remember the name as a button for next time."""
    said = scene.frame.answers.get("who")
    person = scene.person
    known = {plain(w.text) for w in person.words if w.kind == STEADY}
    new = isinstance(said, str) and "who" not in scene.frame.shown and len(said) <= SHORT
    if new and person.consent is not None and plain(str(said)) and plain(str(said)) not in known:
        word = Word(STEADY, " ".join(str(said).split()))
        return Result(goto="line", person=replace(person, words=(*person.words, word)))
    return Result(goto="line")


@function(values=("line",))
async def company_other(scene: Scene) -> Result:
    """Set the line another way."""
    texts = _table(scene, "company")
    now = scene.frame.values.get("line")
    return Result({"line": str(texts["other"] if now == texts["plain"] else texts["plain"])})


@function("kept", "not_kept", values=("met",))
async def keep_met(scene: Scene) -> Result:
    """Keep it as a moment of being met."""
    person = scene.person
    if person.consent is None:
        return Result(goto="not_kept")
    who = scene.answer("who")
    fields = {"with": str(who)} if who else {}
    entry = Entry(new_id(), "met", scene.now, scene.now, person.zone, fields)
    return Result(goto="kept", settled=True, writes=(lambda tx: tx.save_entry(person.id, entry),))
