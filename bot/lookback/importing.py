"""Takes an export back in: read with suspicion, merged without loss."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.errors import RefusedAnswer
from bot.flows.session import Session
from bot.lookback.export import MOST, NAME, OPEN, VERSION, leaves, typed
from bot.lookback.numbers import NUMB, PLAN, STRONGEST, UNKNOWN, place
from bot.store.records import Draft, Entry, Fields, Word
from bot.store.tx import Tx

LIMIT = 20 * 1024 * 1024
"""Bytes of a file: the most a bot may fetch."""

LONGEST = 20_000
"""Characters of one text."""

DEEPEST = 32
"""Values inside values."""

PIECES = 4_000_000
"""Texts, numbers and brackets of a file: few bytes of it can become many in memory."""

WHOLE = 2**53
"""Whole numbers beyond this are not the same everywhere."""

FIRST_YEAR, LAST_YEAR = 1900, 2200

MOST_DRAFTS = 1_000
MOST_WORDS = 5_000

TOO_BIG = "That file is too big; up to 20 MB at a time. Nothing was changed."
NOT_OURS = "That's not a file I can read. I take the .json that /export gives. Nothing was changed."
NEWER = "That file is from a newer version than this one, so I left it. Nothing was changed."
TOO_MANY = "There's more in that file than I can take at once. Nothing was changed."
ODD = "Something in that file doesn't fit ({where}). Nothing was changed."
ODD_VALUE = "There's a value in that file that I can't keep. Nothing was changed."


# --- what a file may hold --------------------------------------------------------------------


def _moment(value: object) -> datetime:
    if not isinstance(value, str) or len(value) > 40:  # noqa: PLR2004 - no time is longer
        raise ValueError("a time is written as text")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError("a time says where on Earth it is, and lies within memory")
    return found.astimezone(UTC)


def _known_zone(value: object) -> object:
    # A zone that this machine does not have would stop whoever asks for the hour there.
    return None if isinstance(value, str) and place(value) is None else value


def _strength(value: object) -> object:
    if (
        value is None
        or value in {NUMB, UNKNOWN}
        or (type(value) is int and 0 <= value <= STRONGEST)
    ):
        return value
    raise ValueError("a strength is 0 to 10, numb or unknown")


_Moment = Annotated[datetime, BeforeValidator(_moment)]
_Zone = Annotated[str | None, BeforeValidator(_known_zone)]
_Id = Annotated[str, Field(min_length=1, max_length=200)]
_Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Schema(_Read):
    name: Literal["notes"]
    version: Annotated[int, Field(ge=1)]


class _Entry(_Read):
    id: _Id
    kind: _Name
    happened_at: _Moment
    written_at: _Moment
    edited_at: _Moment | None = None
    zone: _Zone = None
    fields: dict[str, Any]


class _Frame(_Read):
    """A frame is carried along whole; what the engine reads of it has to fit."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    flow: _Name
    step: _Name
    answers: dict[str, Any] = {}
    shown: dict[str, str] = {}
    values: dict[str, Any] = {}
    trail: list[str] = []
    picked: list[str] = []
    shrugs: Annotated[int, Field(ge=0, le=1000)] = 0
    how: Literal["", "opened", "visited", "interrupting"] = ""
    resume: str = ""


class _Draft(_Read):
    id: _Id
    flow: Annotated[str, Field(max_length=100)]
    written_at: _Moment
    frame: dict[str, Any]
    under: list[dict[str, Any]] = []
    loose: list[str] = []


class _Plan(_Read):
    id: _Id
    written_at: _Moment
    edited_at: _Moment | None = None
    zone: _Zone = None
    fields: dict[str, Any]


class _Word(_Read):
    kind: _Name
    text: Annotated[str, Field(min_length=1)]
    archived: bool = False


class _Document(_Read):
    entries: Annotated[list[_Entry], Field(max_length=MOST)]
    drafts: Annotated[list[_Draft], Field(max_length=MOST_DRAFTS)] = []
    words: Annotated[list[_Word], Field(max_length=MOST_WORDS)] = []
    plans: Annotated[list[_Plan], Field(max_length=MOST)] = []


@dataclass(frozen=True, slots=True)
class Imported:
    """What an export file holds that may come back in."""

    entries: tuple[Entry, ...]
    drafts: tuple[Draft, ...]
    words: tuple[Word, ...]
    frames: tuple[Draft, ...] = ()
    """What was open when the file was made; becomes drafts, unless kept by now or only tapped."""
    loose: tuple[Entry, ...] = ()
    """Words no question had asked for; become notes, unless they are kept already."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of an import; ``new``, ``newer`` and ``same`` are entries."""

    new: int
    newer: int
    same: int
    drafts: int = 0
    words: int = 0


# --- reading ---------------------------------------------------------------------------------


def read(document: bytes) -> Imported:
    """Read an export; RefusedAnswer with one sentence for anything else."""
    if len(document) > LIMIT:
        raise RefusedAnswer(TOO_BIG)
    data = _parsed(document)
    schema = data.get("schema")
    if not isinstance(schema, dict) or schema.get("name") != NAME:
        raise RefusedAnswer(NOT_OURS)
    try:
        version = _Schema.model_validate(schema).version
    except ValidationError:
        raise RefusedAnswer(NOT_OURS) from None
    if version > VERSION:
        raise RefusedAnswer(NEWER)
    _plain(data)
    try:
        found = _Document.model_validate(data)
        for index, entry in enumerate(found.entries):
            _fields(entry, index)
        return _imported(found)
    except ValidationError as error:
        _refuse(error)


def _parsed(document: bytes) -> dict[str, Any]:
    # From nothing but brackets a parser makes a hundred times their size.
    rest, texts = _TEXT.subn(b"", document)
    if texts + sum(rest.count(mark) for mark in (b"[", b"{", b",")) > PIECES:
        raise RefusedAnswer(TOO_MANY)
    try:
        data = json.loads(document.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RefusedAnswer(NOT_OURS) from None
    if not isinstance(data, dict):
        raise RefusedAnswer(NOT_OURS)
    return data


_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _plain(data: Any) -> None:
    """Refuse what is JSON and could still not be kept, or not be shown."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise RefusedAnswer(ODD_VALUE)
        match value:
            case str():
                _plain_text(value)
            case dict():
                for name in value:
                    _plain_text(name)
                waiting.extend((item, depth + 1) for item in value.values())
            case list():
                waiting.extend((item, depth + 1) for item in value)
            case float() if not math.isfinite(value):
                raise RefusedAnswer(ODD_VALUE)
            case int() if abs(value) > WHOLE:
                raise RefusedAnswer(ODD_VALUE)
            case _:
                pass


def _plain_text(text: str) -> None:
    if len(text) > LONGEST:
        raise RefusedAnswer(ODD_VALUE)
    try:
        # Half of a character that takes two is no text that could be written down.
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise RefusedAnswer(ODD_VALUE) from None


_SCALED = frozenset({"trigger", "closeness", "activation", "part"})


def _fields(entry: _Entry, index: int) -> None:
    """Hold the strengths of the kinds known here to what a strength can be."""
    if entry.kind not in _SCALED:
        return
    for name in ("intensity_before", "intensity_now"):
        try:
            _strength(entry.fields.get(name))
        except (ValueError, TypeError):
            raise RefusedAnswer(_odd(("entries", index, name))) from None


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "too_long":
        raise RefusedAnswer(TOO_MANY) from None
    raise RefusedAnswer(_odd(first["loc"])) from None


def _odd(loc: Sequence[str | int]) -> str:
    """Name the place as a person counts, in names of ours: the file's own could be anything."""
    where = []
    for part in loc:
        if isinstance(part, int):
            where.append(f"number {part + 1}")
        elif part in _OURS:
            where.append(part)
    return ODD.format(where=", ".join(where) or "its first lines")


_OURS = frozenset(
    name
    for model in (_Document, _Entry, _Draft, _Plan, _Word, _Frame)
    for name in model.model_fields
) | {"intensity_before", "intensity_now"}


# --- from the file's shape to ours -----------------------------------------------------------


def _imported(found: _Document) -> Imported:
    entries: dict[str, Entry] = {}
    for item in found.entries:
        entry = Entry(
            id=item.id,
            kind=item.kind,
            happened_at=item.happened_at,
            written_at=item.written_at,
            zone=item.zone,
            fields=item.fields,
            edited_at=item.edited_at,
        )
        if entry.id not in entries or _edited(entry) > _edited(entries[entry.id]):
            entries[entry.id] = entry
    for told in found.plans:
        plan = Entry(
            id=told.id,
            kind=PLAN,
            happened_at=told.written_at,
            written_at=told.written_at,
            zone=told.zone,
            fields=told.fields,
            edited_at=told.edited_at,
        )
        if plan.id not in entries or _edited(plan) > _edited(entries[plan.id]):
            entries[plan.id] = plan
    drafts: dict[str, Draft] = {}
    frames: list[Draft] = []
    loose: list[Entry] = []
    for stopped in found.drafts:
        if stopped.id == OPEN:
            frames += _frames(stopped)
            loose += [_note(text, stopped.written_at) for text in stopped.loose if text.strip()]
            continue
        draft = Draft(stopped.id, stopped.flow, stopped.written_at, _frame(stopped.frame))
        if draft.id not in drafts or draft.written_at > drafts[draft.id].written_at:
            drafts[draft.id] = draft
    return Imported(
        entries=tuple(entries.values()),
        drafts=tuple(drafts.values()),
        words=tuple(
            {(w.kind, w.text): Word(w.kind, w.text, w.archived) for w in found.words}.values()
        ),
        frames=tuple(frames),
        loose=tuple(loose),
    )


def _frame(frame: Fields) -> Fields:
    # Validated, and then kept as it came: what a later version added stays in it.
    _Frame.model_validate(frame)
    return frame


def _frames(opened: _Draft) -> Iterator[Draft]:
    for frame in [*opened.under, *filter(None, [opened.frame])]:
        alone = {k: v for k, v in _frame(frame).items() if k not in {"how", "resume"}}
        named = _mark([alone["flow"], alone.get("answers"), alone.get("picked")])
        yield Draft(f"{OPEN}-{named}", alone["flow"], opened.written_at, alone)


def _note(text: str, at: datetime) -> Entry:
    return Entry(f"{OPEN}-{_mark(text)}", "note", at, at, None, {"text": text})


def _mark(value: Any) -> str:
    """Name a value by what it is, so that the same file again brings the same ids."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


def _edited(entry: Entry) -> datetime:
    return entry.edited_at or entry.written_at


# --- merging ---------------------------------------------------------------------------------


def merge(tx: Tx, person_id: str, imported: Imported, now: datetime) -> Counts:
    """Add what a file holds to what is kept; of two with one id the newer edit stays.

    The person's settings and consents stay as they are: a yes is given in the conversation, never
    by a file.
    """
    person = tx.person(person_id)
    if person is None:
        raise LookupError("there is no such person")
    kept = {entry.id: entry for entry in tx.entries(person_id)}
    new = newer = 0
    for entry in imported.entries:
        mine = kept.get(entry.id)
        if mine is not None and _edited(entry) <= _edited(mine):
            continue
        new, newer = (new + 1, newer) if mine is None else (new, newer + 1)
        kept[entry.id] = entry
        tx.save_entry(person_id, entry)
    session = Session.from_json(tx.session(person_id) or {})
    # What was open in the file may be open here still, or may have found its entry since.
    for note in _unkept(imported.loose, kept.values(), session):
        new += 1
        kept[note.id] = note
        tx.save_entry(person_id, note)
    drafts = _merge_drafts(tx, person_id, imported, kept.values(), session)
    fresh = _fresh(person.words, imported.words)
    if fresh:
        tx.save_person(replace(person, words=(*person.words, *fresh)))
    tx.touch(person_id, now)
    return Counts(
        new=new,
        newer=newer,
        same=len(imported.entries) + len(imported.loose) - new - newer,
        drafts=drafts,
        words=len(fresh),
    )


def _merge_drafts(
    tx: Tx, person_id: str, imported: Imported, entries: Iterable[Entry], session: Session
) -> int:
    kept = {draft.id: draft for draft in tx.drafts(person_id)}
    taken = [
        draft
        for draft in imported.drafts
        if draft.id not in kept or draft.written_at > kept[draft.id].written_at
    ]
    kept |= {draft.id: draft for draft in taken}
    known = [(frame.flow, frame.answers) for frame in session.frames]
    known += [(draft.flow, draft.frame.get("answers", {})) for draft in kept.values()]
    told = [set(leaves(entry.fields)) for entry in entries] if imported.frames else []
    for draft in imported.frames:
        answers = draft.frame.get("answers", {})
        words = typed(answers, draft.frame.get("shown", {}))
        going_on = any(flow == draft.flow and _within(answers, more) for flow, more in known)
        if not words or going_on or draft.id in kept or any(words <= entry for entry in told):
            continue
        kept[draft.id] = draft
        taken.append(draft)
    for draft in taken:
        tx.save_draft(person_id, draft)
    return len(taken)


def _within(answers: Mapping[str, Any], more: Mapping[str, Any]) -> bool:
    return all(name in more and more[name] == value for name, value in answers.items())


def _unkept(notes: Sequence[Entry], entries: Iterable[Entry], session: Session) -> Iterator[Entry]:
    if notes:
        known = {text for entry in list(entries) for text in leaves(entry.fields)}
        known.update(session.loose)
        for note in notes:
            if note.fields["text"] not in known:
                known.add(note.fields["text"])
                yield note


def _fresh(mine: Sequence[Word], theirs: Sequence[Word]) -> list[Word]:
    """Return the words that are not there yet, whatever their spelling."""
    known = {_key(word) for word in mine}
    return [word for word in theirs if _key(word) not in known]


def _key(word: Word) -> tuple[str, str]:
    return word.kind, " ".join(word.text.casefold().split())
