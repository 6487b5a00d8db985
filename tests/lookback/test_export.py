"""What leaves the house: everything, once, in files that stand on their own."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.flows.session import Frame, Session
from bot.lookback import export, importing
from bot.store import Consent, Draft, Entry, Person, Store, Tx, Word
from tests.lookback.conftest import NOW, Stopped, entry, opened

CHAT = 987_654_321
PERSON = Person(
    id="ab" * 16,
    chat=CHAT,
    since=NOW,
    zone="Europe/Berlin",
    consents=(Consent("1", NOW), Consent("2", NOW, NOW)),
    words=(Word("trigger", "S. is late"),),
    said={"hint": True},
)


def made(*entries: Entry, drafts: tuple[Draft, ...] = (), session: Session | None = None) -> Any:
    return export.document(PERSON, entries, drafts, session.to_json() if session else None, now=NOW)


def test_the_shape_of_the_document() -> None:
    item = entry("trigger", id="one", trigger="Slow answer", odd={"deep": [1]})
    whole = made(item, drafts=(Draft("d", "log", NOW, {"flow": "log", "step": "what"}),))
    assert whole["schema"] == {"name": "notes", "version": 1}
    assert whole["exported_at"] == "2026-11-21T20:40:00Z"
    assert whole["entries"] == [
        {
            "id": "one",
            "kind": "trigger",
            "happened_at": "2026-11-21T19:40:00Z",
            "written_at": "2026-11-21T19:40:00Z",
            "edited_at": None,
            "zone": "Europe/Berlin",
            "fields": {"trigger": "Slow answer", "odd": {"deep": [1]}},
        }
    ]
    assert [draft["id"] for draft in whole["drafts"]] == ["d"]
    assert whole["words"] == [{"kind": "trigger", "text": "S. is late", "archived": False}]
    assert whole["plans"] == []
    assert [consent["version"] for consent in whole["consents"]] == ["1", "2"]


def test_the_account_is_nowhere_in_it() -> None:
    files = export.parts(made(entry("note"))) + export.sheets(made(entry("note")))
    assert all(str(CHAT).encode() not in content for _, content in files)
    assert all(PERSON.id.encode() not in content for _, content in files)


# --- the open conversation -------------------------------------------------------------------


def test_open_answers_and_loose_words_are_a_draft_named_open() -> None:
    session = Session(
        frames=(
            Frame("log", "story", {"trigger": "they went silent", "intensity_before": 8}),
            Frame("body", "walk", {"felt": "my knees"}, how="visited", resume="story"),
        ),
        loose=("and another thing",),
    )
    (draft,) = made(session=session)["drafts"]
    assert draft["id"] == "open"
    assert draft["frame"]["answers"] == {"felt": "my knees"}
    assert draft["under"][0]["answers"] == {"trigger": "they went silent", "intensity_before": 8}
    assert draft["loose"] == ["and another thing"]


def test_nothing_open_is_no_draft() -> None:
    assert made(session=Session(turn=9, frames=(Frame("log", "what"),)))["drafts"] == []


def test_every_word_is_said_exactly_once() -> None:
    kept = entry("trigger", id="k", trigger="WORD-A", body="chest: WORD-B", story="WORD-C")
    answers = {"trigger": "WORD-A", "body_where": "WORD-B", "story": "WORD-C", "urge": "WORD-D"}
    session = Session(
        frames=(
            Frame(
                "log",
                "did",
                answers,
                values={"entry": "k", "summary": "WORD-A WORD-C", "argument": "WORD-E"},
            ),
        ),
        loose=("WORD-F",),
        recent=tuple({"text": text} for text in (*(f"WORD-{c}" for c in "ACDFGG"), "/export")),
    )
    text = export.parts(made(kept, session=session))[0][1].decode()
    assert {c: text.count(f"WORD-{c}") for c in "ABCDEFG"} == dict.fromkeys("ABCDEFG", 1)
    assert "/export" not in text


def test_a_long_message_kept_clipped_for_the_screener_is_not_said_twice() -> None:
    story = "so much happened " * 200
    session = Session(recent=({"at": 1, "text": story[:1000]},))
    assert made(entry("note", text=story), session=session)["drafts"] == []


def test_a_flow_whose_answers_are_kept_is_no_draft() -> None:
    kept = entry("checkin", feeling="Restless", nearness="Further")
    frame = Frame(
        "checkin",
        "line",
        {"feeling": "restless", "nearness": "further"},
        shown={"feeling": "Restless", "nearness": "Further"},
    )
    assert made(kept, session=Session(frames=(frame,)))["drafts"] == []


# --- files -----------------------------------------------------------------------------------


def test_one_file_when_it_fits() -> None:
    ((name, content),) = export.parts(made(entry("note", text="😀\u2028")))
    assert name == "notes-2026-11-21.json"
    assert json.loads(content)["entries"][0]["fields"] == {"text": "😀\u2028"}
    assert "part" not in json.loads(content)


@pytest.mark.parametrize("limit", [900, 2_000, 5_000])
def test_parts_stand_on_their_own_and_lose_nothing(limit: int) -> None:
    entries = [entry("note", text=f"{n} " * 60) for n in range(40)]
    whole = made(*entries, drafts=(Draft("d", "log", NOW, {"flow": "log", "step": "what"}),))
    files = export.parts(whole, limit)
    assert len(files) > 1
    assert files[0][0] == f"notes-2026-11-21-1of{len(files)}.json"
    read = [json.loads(content) for _, content in files]
    for name in export.LISTS:
        assert [item for part in read for item in part[name]] == whole[name]
    for number, part in enumerate(read, start=1):
        assert part["part"] == {"number": number, "of": len(files)}
        assert part["schema"] == whole["schema"]
    for _, content in files:
        assert len(content) <= limit or limit == 900
        importing.read(content)


def test_an_item_larger_than_the_limit_goes_out_alone() -> None:
    files = export.parts(made(entry("note", text="x" * 4096), entry("note", text="y")), 1_000)
    assert sum(b"xxxx" in content for _, content in files) == 1


def test_a_table_a_spreadsheet_reads() -> None:
    whole = made(
        entry("trigger", id="1", trigger='a;b\n"c"', intensity_before=7, ago=timedelta(hours=3)),
        entry("note", id="2", text="täglich 😀", kind_of="x", ago=timedelta(hours=2)),
        entry("letter", id="3", lines=["a", "b"], more={"n": None}, ago=timedelta(hours=1)),
    )
    ((name, content),) = export.sheets(whole)
    assert name == "notes-2026-11-21.csv"
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0]["trigger"] == 'a;b\n"c"'
    assert rows[0]["intensity_before"] == "7"
    assert rows[1]["text"] == "täglich 😀"
    assert (rows[2]["lines"], rows[2]["more"]) == ("a; b", '{"n":null}')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "  =", "\t", "\r\n", "＝", "\0="])  # noqa: RUF001 - what some spreadsheets take
def test_no_cell_is_a_formula(start: str) -> None:
    nasty = f"{start}cmd|'/C calc'!A0"
    fields: dict[str, Any] = {nasty: nasty, "list": [nasty]}
    whole = made(entry("note", **fields))
    header, row = csv.reader(
        io.StringIO(export.sheets(whole)[0][1].decode("utf-8-sig"), newline="")
    )
    assert all(cell.startswith("'") for cell in (header[-2], *row[-2:]))
    assert json.loads(export.parts(whole)[0][1])["entries"][0]["fields"][nasty] == nasty


def test_a_field_named_like_a_column_keeps_its_own() -> None:
    whole = made(entry("x", text="t"))
    whole["entries"][0]["fields"]["id"] = "theirs"
    rows = list(csv.DictReader(io.StringIO(export.sheets(whole)[0][1].decode("utf-8-sig"))))
    assert rows[0]["field id"] == "theirs"
    assert rows[0]["id"] != "theirs"


def test_tables_come_in_parts_too() -> None:
    whole = made(*(entry("note", text="x" * 100) for _ in range(50)))
    files = export.sheets(whole, 2_000)
    assert files[0][0] == f"notes-2026-11-21-1of{len(files)}.csv"
    rows = [
        row
        for _, content in files
        for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    ]
    assert len(rows) == 50


async def test_files_are_made_at_send_time(store: Store, clock: Stopped) -> None:
    person = await store.write(lambda tx: tx.add_person(CHAT, NOW))
    render = export.renderer(store, clock)

    def fill(tx: Tx) -> None:
        tx.save_entry(person.id, entry("note", text="seen"))
        tx.save_entry(person.id, entry("note", text="private", left_out=True))
        tx.save_session(person.id, Session(recent=({"text": "hello"},)).to_json(), NOW)
        tx.set_timer(person.id, NOW, "return", "x", {"line": "back at nine"})

    await store.write(fill)
    names = [name for name, _ in await render(person.id, {})]
    assert names == ["notes-2026-11-21.json", "notes-2026-11-21.csv"]
    everything = json.loads((await render(person.id, {}))[0][1])
    assert len(everything["entries"]) == 2
    assert everything["drafts"][0]["recent"] == ["hello"]
    assert everything["timers"][0]["fields"] == {"line": "back at nine"}
    some = b"".join(content for _, content in await render(person.id, {"left_out": False}))
    assert b"seen" in some
    assert b"private" not in some
    assert b"hello" not in some
    await store.write(lambda tx: tx.delete_person(person.id))
    assert await render(person.id, {}) == []


# --- out and back in -------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
MOMENT = st.datetimes(
    datetime(1901, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2199, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
STRENGTH = st.integers(0, 10) | st.sampled_from(["numb", "unknown"])
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries({}, optional={"trigger": TEXT, "intensity_before": STRENGTH}) | (
    st.dictionaries(TEXT.filter(lambda t: not t.startswith("intensity_")), VALUE, max_size=4)
)
ID = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda text: text != "open"
)
ENTRY = st.builds(
    Entry,
    id=ID,
    kind=st.sampled_from(["trigger", "closeness", "activation", "part", "checkin", "note", "new"]),
    happened_at=MOMENT,
    written_at=MOMENT,
    zone=st.sampled_from([None, "Europe/Berlin", "Pacific/Apia"]),
    fields=FIELDS,
    edited_at=st.none() | MOMENT,
)
DRAFT = st.builds(
    Draft,
    id=ID,
    flow=st.sampled_from(["log", "parts"]),
    written_at=MOMENT,
    frame=st.fixed_dictionaries(
        {"flow": st.just("log"), "step": st.just("what")},
        optional={"answers": st.dictionaries(TEXT, VALUE, max_size=3), "shrugs": st.integers(0, 9)},
    ),
)
WORD = st.builds(
    Word,
    kind=st.sampled_from(["trigger", "feeling"]),
    text=TEXT.filter(bool),
    archived=st.booleans(),
)


class _House:
    """One store for many examples, each with people of its own."""

    def __init__(self, runner: asyncio.Runner, store: Store) -> None:
        self.runner = runner
        self.store = store
        self.chats = 0

    def someone(self) -> str:
        self.chats += 1
        return self.runner.run(self.store.write(lambda tx: tx.add_person(self.chats, NOW))).id

    def write(self, work: Any) -> Any:
        return self.runner.run(self.store.write(work))

    def exported(self, who: str) -> dict[str, Any]:
        files = self.runner.run(export.renderer(self.store, self.store.clock)(who, {}))
        return json.loads(files[0][1])  # type: ignore[no-any-return]

    def import_(self, who: str, whole: dict[str, Any]) -> importing.Counts:
        imported = importing.read(json.dumps(whole).encode())
        return self.write(lambda tx: importing.merge(tx, who, imported, NOW))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def house() -> Iterator[_House]:
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        store = runner.run(opened(Path(folder), Stopped()))
        yield _House(runner, store)
        runner.run(store.close())


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    ours = ("exported_at", "person")
    return {k: v for k, v in one.items() if k not in ours} == {
        k: v for k, v in other.items() if k not in ours
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(ENTRY, max_size=8, unique_by=lambda e: e.id),
    st.lists(DRAFT, max_size=3, unique_by=lambda d: d.id),
    st.lists(WORD, max_size=4, unique_by=lambda w: (w.kind, w.text)),
)
def test_out_and_in_again_is_the_same(
    house: _House, entries: list[Entry], drafts: list[Draft], words: list[Word]
) -> None:
    one, other = house.someone(), house.someone()

    def fill(tx: Tx) -> None:
        for item in entries:
            tx.save_entry(one, item)
        for draft in drafts:
            tx.save_draft(one, draft)
        person = tx.person(one)
        assert person is not None
        tx.save_person(replace(person, words=tuple(words)))

    house.write(fill)
    first = house.exported(one)
    assert house.import_(other, first) == importing.Counts(
        len(entries), 0, 0, len(drafts), len(words)
    )
    assert _same(house.exported(other), first)
    assert house.import_(other, first) == importing.Counts(0, 0, len(entries), 0, 0)
    assert house.import_(one, first) == importing.Counts(0, 0, len(entries), 0, 0)
    assert _same(house.exported(other), first)
    assert _same(house.exported(one), first)


def test_parts_come_in_one_by_one_in_any_order(house: _House) -> None:
    one, other = house.someone(), house.someone()
    entries = [entry("note", text=f"{n}" * 100) for n in range(30)]
    house.write(lambda tx: [tx.save_entry(one, item) for item in entries])
    whole = house.exported(one)
    files = export.parts(whole, 2_000)
    assert len(files) > 2
    for _, content in reversed(files):
        house.import_(other, json.loads(content))
    assert _same(house.exported(other), whole)
