"""Everything the bot keeps of a person as files of their own: JSON to take along, CSV to read."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.clock import Clock
from bot.flows.session import Frame, Session, frame_to_json
from bot.lookback.numbers import LEFT_OUT, NUMB, PLAN, UNKNOWN
from bot.store.records import Draft, Entry, Event, Fields, Person, Timer
from bot.store.store import Store
from bot.store.tx import Tx

NAME = "notes"
VERSION = 1
"""What the document calls its schema; a change that an older reader would misread counts up."""

LIMIT = 20_000_000
"""Bytes of one file: a bot may not fetch a larger one when it is sent back."""

MOST = 100_000
"""Entries of one file."""

OPEN = "open"
"""The id of the draft that is no draft yet: what is being talked about right now."""

LISTS = ("consents", "entries", "drafts", "words", "plans", "timers", "events")

COLUMNS = ("id", "kind", "happened_at", "written_at", "edited_at", "zone")

File = tuple[str, bytes]
Document = dict[str, Any]


# --- the document ----------------------------------------------------------------------------


def document(  # noqa: PLR0913 - all there is of a person
    person: Person,
    entries: Iterable[Entry],
    drafts: Iterable[Draft],
    session: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    timers: Iterable[Timer] = (),
    events: Iterable[Event] = (),
) -> Document:
    """Return the whole of what is kept of a person, as JSON, oldest first."""
    kept = sorted(entries, key=lambda entry: (entry.happened_at, entry.written_at, entry.id))
    stopped = sorted(drafts, key=lambda draft: (draft.written_at, draft.id))
    whole: Document = {
        "schema": {"name": NAME, "version": VERSION},
        "exported_at": iso(now),
        "person": _person(person),
        "consents": [
            {
                "version": consent.version,
                "given_at": iso(consent.given_at),
                "withdrawn_at": consent.withdrawn_at and iso(consent.withdrawn_at),
            }
            for consent in person.consents
        ],
        "entries": [_entry(entry) for entry in kept if entry.kind != PLAN],
        "drafts": [_draft(draft) for draft in stopped],
        "words": [
            {"kind": word.kind, "text": word.text, "archived": word.archived}
            for word in person.words
        ],
        "plans": [_plan(entry) for entry in kept if entry.kind == PLAN],
        "timers": [
            {
                "kind": timer.kind,
                "subject": timer.subject,
                "due_at": iso(timer.due_at),
                "fields": timer.fields,
            }
            for timer in timers
        ],
        "events": [
            {"id": event.id, "at": iso(event.at), "tier": event.tier, "rule": event.rule}
            for event in events
        ],
    }
    current = _open(Session.from_json(session or {}), whole, kept)
    if current is not None:
        whole["drafts"].append({"id": OPEN, "written_at": iso(now), **current})
    return whole


def iso(moment: datetime) -> str:
    """Write a moment in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _person(person: Person) -> Fields:
    # Never the chat: it is the account, and a file may end up in other hands.
    return {
        "since": iso(person.since),
        "zone": person.zone,
        "country": person.country,
        "leaning": person.leaning,
        "language": person.language,
        "emoji": person.emoji,
        "checkin_at": person.checkin_at,
        "morning_at": person.morning_at,
        "quiet_hours": [person.quiet_from, person.quiet_till],
        "neutral": person.neutral,
        "practice": person.practice,
        "rituals": person.rituals,
        "cadence": person.cadence,
        "adult": person.adult,
        "said": person.said,
    }


def _entry(entry: Entry) -> Fields:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "happened_at": iso(entry.happened_at),
        "written_at": iso(entry.written_at),
        "edited_at": entry.edited_at and iso(entry.edited_at),
        "zone": entry.zone,
        "fields": entry.fields,
    }


def _plan(plan: Entry) -> Fields:
    apart = ("kind", "happened_at")  # a plan is of one kind, and nothing that happened
    return {name: value for name, value in _entry(plan).items() if name not in apart}


def _draft(draft: Draft) -> Fields:
    return {
        "id": draft.id,
        "flow": draft.flow,
        "written_at": iso(draft.written_at),
        "frame": draft.frame,
    }


# --- the open conversation -------------------------------------------------------------------

LATEST = 5
"""Entries, newest first, that an open flow may have written already."""


def _open(session: Session, whole: Document, entries: Sequence[Entry]) -> Fields | None:
    """Return what the open conversation holds and nothing else does.

    A flow that has kept its entry goes on with the same answers; those are in the entry and are
    not said twice.
    """
    latest = sorted(entries, key=lambda e: e.edited_at or e.written_at, reverse=True)[:LATEST]
    kept = {text for entry in latest for text in leaves(entry.fields)}
    by_id = {entry.id: entry.fields for entry in entries}
    frames = []
    for frame in session.frames:
        own = by_id.get(str(frame.values.get("entry")), {})
        left = _left(frame, kept, tuple(leaves(own)))
        if frame.picked or typed(left, frame.shown) or len(left) == len(frame.answers) > 0:
            shown = {name: text for name, text in frame.shown.items() if name in left}
            # What functions gave is left out: it repeats words of other places.
            frames.append(frame_to_json(replace(frame, answers=left, shown=shown, values={})))
    loose = list(session.loose)
    elsewhere = [
        whole[name] for name in ("entries", "drafts", "words", "plans", "person", "timers")
    ]
    known = {_plain(text) for text in leaves([*elsewhere, frames, loose])}
    recent = [item.get("text") for item in session.recent]
    # What came with a command or opened a flow by itself is no answer yet.
    recent += [frame.values.get(name) for frame in session.frames for name in ("argument", "heard")]
    left_over = {
        _plain(text): text
        for text in recent
        if isinstance(text, str) and not _told(_plain(text), known) and not _is_command(text)
    }
    if not (frames or loose or left_over):
        return None
    top: Fields = frames[-1] if frames else {}
    return {
        "flow": top.get("flow", ""),
        "frame": top,
        "under": frames[:-1],
        "loose": loose,
        "recent": list(left_over.values()),
    }


def _left(frame: Frame, kept: Collection[str], own: Sequence[str]) -> Fields:
    """Return the answers of a frame that no entry tells yet.

    In the frame's own entry several answers may have become one text.
    """

    def told(name: str, value: Any) -> bool:
        texts = [frame.shown[name]] if name in frame.shown else list(leaves(value))
        return bool(texts) and all(
            text in kept or any(text in other for other in own) for text in texts
        )

    return {name: value for name, value in frame.answers.items() if not told(name, value)}


def typed(answers: Mapping[str, Any], shown: Mapping[str, str]) -> set[str]:
    """Return the words among the answers that are the person's own, and not a button's."""
    return {
        text
        for name, value in answers.items()
        if name not in shown
        for text in leaves(value)
        if text not in {NUMB, UNKNOWN}
    }


SURE = 200
"""Characters after which the beginning of a text is as good as the text."""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _told(text: str, known: Collection[str]) -> bool:
    """Whether a recent message is in the document already; long ones are kept clipped."""
    if not text or text in known:
        return True
    # Several answers may have become one field: "chest, throat: tight".
    part = _listed(text)
    if any(part in _listed(other) for other in known):
        return True
    return len(text) >= SURE and any(other.startswith(text) for other in known)


def _listed(text: str) -> str:
    return f", {text.replace(': ', ', ')}, "


def _is_command(text: str) -> bool:
    return text.startswith("/") and len(text.split()) == 1


def leaves(value: Any) -> Iterator[str]:
    """Yield every text inside a JSON value, names of fields not counted."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as found:
                waiting.extend(found.values())
            case list() | tuple() as found:
                waiting.extend(found)
            case _:
                pass


# --- files -----------------------------------------------------------------------------------


def parts(document: Document, limit: int = LIMIT) -> list[File]:
    """Write the document as one file, or as several that each stand on their own.

    A single item larger than the limit still goes out whole, in a file of its own.
    """
    head = {name: value for name, value in document.items() if name not in LISTS}
    items = [(name, _json(item)) for name in LISTS for item in document.get(name, ())]
    # Room for the names of the lists, for the brackets, and for which part of how many it is.
    room = limit - len(_written(head | {"part": {"number": MOST, "of": MOST}}, [])) - 2 * len(LISTS)
    pages: list[list[tuple[str, bytes]]] = [[]]
    used = 0
    for item in items:
        need = len(item[1]) + 2
        if pages[-1] and (used + need > room or len(pages[-1]) == MOST):
            pages.append([])
            used = 0
        pages[-1].append(item)
        used += need
    names = _names(document, len(pages), "json")
    if len(pages) == 1:
        return [(names[0], _written(head, pages[0]))]
    return [
        (name, _written(head | {"part": {"number": number, "of": len(pages)}}, page))
        for number, (name, page) in enumerate(zip(names, pages, strict=True), start=1)
    ]


def _written(head: Mapping[str, Any], items: Sequence[tuple[str, bytes]]) -> bytes:
    """Write one item a line: as quick as on one line, and a person can read it."""
    lines = [_json(name) + b":" + _json(value) for name, value in head.items()]
    for name in LISTS:
        inner = b",\n".join(item for of, item in items if of == name)
        lines.append(_json(name) + b":[" + (b"\n" + inner + b"\n" if inner else b"") + b"]")
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _json(value: Any) -> bytes:
    return _dumps(value).encode("utf-8", "replace")


def _names(document: Document, count: int, ending: str) -> list[str]:
    day = str(document["exported_at"])[:10]
    if count == 1:
        return [f"{NAME}-{day}.{ending}"]
    return [f"{NAME}-{day}-{number}of{count}.{ending}" for number in range(1, count + 1)]


def sheets(document: Document, limit: int = LIMIT) -> list[File]:
    """Write the entries and the plans as tables, a row each, for a spreadsheet."""
    plans = [{"kind": PLAN, "happened_at": p["written_at"], **p} for p in document["plans"]]
    entries: list[Fields] = [*document["entries"], *plans]
    fields = dict.fromkeys(name for entry in entries for name in entry["fields"])
    header = _row([*COLUMNS, *(f"field {name}" if name in COLUMNS else name for name in fields)])
    # Spreadsheets take a file for UTF-8 only when it says so.
    head = "\N{ZERO WIDTH NO-BREAK SPACE}".encode() + header
    pages: list[list[bytes]] = [[]]
    used = len(head)
    for entry in entries:
        cells = [entry[name] for name in COLUMNS] + [entry["fields"].get(name) for name in fields]
        row = _row(cells)
        if pages[-1] and used + len(row) > limit:
            pages.append([])
            used = len(head)
        pages[-1].append(row)
        used += len(row)
    names = _names(document, len(pages), "csv")
    return [(name, head + b"".join(page)) for name, page in zip(names, pages, strict=True)]


def _row(cells: Iterable[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue().encode("utf-8", "replace")


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take these too


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            text = value.replace("\0", "")
        case list() if all(isinstance(item, str) for item in value):
            text = "; ".join(value).replace("\0", "")
        case _:
            text = _dumps(value)
    # A cell that begins like a formula would be computed, and could even call out.
    risky = text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if risky else text


# --- at send time ----------------------------------------------------------------------------


def renderer(
    store: Store, clock: Clock
) -> Callable[[str, Fields], Coroutine[Any, Any, list[File]]]:
    """Return what makes the files of an export at the moment they are sent."""

    async def render(person_id: str, fields: Fields) -> list[File]:
        """Return the files, JSON first; none when the person is gone.

        ``left_out = false`` leaves out what is kept out of the look back, and what cards were
        shown: the person was asked first.
        """
        whole = fields.get("left_out", True) is not False
        kept = await store.read(lambda tx: _read(tx, person_id))
        if kept is None:
            return []
        # Years of notes take a moment to write; others are being answered meanwhile.
        return await asyncio.to_thread(_files, kept, clock.now(), whole=whole)

    return render


@dataclass(frozen=True, slots=True)
class _Kept:
    """All the rows an export is made of."""

    person: Person
    entries: list[Entry]
    drafts: list[Draft]
    session: Fields | None
    timers: list[Timer]
    events: list[Event]


def _read(tx: Tx, person_id: str) -> _Kept | None:
    person = tx.person(person_id)
    if person is None:
        return None
    return _Kept(
        person,
        tx.entries(person_id),
        tx.drafts(person_id),
        tx.session(person_id),
        tx.timers(person_id),
        tx.events(person_id),
    )


def _files(kept: _Kept, now: datetime, *, whole: bool) -> list[File]:
    entries, drafts, session = kept.entries, kept.drafts, kept.session
    if not whole:
        entries = [entry for entry in entries if entry.fields.get(LEFT_OUT) is not True]
        drafts = [draft for draft in drafts if not _is_apart(draft.frame)]
        frames = [f for f in (session or {}).get("frames", ()) if not _is_apart(f)]
        session = session and {**session, "recent": [], "frames": frames}
    made = document(
        kept.person,
        entries,
        drafts,
        session,
        now=now,
        timers=kept.timers,
        events=kept.events if whole else (),
    )
    return [*parts(made), *sheets(made)]


def _is_apart(frame: Mapping[str, Any]) -> bool:
    """Whether what an unfinished flow becomes is to be kept out of look backs."""
    return frame.get("values", {}).get(LEFT_OUT) is True
