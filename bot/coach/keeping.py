"""Functions that keep what was said: entries, their fields, drafts, notes, words of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.coach import when
from bot.coach.scene import Result, Scene, Write, function
from bot.errors import RefusedAnswer
from bot.flows.engine import plain, shown
from bot.lookback import words
from bot.lookback.numbers import LEFT_OUT
from bot.store import Entry, Person, Word, new_id

FIELDS: dict[str, tuple[str, ...]] = {
    "trigger": (
        *("trigger", "body", "story", "urge", "did", "after", "with"),
        *("intensity_before", "intensity_now"),
    ),
    "activation": ("intensity_before", "intensity_now", "practice"),
    "part": ("intensity_before", "toward", "age", "fear", "need", "intensity_now"),
    "checkin": ("feeling", "nearness", "practice", "practised", "shared", "line"),
    "intention": ("who", "heard_before"),
    "ritual": ("ritual", "how", "with"),
    "practice": ("practice", "practised"),
    "note": ("text",),
    "worse": ("text",),
}
"""What an entry of a kind holds; the names are the export's."""

FIELDS["closeness"] = FIELDS["trigger"]

MEASURED = frozenset({"intensity_before", "intensity_now"})

LATER = ("body", "story", "urge", "after", "with")
"""Fields of a moment that can be added when the quick form is done, in the order of asking."""

LEARNED = 30
"""Characters of an own word that is short enough to be a button next time."""

SHOWN = 8
"""How many earlier entries are listed."""


# --- keeping ---------------------------------------------------------------------------------


@function("kept", "ask", values=("entry", "happened_at"))
async def keep(scene: Scene) -> Result:
    """Write the flow's answers as an entry, or bring the one it wrote before up to date."""
    if scene.person.consent is None:
        return Result(goto="ask")
    frame = scene.frame
    kind = scene.library.flows[frame.flow].entry or "note"
    if kind == "trigger" and scene.answer("trigger") in _away(scene):
        kind = "closeness"
    fields = {name: value for name in FIELDS[kind] if (value := _reading(scene, name)) is not None}
    if frame.values.get(LEFT_OUT):
        fields[LEFT_OUT] = True  # it began on a card: in look backs only when asked for
    happened = frame.values.get("happened_at")
    entry = Entry(
        id=str(frame.values.get("entry") or new_id()),
        kind=kind,
        happened_at=datetime.fromisoformat(happened) if happened else scene.now,
        written_at=datetime.fromisoformat(frame.values.get("written_at") or scene.now.isoformat()),
        zone=scene.person.zone,
        fields=fields,
    )
    return Result(
        values={
            "entry": entry.id,
            "happened_at": entry.happened_at.isoformat(),
            "written_at": entry.written_at.isoformat(),
        },
        goto="kept",
        settled=True,
        person=_learned(scene, {"trigger": "trigger", "feeling": "feeling"}),
        writes=(_saving(scene.person, entry),),
    )


def _saving(person: Person, entry: Entry) -> Write:
    return lambda tx: tx.save_entry(person.id, entry)


def _away(scene: Scene) -> set[str]:
    families = scene.text("words").get("families", ())
    return {family["text"] for family in families if family.get("side") == "away"}


def _reading(scene: Scene, name: str) -> Any:
    """Return a field as it is kept: numbers as numbers, everything else as it reads."""
    if name in MEASURED:
        return scene.frame.answers.get(name)
    if name == "body":
        where, how = scene.answer("body_where"), scene.answer("body_how")
        parts = [shown(part) for part in (where, how) if part]
        return ": ".join(parts) or scene.frame.answers.get("body")
    value = scene.answer(name) if name in scene.frame.answers else None
    return None if value is None else shown(value)


def _learned(scene: Scene, kinds: Mapping[str, str]) -> Person | None:
    """Remember short own words, so that they are a button next time."""
    person = scene.person
    for name, kind in kinds.items():
        said = scene.frame.answers.get(name)
        if not isinstance(said, str) or name in scene.frame.shown or len(said) > LEARNED:
            continue
        known = {plain(word.text) for word in person.words if word.kind == kind}
        known |= {plain(family["text"]) for family in scene.text("words").get("families", ())}
        if plain(said) and plain(said) not in known and "\n" not in said:
            person = replace(person, words=(*person.words, Word(kind, said.strip())))
    return person if person is not scene.person else None


@function("given", "ask", values=("families",))
async def families(scene: Scene) -> Result:
    """Offer what tends to happen: the house's families, then the person's own words.

    What came with the command (``/log he is late``) is the answer already.
    """
    gone = {word.text for word in scene.person.words if word.archived}
    items = [f for f in scene.text("words")["families"] if f["text"] not in gone]
    if scene.person.leaning == "space":
        items.sort(key=lambda family: family.get("side") != "away")
    offered = [{"text": f["text"], "value": f["value"]} for f in items]
    own = [w for w in scene.person.words if w.kind == "trigger" and not w.archived]
    offered += [{"text": w.text, "value": f"own:{n}"} for n, w in enumerate(own)]
    said = scene.frame.values.get("argument")
    answers = {"trigger": said} if said else {}
    return Result({"families": offered}, answers, goto="given" if said else "ask")


@function(*LATER, "now", "menu", values=("asked",))
async def next_field(scene: Scene) -> Result:
    """Lead to the next field that is empty and was not asked yet."""
    asked = list(scene.frame.values.get("asked", ()))
    given = {*scene.frame.answers, *asked}
    if "body_where" in given:
        given.add("body")
    for name in (*LATER, "intensity_now"):
        if name not in given:
            goto = "now" if name == "intensity_now" else name
            return Result({"asked": [*asked, name]}, goto=goto)
    return Result(goto="menu")


@function("more", "menu")
async def all_or_one(scene: Scene) -> Result:
    """Go on to the next field where the person chose to add the rest, else back to the menu."""
    return Result(goto="more" if scene.frame.values.get("all") else "menu")


@function(values=("all",))
async def want_all(scene: Scene) -> Result:
    """Remember that every field that is left is to be asked for."""
    del scene
    return Result({"all": True})


@function(values=("forgotten",))
async def forget(scene: Scene) -> Result:
    """Let go of words that were not to be kept."""
    del scene
    return Result({"forgotten": True}, settled=True)


# --- looking at what is kept -----------------------------------------------------------------


@function("some", "none", values=("items",))
async def list_earlier(scene: Scene) -> Result:
    """List drafts and the last entries as buttons."""
    who = scene.person.id
    drafts, entries = await scene.store.read(
        lambda tx: (tx.drafts(who), tx.entries(who, limit=SHOWN))
    )
    texts = scene.text("lookback")
    say = scene.library.phrases.say
    items = [{"text": _draft_label(d.frame, say), "value": d.id} for d in drafts[:SHOWN]]
    items += [
        {"text": words.entry_label(entry, texts, scene.person.zone), "value": entry.id}
        for entry in entries
    ]
    return Result({"items": items}, goto="some" if items else "none")


def _draft_label(frame: Mapping[str, Any], say: Mapping[str, str]) -> str:
    """Name a draft by its first words; what a card interrupted stands there without them."""
    if frame.get("values", {}).get("interrupted"):
        return say["unfinished_note"]
    return f"{say['unfinished']}: {_first_words(frame)}"


def _first_words(frame: Mapping[str, Any]) -> str:
    values = {**frame.get("answers", {}), **frame.get("shown", {})}
    said = next((shown(v) for v in values.values() if isinstance(v, str | list)), "")
    return said or str(frame.get("flow", ""))


@function("shown", "gone", values=("entry_text", "entry", "is_moment"))
async def open_item(scene: Scene) -> Result:
    """Show the entry that was chosen, or take the draft up."""
    chosen = scene.frame.values.get("entry") or scene.frame.values.get("item")
    who = scene.person.id
    entry, drafts = await scene.store.read(lambda tx: (tx.entry(who, str(chosen)), tx.drafts(who)))
    draft = next((d for d in drafts if d.id == chosen), None)
    if draft is not None:
        return Result(draft=draft)
    if entry is None:
        return Result(goto="gone")
    text = words.entry_text(entry, scene.text("lookback"), scene.person.zone)
    return Result({"entry_text": text, "entry": entry.id}, goto="shown", settled=True)


async def _entry(scene: Scene) -> Entry:
    who, wanted = scene.person.id, str(scene.frame.values.get("entry"))
    entry = await scene.store.read(lambda tx: tx.entry(who, wanted))
    if entry is None:
        raise RefusedAnswer(scene.library.phrases.say["entry_gone"])
    return entry


@function("some", "refused", values=("fields", "refusal"))
async def list_fields(scene: Scene) -> Result:
    """Offer the entry's fields to be edited."""
    entry = await _entry(scene)
    labels = scene.text("words")["fields"]
    odd = (n for n in entry.fields if n not in labels and n != LEFT_OUT)
    names = [*FIELDS.get(entry.kind, ()), *odd]
    offered = [{"text": labels.get(name, name), "value": name} for name in dict.fromkeys(names)]
    return Result({"fields": offered}, goto="some")


@function("number", "words", "refused", values=("was", "refusal"))
async def open_field(scene: Scene) -> Result:
    """Find how the chosen field is asked for, and what it says now."""
    entry = await _entry(scene)
    name = str(scene.frame.answers.get("field"))
    was = shown(entry.fields.get(name)) or scene.library.phrases.say["nothing_yet"]
    return Result({"was": was}, goto="number" if name in MEASURED else "words")


@function("changed", "refused", values=("refusal",))
async def change_field(scene: Scene) -> Result:
    """Write one field anew."""
    entry = await _entry(scene)
    name = str(scene.frame.answers["field"])
    value = scene.frame.answers.get("number" if name in MEASURED else "wording")
    if value is None:
        return Result(goto="changed")
    changed = replace(entry, fields={**entry.fields, name: value}, edited_at=scene.now)
    return Result(goto="changed", settled=True, writes=(_saving(scene.person, changed),))


@function("changed", "refused", values=("refusal",))
async def move_entry(scene: Scene) -> Result:
    """Write when it really happened."""
    entry = await _entry(scene)
    said = scene.frame.answers.get("happened")
    if said is None:
        return Result(goto="changed")
    zone = ZoneInfo(scene.person.zone) if scene.person.zone else None
    moment = when.moment(str(said), scene.now, zone)
    if moment is None:
        known = "when_refused" if zone else "when_refused_no_zone"
        raise RefusedAnswer(scene.library.phrases.say[known])
    changed = replace(entry, happened_at=moment, edited_at=scene.now)
    return Result(goto="changed", settled=True, writes=(_saving(scene.person, changed),))


@function("out", "counted", "refused", values=("refusal",))
async def count_or_not(scene: Scene) -> Result:
    """Keep an entry out of look backs, or take it in again."""
    entry = await _entry(scene)
    out = entry.fields.get(LEFT_OUT) is not True
    fields = {name: value for name, value in entry.fields.items() if name != LEFT_OUT}
    changed = replace(
        entry, fields={**fields, LEFT_OUT: True} if out else fields, edited_at=scene.now
    )
    goto = "out" if out else "counted"
    return Result(goto=goto, settled=True, writes=(_saving(scene.person, changed),))


@function(values=("forgotten",))
async def undo(scene: Scene) -> Result:
    """Take an entry out."""
    who, entry = scene.person.id, str(scene.frame.values.get("entry"))
    return Result(
        {"forgotten": True}, settled=True, writes=(lambda tx: tx.delete_entry(who, entry),)
    )


# --- words of one's own ----------------------------------------------------------------------


@function("some", "none", values=("own_words",))
async def list_words(scene: Scene) -> Result:
    """List the words that buttons are made of, the archived ones marked."""
    say = scene.library.phrases.say
    items = [
        {"text": w.text if not w.archived else f"{w.text} ({say['archived']})", "value": str(n)}
        for n, w in enumerate(scene.person.words)
    ]
    known = {word.text for word in scene.person.words}
    items += [
        {"text": family["text"], "value": f"house:{family['value']}"}
        for family in scene.text("words")["families"]
        if family["text"] not in known
    ]
    return Result({"own_words": items}, goto="some" if items else "none")


@function("done")
async def archive_word(scene: Scene) -> Result:
    """Put a word away, or bring it back; what was kept with it stays as it is."""
    chosen = str(scene.frame.answers.get("word", ""))
    listed = list(scene.person.words)
    if chosen.isdecimal() and int(chosen) < len(listed):
        word = listed[int(chosen)]
        listed[int(chosen)] = replace(word, archived=not word.archived)
    listed += [
        Word("trigger", family["text"], archived=True)
        for family in scene.text("words")["families"]
        if chosen == f"house:{family['value']}"
    ]
    return Result(goto="done", settled=True, person=replace(scene.person, words=tuple(listed)))
