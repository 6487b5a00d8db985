"""What comes in from outside: read with suspicion, refused in one sentence, merged with care."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import RefusedAnswer
from bot.flows.session import Frame, Session
from bot.lookback import export, importing
from bot.lookback.importing import Counts
from bot.store import Consent, Draft, Entry, Person, Store, Word
from tests.lookback.conftest import NOW, entry

PERSON = Person("ab" * 16, 1, NOW)


def whole(*entries: Entry, **changes: Any) -> dict[str, Any]:
    """Return an export as JSON would give it back, with some of it changed."""
    made = export.document(PERSON, entries, (), now=NOW)
    return {**made, **changes}


def first(**changes: Any) -> dict[str, Any]:
    """Return an export of one entry with some of that entry changed."""
    made = whole(entry("trigger", id="one", trigger="x"))
    made["entries"][0] |= changes
    return made


def refused(document: bytes | dict[str, Any]) -> str:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RefusedAnswer) as caught:
        importing.read(content)
    sentence = str(caught.value)
    assert sentence.endswith("Nothing was changed.")
    assert len(sentence) < 160
    assert "\n" not in sentence
    return sentence


NO_EXPORTS = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"notes"',
    b"{}",
    b"\xff\xfe\x00",
    b"\x89PNG\r\n\x1a\n",
    b"PK\x03\x04",
    b"id,kind\r\n1,note\r\n",
    b'{"schema": {"name": "notes", "version": 1}',
    b'{"schema": {"name": "other", "version": 1}, "entries": []}',
    b'{"schema": {"name": "notes"}, "entries": []}',
    b'{"schema": {"name": "notes", "version": "1"}, "entries": []}',
    b'{"schema": {"name": "notes", "version": 0}, "entries": []}',
    b'{"schema": {"name": "notes", "version": true}, "entries": []}',
    b'{"schema": ["notes", 1], "entries": []}',
    b'{"schema": "notes", "entries": []}',
    b'{"schema": {"name": "notes", "version": 1}, "entries": [], "x": NaN}',
    b'{"schema": {"name": "notes", "version": 1}, "entries": [], "x": -Infinity}',
    b'{"schema": {"name": "notes", "version": 1}, "entries": [], "x": ' + b"9" * 5000 + b"}",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'"' * 100_001,
    b'"\\' + b'\\"' * 500_000,
]


@pytest.mark.parametrize("content", NO_EXPORTS, ids=range(len(NO_EXPORTS)))
def test_what_is_no_export_is_refused(content: bytes) -> None:
    assert refused(content) == importing.NOT_OURS


def test_a_newer_version_is_named() -> None:
    assert refused(whole(schema={"name": "notes", "version": 2})) == importing.NEWER
    assert refused(whole(schema={"name": "notes", "version": 10**30})) == importing.NEWER


def test_too_big() -> None:
    assert refused(b" " * (importing.LIMIT + 1)) == importing.TOO_BIG


def test_small_pieces_do_not_become_much_memory() -> None:
    start = time.process_time()
    assert refused(b"[" + b"{}," * 6_000_000 + b"{}]") == importing.TOO_MANY
    assert time.process_time() - start < 4


def test_too_many_entries() -> None:
    head, tail = json.dumps(whole(entries=["HERE"])).encode().split(b'"HERE"')
    assert refused(head + b",".join([b"{}"] * (export.MOST + 1)) + tail) == importing.TOO_MANY


def _nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: list[tuple[str, Any]] = [
    ("id", ""),
    ("id", "x" * 201),
    ("id", 7),
    ("id", None),
    ("id", "\ud800"),
    ("kind", ""),
    ("kind", ["note"]),
    ("kind", "x" * 101),
    ("happened_at", "yesterday"),
    ("happened_at", "2026-11-21T20:40:00"),
    ("happened_at", "0001-01-01T00:00:00Z"),
    ("happened_at", "9999-12-31T23:59:59-23:59"),
    ("happened_at", "1899-12-31T23:59:59Z"),
    ("happened_at", 1_700_000_000),
    ("happened_at", None),
    ("happened_at", "2" * 10_000),
    ("written_at", {}),
    ("edited_at", "soon"),
    ("edited_at", True),
    ("zone", 5),
    ("fields", None),
    ("fields", []),
    ("fields", "text"),
    ("fields", {"intensity_before": 11}),
    ("fields", {"intensity_before": -1}),
    ("fields", {"intensity_before": True}),
    ("fields", {"intensity_before": 7.5}),
    ("fields", {"intensity_before": "8"}),
    ("fields", {"intensity_now": [3]}),
    ("fields", {"intensity_now": {"n": 3}}),
    ("fields", {"story": "x" * 20_001}),
    ("fields", {"x" * 20_001: "story"}),
    ("fields", {"story": "half \ud83d"}),
    ("fields", {"half \ude00": "story"}),
    ("fields", {"story": 2**53 + 1}),
    ("fields", {"story": -(10**300)}),
    ("fields", {"story": _nested(40)}),
]


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=range(len(HOSTILE)))
def test_strange_values_are_refused(name: str, value: Any) -> None:
    refused(first(**{name: value}))


def test_endless_numbers_are_refused() -> None:
    content = json.dumps(first(fields={"story": "HERE"})).replace('"HERE"', "1e999")
    assert refused(content.encode()) == importing.ODD_VALUE


@pytest.mark.parametrize(
    "changes",
    [
        {"entries": None},
        {"entries": {}},
        {"entries": [None]},
        {"drafts": "x"},
        {"drafts": [{"id": "d", "flow": "log", "written_at": "2026-11-21T20:40:00Z"}]},
        {"words": [{"kind": "trigger", "text": ""}]},
        {"words": [{"kind": "trigger", "text": "x", "archived": "no"}]},
        {"words": [["trigger", "x"]]},
    ],
    ids=range(8),
)
def test_strange_lists_are_refused(changes: dict[str, Any]) -> None:
    refused(whole(**changes))


@pytest.mark.parametrize(
    "frame",
    [
        {"flow": "log"},
        {"flow": "log", "step": 3},
        {"flow": "log", "step": "x", "answers": []},
        {"flow": "log", "step": "x", "shown": {"a": 1}},
        {"flow": "log", "step": "x", "trail": "abc"},
        {"flow": "log", "step": "x", "picked": [1]},
        {"flow": "log", "step": "x", "shrugs": 10**9},
        {"flow": "log", "step": "x", "how": "by force"},
    ],
    ids=range(8),
)
@pytest.mark.parametrize("name", ["d", "open"])
def test_frames_the_engine_could_not_take_up_are_refused(name: str, frame: dict[str, Any]) -> None:
    draft = {"id": name, "flow": "log", "written_at": "2026-11-21T20:40:00Z", "frame": frame}
    refused(whole(drafts=[draft]))


def test_the_sentence_says_where_but_repeats_nothing_of_the_file() -> None:
    sentence = refused(first(happened_at="<b>tomorrow</b>"))
    assert sentence == importing.ODD.format(where="entries, number 1, happened_at")
    assert "secret" not in refused(first(fields={"intensity_now": "secret"}))


def test_a_missing_list_is_an_empty_one_but_entries_are_expected() -> None:
    made = whole()
    for name in ("drafts", "words", "plans", "consents", "person", "timers", "events"):
        del made[name]
    assert importing.read(json.dumps(made).encode()).entries == ()
    del made["entries"]
    refused(made)


def test_what_is_only_unusual_is_kept() -> None:
    fields = {
        "story": "x" * 20_000,
        "html": "<b>&amp;</b><script>",
        "null": "a\0b",
        "words": "y" * 4096,
        "deep": _nested(20),
        "trigger": ["a", 7, None],
    }
    content = json.dumps(first(fields=fields, kind="letter", later="ignored")).encode()
    (found,) = importing.read(b"\xef\xbb\xbf" + content).entries
    assert found.fields == fields
    assert found.kind == "letter"


def test_a_zone_this_machine_lacks_is_no_zone() -> None:
    (found,) = importing.read(json.dumps(first(zone="Mars/Olympus")).encode()).entries
    assert found.zone is None


def test_of_two_with_one_id_the_newer_stays() -> None:
    old = entry("note", id="same", text="old", ago=timedelta(days=2))
    new = replace(old, fields={"text": "new"}, edited_at=NOW)
    for pair in ((old, new), (new, old)):
        made = export.document(PERSON, pair, (), now=NOW)
        assert importing.read(json.dumps(made).encode()).entries == (new,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.sampled_from(["entries", "drafts", "words", "schema", "0", "fields"]))
def test_whatever_is_in_the_file_it_is_read_or_refused(value: Any, where: str) -> None:
    made = first()
    match where:
        case "0":
            made["entries"][0] = value
        case "fields":
            made["entries"][0]["fields"] = value
        case _:
            made[where] = value
    with contextlib.suppress(RefusedAnswer):
        importing.read(json.dumps(made).encode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content: bytes) -> None:
    refused(content)


# --- merging ---------------------------------------------------------------------------------


async def _someone(store: Store) -> str:
    return (await store.write(lambda tx: tx.add_person(5, NOW))).id


async def _take_in(store: Store, who: str, made: dict[str, Any]) -> Counts:
    imported = importing.read(json.dumps(made).encode())
    return await store.write(lambda tx: importing.merge(tx, who, imported, NOW))


async def test_the_newer_edit_wins_in_both_directions(store: Store) -> None:
    who = await _someone(store)
    mine = {
        name: entry("note", id=name, text="mine", ago=timedelta(days=3), edited_at=edited)
        for name, edited in (("a", None), ("b", NOW), ("c", NOW - timedelta(days=1)))
    }

    def fill(tx: Any) -> None:
        for item in mine.values():
            tx.save_entry(who, item)

    await store.write(fill)
    theirs = [
        replace(item, fields={"text": "theirs"}, edited_at=NOW - timedelta(days=1))
        for item in mine.values()
    ]
    found = await _take_in(store, who, whole(*theirs, entry("note", id="d", text="theirs")))
    assert found == Counts(new=1, newer=1, same=2)
    kept = {e.id: e.fields["text"] for e in await store.read(lambda tx: tx.entries(who))}
    assert kept == {"a": "theirs", "b": "mine", "c": "mine", "d": "theirs"}


async def test_settings_and_consents_of_a_file_are_not_taken_over(store: Store) -> None:
    who = await _someone(store)
    other = replace(
        PERSON,
        zone="Asia/Tokyo",
        country="JP",
        checkin_at="07:00",
        adult=True,
        consents=(Consent("1", NOW),),
        words=(Word("trigger", "Late trains"),),
        said={"x": 1},
    )
    made = export.document(other, (), (), now=NOW)
    assert await _take_in(store, who, made) == Counts(0, 0, 0, 0, 1)
    person = await store.read(lambda tx: tx.person(who))
    assert person is not None
    assert person.words == other.words
    assert replace(person, words=()) == Person(who, 5, NOW)


async def test_words_are_merged_whatever_their_spelling(store: Store) -> None:
    who = await _someone(store)
    mine = (Word("trigger", "Late trains", archived=True), Word("feeling", "Late trains"))
    await store.write(lambda tx: tx.save_person(replace(Person(who, 5, NOW), words=mine)))
    made = whole(
        words=[
            {"kind": "trigger", "text": "late  TRAINS"},
            {"kind": "trigger", "text": "Rain"},
            {"kind": "trigger", "text": "Rain"},
        ]
    )
    assert (await _take_in(store, who, made)).words == 1
    person = await store.read(lambda tx: tx.person(who))
    assert person is not None
    assert person.words == (*mine, Word("trigger", "Rain"))


async def test_a_draft_comes_back_under_its_id(store: Store) -> None:
    who = await _someone(store)
    frame = {"flow": "log", "step": "story", "answers": {"trigger": "x"}, "later": [1]}
    made = export.document(PERSON, (), (Draft("d", "log", NOW, frame),), now=NOW)
    assert (await _take_in(store, who, made)).drafts == 1
    assert (await _take_in(store, who, made)).drafts == 0
    assert await store.read(lambda tx: tx.drafts(who)) == [Draft("d", "log", NOW, frame)]


OPEN = Session(
    frames=(
        Frame("log", "story", {"trigger": "they went silent"}, trail=("what",)),
        Frame("body", "walk", {"felt": "my knees"}, how="visited", resume="story"),
        Frame("summary", "which", {"days": "7"}, shown={"days": "Seven days"}),
    ),
    loose=("and another thing",),
)


async def test_what_was_open_becomes_drafts_and_notes_once(store: Store) -> None:
    who = await _someone(store)
    made = export.document(PERSON, (), (), OPEN.to_json(), now=NOW)
    assert await _take_in(store, who, made) == Counts(1, 0, 0, 2, 0)
    assert await _take_in(store, who, made) == Counts(0, 0, 1, 0, 0)
    drafts = await store.read(lambda tx: tx.drafts(who))
    assert {draft.flow: draft.frame["answers"] for draft in drafts} == {
        "log": {"trigger": "they went silent"},
        "body": {"felt": "my knees"},
    }
    assert all("how" not in draft.frame and "resume" not in draft.frame for draft in drafts)
    (note,) = await store.read(lambda tx: tx.entries(who))
    assert (note.kind, note.fields) == ("note", {"text": "and another thing"})


def _still_open(tx: Any, who: str) -> None:
    tx.save_session(who, OPEN.to_json(), NOW)


def _stopped_since(tx: Any, who: str) -> None:
    frame = {"flow": "log", "step": "urge", "answers": {"trigger": "they went silent", "n": 8}}
    tx.save_draft(who, Draft("x", "log", NOW, frame))
    frame = {"flow": "body", "step": "walk", "answers": {"felt": "my knees"}}
    tx.save_draft(who, Draft("y", "body", NOW, frame))
    tx.save_entry(who, entry("note", text="and another thing"))


def _kept_since(tx: Any, who: str) -> None:
    tx.save_entry(who, entry("trigger", trigger="they went silent", story="too much"))
    tx.save_entry(who, entry("activation", felt="my knees", line="and another thing"))


@pytest.mark.parametrize("since", [_still_open, _stopped_since, _kept_since])
async def test_what_was_open_is_not_doubled(
    store: Store, since: Callable[[Any, str], None]
) -> None:
    who = await _someone(store)
    await store.write(lambda tx: since(tx, who))
    made = export.document(PERSON, (), (), OPEN.to_json(), now=NOW)
    assert await _take_in(store, who, made) == Counts(0, 0, 1, 0, 0)


async def test_nobody_to_take_it_in(store: Store) -> None:
    imported = importing.read(json.dumps(whole()).encode())
    with pytest.raises(LookupError):
        await store.write(lambda tx: importing.merge(tx, "cd" * 16, imported, NOW))


async def test_ten_thousand_entries_come_in_quickly(store: Store) -> None:
    who = await _someone(store)
    made = whole(*(entry("note", text=f"line {n} " * 20) for n in range(10_000)))
    content = json.dumps(made).encode()
    start = time.process_time()
    imported = importing.read(content)
    found = await store.write(lambda tx: importing.merge(tx, who, imported, NOW))
    assert found == Counts(10_000, 0, 0)
    assert time.process_time() - start < 6
