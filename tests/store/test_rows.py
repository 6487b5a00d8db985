"""Timers, the inbox and the outbox: what waits, in which order, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.store import Lane, Tx, new_id

from .conftest import write

if TYPE_CHECKING:
    import pytest

    from bot.store import Outbound, Person, Store

    from .conftest import Hands, House

MINUTE = timedelta(minutes=1)


async def someone(store: Store, clock: Hands, chat: int = 7) -> Person:
    return await store.write(lambda tx: tx.add_person(chat, clock.now()))


async def test_one_timer_for_each_kind_and_subject(store: Store, clock: Hands) -> None:
    now = clock.now()
    one, two = await someone(store, clock), await someone(store, clock, 8)
    timer = await store.write(lambda tx: tx.set_timer(one.id, now, "checkin", "2026-11-21"))
    assert timer is not None
    assert await store.write(lambda tx: tx.set_timer(one.id, now, "checkin", "2026-11-21")) is None
    for kind, subject in (("checkin", "2026-11-22"), ("twenty", "2026-11-21")):
        assert await write(store, Tx.set_timer, one.id, now, kind, subject)
    assert await store.write(lambda tx: tx.set_timer(two.id, now, "checkin", "2026-11-21"))
    assert await store.write(lambda tx: tx.timer_done(timer.id, now))
    assert not await store.write(lambda tx: tx.timer_done(timer.id, now))
    assert await store.write(lambda tx: tx.set_timer(one.id, now, "checkin", "2026-11-21")) is None


async def test_due_timers_are_claimed_once_oldest_first(store: Store, clock: Hands) -> None:
    now = clock.now()
    one, two = await someone(store, clock), await someone(store, clock, 8)

    def arrange(tx: Tx) -> None:
        for minutes in (5, 1, 3, 9):
            due = now + minutes * MINUTE
            tx.set_timer(one.id, due, "follow-up", str(minutes), {"m": minutes})
        tx.set_timer(two.id, now + 2 * MINUTE, "follow-up", "x")

    await store.write(arrange)
    assert await store.write(lambda tx: tx.claim_timers(now)) == []
    assert not await store.read(lambda tx: tx.any_due(now))
    then = now + 5 * MINUTE
    assert await store.read(lambda tx: tx.any_due(then))
    first = await store.write(lambda tx: tx.claim_timers(then, 3))
    assert [due.person for due in first] == [one.id, two.id, one.id]
    own = {t.id: t.fields["m"] for t in await store.read(lambda tx: tx.timers(one.id))}
    assert [own[due.id] for due in first if due.person == one.id] == [1, 3]
    (last,) = await store.write(lambda tx: tx.claim_timers(then, 3))
    assert own[last.id] == 5
    assert await store.write(lambda tx: tx.claim_timers(then)) == []
    assert await store.write(lambda tx: tx.move_timer(last.id, now + 20 * MINUTE))
    left = await store.read(lambda tx: tx.timers(one.id))
    assert [t.fields["m"] for t in left] == [1, 3, 9, 5]
    assert await store.write(lambda tx: tx.timer_done(first[0].id, now))
    assert await store.write(lambda tx: tx.release_timers()) == 2
    assert await store.write(lambda tx: tx.claim_timers(then)) == first[1:]


async def test_cancelled_timers_can_be_set_again(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await someone(store, clock)
    for kind in ("checkin", "ritual", "ritual2"):
        await write(store, Tx.set_timer, person.id, now, kind, "x")
    kinds = ("ritual", "ritual2", "none")
    assert await store.write(lambda tx: tx.cancel_timers(person.id, kinds=kinds)) == 2
    assert [t.kind for t in await store.read(lambda tx: tx.timers(person.id))] == ["checkin"]
    assert await store.write(lambda tx: tx.set_timer(person.id, now, "ritual", "x"))
    assert await store.write(lambda tx: tx.cancel_timers(person.id)) == 2
    assert await store.read(lambda tx: tx.timers(person.id)) == []


async def test_one_damaged_timer_does_not_stop_the_others(
    store: Store, clock: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    now = clock.now()
    one = await someone(store, clock)
    bad = await store.write(lambda tx: tx.set_timer(one.id, now, "checkin", "x"))
    good = await store.write(lambda tx: tx.set_timer(one.id, now, "checkin", "y"))
    assert bad
    await store.write(
        lambda tx: (
            tx._execute(
                "UPDATE timers SET sealed = ? WHERE id = ?", (b"\1" * 60, bytes.fromhex(bad.id))
            )
            and None
        )
    )
    assert await store.read(lambda tx: tx.timers(one.id)) == [good]
    assert bad.id in caplog.text


async def test_a_page_is_taken_in_once(store: Store, clock: Hands) -> None:
    now = clock.now()
    page = [(11, b'{"update_id":11}'), (10, b"not json \xff"), (11, b"again")]
    taken = await store.write(lambda tx: tx.take_in(page, now))
    assert [(i.update_id, i.payload, i.attempts) for i in taken] == [
        (11, b'{"update_id":11}', 1),
        (10, b"not json \xff", 1),
    ]
    assert [i.arrived_at for i in taken] == [now, now]
    assert taken[0].number < taken[1].number
    again = await store.write(lambda tx: tx.take_in([*page, (12, b"new")], now))
    assert [i.update_id for i in again] == [12]
    assert await store.write(lambda tx: tx.take_in([], now)) == []


async def test_a_done_update_is_known_for_48_hours(store: Store, clock: Hands) -> None:
    (inbound,) = await store.write(lambda tx: tx.take_in([(10, b"x")], clock.now()))
    await store.write(lambda tx: tx.done_in(inbound.number))
    clock.move(timedelta(hours=48))
    assert await store.write(lambda tx: tx.take_in([(10, b"x")], clock.now())) == []
    clock.move(MINUTE)
    (later,) = await store.write(lambda tx: tx.take_in([(10, b"y")], clock.now()))
    assert later.number > inbound.number


async def test_undone_updates_come_back_after_a_restart(house: House, clock: Hands) -> None:
    store = await house.open()
    page = [(n, str(n).encode()) for n in range(1, 7)]
    taken = await store.write(lambda tx: tx.take_in(page, clock.now()))
    await store.write(lambda tx: tx.done_in(taken[0].number))
    await store.write(lambda tx: tx.set_aside(taken[1].number, "cannot be read"))
    await store.write(lambda tx: tx.count_attempt(taken[2].number))
    await house.close(store)
    store = await house.open()
    first = await store.write(lambda tx: tx.undone(2))
    assert first == [replace(taken[2], attempts=3), replace(taken[3], attempts=2)]
    rest = await store.write(lambda tx: tx.undone(100, after_number=first[-1].number))
    assert rest == [replace(i, attempts=2) for i in taken[4:]]


async def test_a_damaged_update_is_set_aside(store: Store, clock: Hands) -> None:
    bad, good = await store.write(lambda tx: tx.take_in([(1, b"a"), (2, b"b")], clock.now()))
    await store.write(
        lambda tx: (
            tx._execute("UPDATE inbox SET payload = ? WHERE number = ?", (b"\1" * 60, bad.number))
            and None
        )
    )
    assert [i.number for i in await store.write(lambda tx: tx.undone(9))] == [good.number]
    assert [i.number for i in await store.write(lambda tx: tx.undone(9))] == [good.number]


async def test_what_is_set_aside_keeps_its_payload_until_the_person_goes(
    store: Store, clock: Hands
) -> None:
    person = await someone(store, clock)
    one, two = await store.write(lambda tx: tx.take_in([(1, b"a"), (2, b"b")], clock.now()))
    await store.write(lambda tx: tx.set_aside(one.number, "odd", person.id))
    await store.write(lambda tx: tx.set_aside(two.number, "odd"))
    await store.write(lambda tx: tx.set_aside(99, "never was"))

    def aside(tx: Tx) -> list[tuple[int, bool]]:
        return tx._execute(
            "SELECT number, payload IS NOT NULL FROM inbox WHERE state = 'aside' ORDER BY number"
        ).fetchall()

    assert await store.read(aside) == [(one.number, True), (two.number, True)]
    await store.write(lambda tx: tx.delete_person(person.id))
    assert await store.read(aside) == [(two.number, True)]


async def queued(store: Store, clock: Hands, person: Person | None, lane: Lane) -> Outbound:
    who = person.id if person else None
    call = {"kind": "send", "text": lane.name}
    return await store.write(lambda tx: tx.queue(who, 7, lane, call, now=clock.now()))


async def test_the_outbox_is_in_order_of_need(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await someone(store, clock)
    bulk = await queued(store, clock, person, Lane.BULK)
    reply = await queued(store, clock, person, Lane.REPLY)
    card = await queued(store, clock, person, Lane.CARD)
    nobody = await queued(store, clock, None, Lane.REPLY)
    assert nobody.person is None
    every = [card, reply, nobody, bulk]
    assert await store.read(lambda tx: tx.pending(9, now=now)) == every
    assert await store.read(lambda tx: tx.pending(2, now=now)) == every[:2]
    some = (Lane.BULK, Lane.REPLY)
    assert await store.read(lambda tx: tx.pending(9, now=now, lanes=some)) == every[1:]
    after = reply.number
    assert await store.read(lambda tx: tx.pending(9, now=now, lanes=some, after_number=after)) == [
        nobody
    ]
    assert await store.read(lambda tx: tx.count_pending()) == 4


async def test_a_call_waits_until_it_is_due(store: Store, clock: Hands) -> None:
    now = clock.now()
    later = now + MINUTE
    call = await store.write(
        lambda tx: tx.queue(None, 7, Lane.REPLY, {"a": 1}, now=now, due_at=later)
    )
    assert await store.read(lambda tx: tx.pending(9, now=now)) == []
    assert await store.read(lambda tx: tx.pending(9, now=later)) == [call]
    assert await store.write(lambda tx: tx.in_flight(call.id))
    assert not await store.write(lambda tx: tx.in_flight(call.id))
    assert await store.read(lambda tx: tx.pending(9, now=later)) == [call]
    await store.write(lambda tx: tx.put_off(call.id, later + MINUTE))
    assert await store.read(lambda tx: tx.pending(9, now=later)) == []
    (again,) = await store.read(lambda tx: tx.pending(9, now=later + MINUTE))
    assert again == replace(call, due_at=later + MINUTE, attempts=1)
    assert await store.write(lambda tx: tx.in_flight(call.id))
    await store.write(lambda tx: tx.delivered(call.id, 55, later))
    assert await store.read(lambda tx: tx.count_pending()) == 0


async def test_a_refused_call_keeps_its_reason_only(store: Store, clock: Hands) -> None:
    person = await someone(store, clock)
    call = await queued(store, clock, person, Lane.REPLY)
    await store.write(lambda tx: tx.refused(call.id, "400 message is too long"))
    assert await store.read(lambda tx: tx.pending(9, now=clock.now())) == []
    assert await store.read(lambda tx: tx.count_pending()) == 0
    assert not await store.write(lambda tx: tx.in_flight(call.id))
    await store.write(lambda tx: tx.put_off(call.id, clock.now()))
    assert await store.read(lambda tx: tx.count_pending()) == 0


async def test_what_was_in_flight_is_settled_at_start(store: Store, clock: Hands) -> None:
    person = await someone(store, clock)
    calls = [await queued(store, clock, person, lane) for lane in Lane]
    waiting = await queued(store, clock, person, Lane.BULK)
    for call in calls:
        await write(store, Tx.in_flight, call.id)
    assert await store.write(lambda tx: tx.in_doubt()) == 1
    left = await store.read(lambda tx: tx.pending(9, now=clock.now()))
    assert left == [*calls[:-1], waiting]
    for call in left:
        assert await write(store, Tx.in_flight, call.id)


async def test_news_of_a_call_that_is_gone_changes_nothing(store: Store, clock: Hands) -> None:
    now = clock.now()
    person = await someone(store, clock)
    call = await queued(store, clock, person, Lane.REPLY)
    await store.write(lambda tx: tx.delete_person(person.id))
    for gone in (call.id, new_id()):
        assert not await write(store, Tx.in_flight, gone)
        await write(store, Tx.delivered, gone, 5, now)
        await write(store, Tx.put_off, gone, now)
        await write(store, Tx.refused, gone, "403")
    assert await store.read(lambda tx: tx.count_pending()) == 0
