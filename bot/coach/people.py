"""Functions of *my people and steps*: a list of one's own, filled in calm, opened with one tap."""

from __future__ import annotations

from dataclasses import replace

from bot.coach.keeping import FIELDS
from bot.coach.scene import Result, Scene, function
from bot.flows.engine import clipped, plain
from bot.lookback.numbers import PEOPLE
from bot.store import Entry, new_id

FIELDS[PEOPLE] = ("signs", "helps", "company", "ask", "professionals", "safer")

CALM = 6
"""Up to here after a hard moment it is calm enough to be asked for a list."""

LINE = 30
"""Characters of a line that its button repeats."""


async def own_list(scene: Scene) -> Entry | None:
    """Return the newest list there is: one that came back with an export may be another.

    What this very turn wrote is not in the store yet; the frame has it.
    """
    who = scene.person.id
    entries = await scene.store.read(lambda tx: tx.entries(who))
    lists = [entry for entry in entries if entry.kind == PEOPLE]
    newest = max(lists, key=lambda e: e.edited_at or e.written_at, default=None)
    fresh = scene.frame.values.get("people_lines")
    if newest is None or fresh is None:
        return newest
    return replace(newest, fields=dict(fresh))


@function("some", "none", values=("people_text",))
async def people_show(scene: Scene) -> Result:
    """Show the list whole."""
    kept = await own_list(scene)
    labels = scene.text("words")["fields"]
    lines = [
        f"{labels[name]}: {kept.fields[name]}"
        for name in FIELDS[PEOPLE]
        if kept is not None and kept.fields.get(name)
    ]
    return Result({"people_text": "\n".join(lines)}, goto="some" if lines else "none")


@function(values=("people_rows",))
async def people_rows(scene: Scene) -> Result:
    """Offer the list's lines to be filled in, with what they say now."""
    kept = await own_list(scene)
    fields = scene.frame.values.get("people_lines") or (kept.fields if kept else {})
    labels = scene.text("words")["fields"]
    rows = []
    for name in FIELDS[PEOPLE]:
        said = str(fields.get(name) or "")
        text = f"{labels[name]}: {clipped(said, LINE)}" if said else labels[name]
        rows.append({"text": text, "value": name})
    return Result({"people_rows": rows})


@function("ask", "again", values=("people_question", "was"))
async def people_line(scene: Scene) -> Result:
    """Find the question of the line that was chosen, and what it says now."""
    name = str(scene.frame.answers.get("row", ""))
    questions = scene.text("words")["people"]
    if name not in FIELDS[PEOPLE]:
        return Result(goto="again")
    kept = await own_list(scene)
    was = str(kept.fields.get(name) or "") if kept else ""
    none = scene.library.phrases.say["nothing_yet"]
    return Result({"people_question": questions[name], "was": was or none}, goto="ask")


@function(values=("entry", "people_lines"))
async def people_keep(scene: Scene) -> Result:
    """Write the line into the list; a single dash empties it."""
    name, said = str(scene.frame.answers["row"]), scene.frame.answers.get("said")
    kept = await own_list(scene)
    if not isinstance(said, str) or scene.person.consent is None:
        return Result({"entry": kept.id} if kept else {})
    said = "" if plain(said) in {"-", "\N{EN DASH}", "\N{EM DASH}"} else said.strip()
    now, who = scene.now, scene.person.id
    kept = kept or Entry(new_id(), PEOPLE, now, now, scene.person.zone, {})
    changed = replace(kept, fields={**kept.fields, name: said}, edited_at=now)
    return Result(
        {"entry": changed.id, "people_lines": changed.fields},
        settled=True,
        writes=(lambda tx: tx.save_entry(who, changed),),
    )


@function("asked", "silent")
async def offer_people(scene: Scene) -> Result:
    """Whether to offer the list: once, after a hard moment that has eased, where there is none."""
    person, now = scene.person, scene.frame.answers.get("intensity_now")
    if person.consent is None or person.said.get("people"):
        return Result(goto="silent")
    if not isinstance(now, int) or now > CALM or await own_list(scene) is not None:
        return Result(goto="silent")
    return Result(goto="asked", person=replace(person, said={**person.said, "people": True}))
