"""What is kept of a person comes back as it was."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store import Consent, Draft, Entry, Event, Lane, Person, Word, new_id
from bot.store.records import Sighting
from bot.store.seal import pack, unpack
from bot.store.values import from_entry, from_person, moment, stamp, to_entry, to_person

if TYPE_CHECKING:
    from bot.store import Store, Tx

    from .conftest import Hands

moments = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
texts = st.text(max_size=20)


@given(moments)
def test_a_moment_comes_back_to_the_microsecond(at: datetime) -> None:
    assert moment(stamp(at)) == at


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001


@given(
    st.builds(
        Person,
        id=st.binary(min_size=16, max_size=16).map(bytes.hex),
        chat=st.integers(-(2**53), 2**53),
        since=moments,
        here=st.booleans(),
        adult=st.none() | st.booleans(),
        consents=st.lists(st.builds(Consent, texts, moments, st.none() | moments), max_size=3).map(
            tuple
        ),
        zone=st.none() | texts,
        words=st.lists(st.builds(Word, texts, texts, st.booleans()), max_size=3).map(tuple),
        said=st.dictionaries(texts, st.booleans()),
    )
)
def test_a_person_comes_back(person: Person) -> None:
    sealed = unpack(pack(from_person(person)))
    assert to_person(bytes.fromhex(person.id), not person.here, sealed) == person


@given(
    st.builds(
        Entry,
        id=texts,
        kind=texts,
        happened_at=moments,
        written_at=moments,
        zone=st.none() | texts,
        fields=st.dictionaries(texts, texts | st.integers() | st.lists(texts)),
        edited_at=st.none() | moments,
    )
)
def test_an_entry_comes_back(entry: Entry) -> None:
    assert to_entry(unpack(pack(from_entry(entry)))) == entry


async def test_a_person_is_found_by_chat_and_by_id(store: Store, clock: Hands) -> None:
    now = clock.now()
    assert await store.read(lambda tx: tx.load(7)) is None
    assert await store.read(lambda tx: tx.person_by_chat(7)) is None
    assert await store.read(lambda tx: tx.person("00" * 16)) is None
    person = await store.write(lambda tx: tx.add_person(7, now))
    assert person == Person(id=person.id, chat=7, since=now)
    assert await store.read(lambda tx: tx.load(7)) == (person, None)
    changed = replace(person, here=False, zone="Europe/Prague", consents=(Consent("1", now),))
    await store.write(lambda tx: tx.save_person(changed))
    await store.write(lambda tx: tx.save_session(person.id, {"flow": "log", "n": 1}, now))
    assert await store.read(lambda tx: tx.load(7)) == (changed, {"flow": "log", "n": 1})
    assert await store.read(lambda tx: tx.person_by_chat(7)) == changed
    assert await store.read(lambda tx: tx.person(person.id)) == changed
    assert await store.read(lambda tx: tx.count_people()) == 1


async def test_a_chat_belongs_to_one_person(store: Store, clock: Hands) -> None:
    person = await store.write(lambda tx: tx.add_person(7, clock.now()))
    with pytest.raises(sqlite3.IntegrityError):
        await store.write(lambda tx: tx.add_person(7, clock.now()))
    assert await store.read(lambda tx: tx.person_by_chat(7)) == person


async def test_a_session_is_saved_and_dropped(store: Store, clock: Hands) -> None:
    person = await store.write(lambda tx: tx.add_person(7, clock.now()))
    assert await store.read(lambda tx: tx.session(person.id)) is None
    await store.write(lambda tx: tx.save_session(person.id, {"a": 1}, clock.now()))
    await store.write(lambda tx: tx.save_session(person.id, {"ä": [2]}, clock.now()))
    assert await store.read(lambda tx: tx.session(person.id)) == {"ä": [2]}
    await store.write(lambda tx: tx.save_session(person.id, {}, clock.now()))
    assert await store.read(lambda tx: tx.load(7)) == (person, {})
    await store.write(lambda tx: tx.drop_session(person.id))
    assert await store.read(lambda tx: tx.load(7)) == (person, None)


def entry(at: datetime, written: datetime, name: str | None = None, body: str = "") -> Entry:
    return Entry(name or new_id(), "trigger", at, written, "Asia/Tokyo", {"body": body})


async def test_entries_come_in_the_order_they_happened(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await store.write(lambda tx: tx.add_person(7, now))
    days = [3, 0, 40, 1, 2]
    kept = [
        entry(now - timedelta(days=day), now + timedelta(minutes=i)) for i, day in enumerate(days)
    ]

    def save(tx: Tx) -> None:
        for one in kept:
            tx.save_entry(person.id, one)

    await store.write(save)
    in_order = sorted(kept, key=lambda one: one.happened_at, reverse=True)
    assert await store.read(lambda tx: tx.entries(person.id)) == in_order
    assert await store.read(lambda tx: tx.entries(person.id, limit=2)) == in_order[:2]
    since = now - timedelta(days=2)
    assert await store.read(lambda tx: tx.entries(person.id, since=since)) == in_order[:3]
    assert await store.read(lambda tx: tx.entries(person.id, since=since, limit=1)) == in_order[:1]


async def test_an_entry_is_replaced_and_forgotten_by_its_id(store: Store, clock: Hands) -> None:
    now = clock.now()
    one, two = await store.write(lambda tx: (tx.add_person(1, now), tx.add_person(2, now)))
    # An imported id may be any text, and two people may import the same file.
    name = "entry no. 1 ✓"
    first, second = entry(now, now, name, "first"), entry(now, now, name, "second")
    await store.write(lambda tx: tx.save_entry(one.id, first))
    await store.write(lambda tx: tx.save_entry(two.id, first))
    await store.write(lambda tx: tx.save_entry(one.id, replace(second, edited_at=now)))
    found = await store.read(lambda tx: tx.entry(one.id, name))
    assert found == replace(second, edited_at=now)
    assert await store.read(lambda tx: tx.entries(one.id)) == [found]
    assert await store.write(lambda tx: tx.delete_entry(one.id, name))
    assert not await store.write(lambda tx: tx.delete_entry(one.id, name))
    assert await store.read(lambda tx: tx.entry(one.id, name)) is None
    assert await store.read(lambda tx: tx.entries(two.id)) == [first]


async def test_drafts_and_events_come_back(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await store.write(lambda tx: tx.add_person(7, now))
    older = Draft("a", "log", now, {"step": "body"})
    newer = Draft("b", "parts", now + timedelta(minutes=1), {"step": "name"})
    shown = [
        Event("x", now, "hard", "no-future"),
        Event("y", now + timedelta(minutes=1), "fault", "unplanned"),
    ]

    def save(tx: Tx) -> None:
        tx.save_draft(person.id, older)
        tx.save_draft(person.id, newer)
        for event in shown:
            tx.add_event(person.id, event)

    await store.write(save)
    assert await store.read(lambda tx: tx.drafts(person.id)) == [newer, older]
    assert await store.write(lambda tx: tx.delete_draft(person.id, "a"))
    assert await store.read(lambda tx: tx.drafts(person.id)) == [newer]
    assert await store.read(lambda tx: tx.events(person.id)) == shown
    assert await store.write(lambda tx: tx.delete_events(person.id)) == 2
    assert await store.read(lambda tx: tx.events(person.id)) == []


async def test_sightings_of_both_sides(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await store.write(lambda tx: tx.add_person(7, now))
    await store.write(lambda tx: tx.saw(person.id, 100, now))
    await store.write(lambda tx: tx.saw(person.id, 100, now))
    later = clock.move(timedelta(seconds=1))
    call = await store.write(
        lambda tx: tx.queue(person.id, 7, Lane.REPLY, {"kind": "send"}, now=later)
    )
    await store.write(lambda tx: tx.delivered(call.id, 101, later))
    assert await store.read(lambda tx: tx.sightings(person.id)) == [
        Sighting(100, now),
        Sighting(101, later, call.id),
    ]
    assert await store.read(lambda tx: tx.message_of(person.id, call.id)) == 101
    assert await store.read(lambda tx: tx.message_of(person.id, new_id())) is None
    await store.write(lambda tx: tx.forget_sightings(person.id, [101, 5]))
    assert await store.read(lambda tx: tx.message_of(person.id, call.id)) is None
    assert [s.message_id for s in await store.read(lambda tx: tx.sightings(person.id))] == [100]


async def test_strangers_are_told_once(store: Store, clock: Hands) -> None:
    assert not await store.read(lambda tx: tx.told(-5, "private only"))
    await store.write(lambda tx: tx.tell(-5, "private only", clock.now()))
    await store.write(lambda tx: tx.tell(-5, "private only", clock.now()))
    assert await store.read(lambda tx: tx.told(-5, "private only"))
    assert not await store.read(lambda tx: tx.told(-5, "closed"))
    assert not await store.read(lambda tx: tx.told(-6, "private only"))


async def test_the_bot_notes_things_about_itself(store: Store) -> None:
    assert await store.read(lambda tx: tx.meta("offset")) is None
    await store.write(lambda tx: tx.set_meta("offset", "1"))
    await store.write(lambda tx: tx.set_meta("offset", "2"))
    assert await store.read(lambda tx: tx.meta("offset")) == "2"


async def test_nothing_is_kept_for_someone_who_is_gone(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await store.write(lambda tx: tx.add_person(7, now))
    await store.write(lambda tx: tx.tell(7, "closed", now))
    await store.write(lambda tx: tx.delete_person(person.id))
    await store.write(lambda tx: tx.delete_person(person.id))
    for late in (
        lambda tx: tx.save_person(person),
        lambda tx: tx.save_session(person.id, {}, now),
        lambda tx: tx.save_entry(person.id, entry(now, now)),
        lambda tx: tx.set_timer(person.id, now, "checkin", "2026-11-21"),
        lambda tx: tx.queue(person.id, 7, Lane.REPLY, {}, now=now),
        lambda tx: tx.saw(person.id, 1, now),
    ):
        with pytest.raises(LookupError):
            await store.write(late)
    assert await store.read(lambda tx: tx.load(7)) is None
    assert await store.read(lambda tx: tx.entries(person.id)) == []
    assert not await store.read(lambda tx: tx.told(7, "closed"))
    again = await store.write(lambda tx: tx.add_person(7, now))
    assert again.id != person.id


async def test_delete_leaves_no_row_in_any_table(store: Store, clock: Hands) -> None:
    now = clock.now()

    def counts(tx: Tx) -> dict[str, int]:
        tables = tx._execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {t: tx._execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for (t,) in tables}  # noqa: S608

    await store.write(lambda tx: tx.queue(None, 9, Lane.REPLY, {}, now=now))
    before = await store.read(counts)
    inbound = (await store.write(lambda tx: tx.take_in([(1, b"{}")], now)))[0]
    await store.write(lambda tx: tx.done_in(inbound.number))
    before = await store.read(counts)

    def fill(tx: Tx) -> Person:
        person = tx.add_person(7, now)
        tx.save_session(person.id, {}, now)
        tx.save_entry(person.id, entry(now, now))
        tx.save_draft(person.id, Draft(new_id(), "log", now, {}))
        tx.add_event(person.id, Event(new_id(), now, "soft", "r"))
        tx.set_timer(person.id, now, "checkin", "2026-11-21")
        tx.saw(person.id, 1, now)
        tx.tell(7, "closed", now)
        tx.queue(person.id, 7, Lane.REPLY, {}, now=now)
        (aside,) = tx.take_in([(2, b"{}")], now)
        tx.set_aside(aside.number, "odd", person.id)
        return person

    person = await store.write(fill)
    filled = await store.read(counts)
    same = {"facts", "meta", "migrations", "sqlite_sequence"}
    assert all(filled[table] > before[table] for table in filled if table not in same)
    await store.write(lambda tx: tx.delete_person(person.id))
    assert await store.read(counts) == before
