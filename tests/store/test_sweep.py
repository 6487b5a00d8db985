"""What has been kept long enough goes, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.store import SLICE, Consent, Event, Lane, new_id

if TYPE_CHECKING:
    from bot.store import Store, Tx

    from .conftest import Hands

NONE = dict.fromkeys(
    ("people", "inbox", "aside", "refused", "sightings", "events", "timers", "told"), 0
)


async def test_people_without_consent_go_after_a_day(store: Store, clock: Hands) -> None:
    now = clock.now()

    def arrive(tx: Tx) -> None:
        consent = Consent("1", now)
        tx.add_person(1, now)
        tx.add_person(2, now)
        tx.save_person(replace(tx.add_person(3, now), consents=(consent,)))
        withdrawn = (replace(consent, withdrawn_at=now),)
        tx.save_person(replace(tx.add_person(4, now), consents=withdrawn))

    await store.write(arrive)
    two = await store.read(lambda tx: tx.person_by_chat(2))
    assert two
    clock.move(timedelta(hours=24))
    assert await store.write(lambda tx: tx.sweep(clock.now())) == NONE
    await store.write(lambda tx: tx.touch(two.id, clock.now()))
    clock.move(timedelta(seconds=1))
    assert await store.write(lambda tx: tx.sweep(clock.now())) == {**NONE, "people": 2}
    left = await store.read(
        lambda tx: [tx.person_by_chat(chat) is not None for chat in range(1, 5)]
    )
    assert left == [False, True, True, False]


async def test_rows_go_at_their_age(store: Store, clock: Hands) -> None:
    now = clock.now()

    def fill(tx: Tx) -> None:
        person = replace(tx.add_person(1, now), consents=(Consent("1", now),))
        tx.save_person(person)
        tx.saw(person.id, 5, now)
        tx.add_event(person.id, Event(new_id(), now, "hard", "r"))
        done = tx.set_timer(person.id, now, "checkin", "x")
        tx.set_timer(person.id, now, "checkin", "y")
        assert done
        tx.timer_done(done.id, now)
        tx.tell(1, "closed", now)
        done_in, aside, _undone = tx.take_in([(1, b"a"), (2, b"b"), (3, b"c")], now)
        tx.done_in(done_in.number)
        tx.set_aside(aside.number, "odd")
        tx.refused(tx.queue(person.id, 1, Lane.REPLY, {}, now=now).id, "400")
        tx.queue(person.id, 1, Lane.REPLY, {}, now=now)

    await store.write(fill)
    gone: list[tuple[int, str]] = []
    for hour in range(1, 24 * 32):
        clock.move(timedelta(hours=1))
        swept = await store.write(lambda tx: tx.sweep(clock.now()))
        gone += [(hour, name) for name, count in swept.items() for _ in range(count)]
    assert gone == [
        (49, "inbox"),
        (49, "sightings"),
        (73, "timers"),
        (721, "aside"),
        (721, "refused"),
        (721, "events"),
        (721, "told"),
    ]
    assert await store.read(lambda tx: tx.count_pending()) == 1
    assert len(await store.write(lambda tx: tx.undone(9))) == 1
    assert len(await store.write(lambda tx: tx.claim_timers(clock.now()))) == 1


async def test_a_lot_goes_slice_by_slice(store: Store, clock: Hands) -> None:
    many = SLICE + 20

    def arrive(tx: Tx) -> None:
        for chat in range(many):
            person = tx.add_person(chat, clock.now())
            timer = tx.set_timer(person.id, clock.now(), "checkin", "x")
            assert timer
            tx.timer_done(timer.id, clock.now())
            if chat:
                tx.save_person(replace(person, consents=(Consent("1", clock.now()),)))

    await store.write(arrive)
    clock.move(timedelta(days=4))
    swept = [await store.write(lambda tx: tx.sweep(clock.now())) for _ in range(3)]
    assert [one["timers"] for one in swept] == [SLICE, 19, 0], "one went with its person"
    assert [one["people"] for one in swept] == [1, 0, 0]
