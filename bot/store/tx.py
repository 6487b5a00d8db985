"""One transaction: everything the bot remembers, written and found."""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.store import keyfile
from bot.store.records import (
    Draft,
    Due,
    Entry,
    Event,
    Fields,
    Inbound,
    Json,
    Lane,
    Outbound,
    Person,
    Sighting,
    Timer,
)
from bot.store.seal import bound, pack, seal, unpack, unseal
from bot.store.sql import SQL
from bot.store.values import (
    from_draft,
    from_entry,
    from_event,
    from_person,
    from_sighting,
    moment,
    stamp,
    to_draft,
    to_entry,
    to_event,
    to_person,
    to_sighting,
    to_timer,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from bot.store.keys import Ring

log = logging.getLogger(__name__)

KEPT_MESSAGES = timedelta(hours=48)
"""How long Telegram lets a bot delete a message, and how long an update could come again."""
KEPT_WITHOUT_CONSENT = timedelta(hours=24)
KEPT_EVENTS = timedelta(days=30)
KEPT_ASIDE = timedelta(days=30)
KEPT_TOLD = timedelta(days=30)
KEPT_TIMERS = timedelta(days=3)
"""A done timer keeps its kind and subject taken: longer than any local date lasts."""
SLICE = 500
"""Rows of one kind that a sweep takes at once: few enough that nobody waits for it."""


class Tx:
    """What can be done inside one ``Store.read`` or ``Store.write``; of no use after it."""

    __slots__ = ("_boxes", "_execute", "_ring", "forgot")

    def __init__(self, connection: sqlite3.Connection, ring: Ring) -> None:
        self._execute = connection.execute
        self._ring = ring
        self._boxes: dict[bytes, AESGCM] = {}
        self.forgot = False
        """Whether a person was deleted, so that the store clears away what lies outside it too."""

    # Keys of people, opened once for each transaction and not kept beyond it.

    def _box(self, person: bytes) -> AESGCM:
        box = self._boxes.get(person)
        if box is None:
            row = self._execute(SQL["key"], {"owner": person}).fetchone()
            if row is None:
                raise LookupError("there is no such person")
            box = self._boxes[person] = self._ring.unwrap(person, row[0])
        return box

    def _box_from(self, person: bytes, wrapped: bytes) -> AESGCM:
        box = self._boxes.get(person)
        if box is None:
            box = self._boxes[person] = self._ring.unwrap(person, wrapped)
        return box

    def _seal(self, table: str, row: bytes, person: bytes, value: Json) -> bytes:
        return seal(self._box(person), pack(value), bound(table, row, person))

    def _rows(self, table: str, statement: str, person: bytes) -> list[Fields]:
        rows = self._execute(SQL[statement], {"person": person}).fetchall()
        if not rows:
            return []
        box = self._box(person)
        return [unpack(unseal(box, sealed, bound(table, row, person))) for row, sealed in rows]

    # People

    def load(self, chat: int) -> tuple[Person, Fields | None] | None:
        """Return a chat's person and session, if it belongs to someone."""
        row = self._execute(SQL["load"], {"lookup": self._ring.chat(chat)}).fetchone()
        if row is None:
            return None
        person, gone, sealed, wrapped, session = row
        box = self._box_from(person, wrapped)
        return (
            to_person(person, gone, unpack(unseal(box, sealed, bound("people", person, person)))),
            session and unpack(unseal(box, session, bound("sessions", person, person))),
        )

    def person_by_chat(self, chat: int) -> Person | None:
        """Return the person a chat belongs to."""
        found = self.load(chat)
        return found and found[0]

    def person(self, person_id: str) -> Person | None:
        """Return a person."""
        key = {"person": bytes.fromhex(person_id)}
        row = self._execute(SQL["person"], key).fetchone()
        if row is None:
            return None
        person, gone, sealed, wrapped = row
        box = self._box_from(person, wrapped)
        return to_person(person, gone, unpack(unseal(box, sealed, bound("people", person, person))))

    def add_person(self, chat: int, now: datetime) -> Person:
        """Remember someone who has not yet said that anything may be kept."""
        person_id = os.urandom(16)
        box, wrapped = self._ring.fresh(person_id)
        person = Person(id=person_id.hex(), chat=chat, since=now)
        self._boxes[person_id] = box
        self._execute(SQL["add_key"], {"owner": person_id, "wrapped": wrapped})
        self._execute(
            SQL["add_person"],
            {
                "person": person_id,
                "lookup": self._ring.chat(chat),
                "state": "new",
                "gone": 0,
                "seen_at": stamp(now),
                "sealed": self._seal("people", person_id, person_id, from_person(person)),
            },
        )
        return person

    def save_person(self, person: Person) -> None:
        """Keep a person as they are now; LookupError if they are not there any more."""
        person_id = bytes.fromhex(person.id)
        self._execute(
            SQL["save_person"],
            {
                "person": person_id,
                "state": "kept" if person.consent else "new",
                "gone": 0 if person.here else 1,
                "sealed": self._seal("people", person_id, person_id, from_person(person)),
            },
        )

    def touch(self, person_id: str, now: datetime) -> None:
        """Note that a person was here."""
        self._execute(SQL["touch"], {"person": bytes.fromhex(person_id), "seen_at": stamp(now)})

    def delete_person(self, person_id: str) -> None:
        """Forget a person: every row of every table, and the key that opened them."""
        try:
            person = self.person(person_id)
        except ValueError:
            # A damaged row must not keep anyone from being forgotten.
            person = None
        if person is not None:
            chat = self._ring.mark(b"stranger", str(person.chat))
            self._execute(SQL["forget_stranger"], {"chat": chat})
        self._forget(bytes.fromhex(person_id))

    def _forget(self, person: bytes) -> None:
        self._execute(SQL["delete_person"], {"person": person})
        self._execute(SQL["delete_key"], {"owner": person})
        self._boxes.pop(person, None)
        keyfile.leave_traces(self._execute)
        self.forgot = True

    def count_people(self) -> int:
        """Return how many people the bot remembers."""
        count: int = self._execute(SQL["count_people"]).fetchone()[0]
        return count

    # Sessions

    def session(self, person_id: str) -> Fields | None:
        """Return where a person is in the conversation."""
        person = bytes.fromhex(person_id)
        row = self._execute(SQL["session"], {"person": person}).fetchone()
        if row is None:
            return None
        session: Fields = unpack(
            unseal(self._box(person), row[0], bound("sessions", person, person))
        )
        return session

    def save_session(self, person_id: str, session: Fields, now: datetime) -> None:
        """Keep where a person is in the conversation."""
        person = bytes.fromhex(person_id)
        self._execute(
            SQL["save_session"],
            {
                "person": person,
                "written_at": stamp(now),
                "sealed": self._seal("sessions", person, person, session),
            },
        )

    def drop_session(self, person_id: str) -> None:
        """Forget where a person is in the conversation."""
        self._execute(SQL["drop_session"], {"person": bytes.fromhex(person_id)})

    # Entries, drafts and events bring ids of their own, and an imported id may be any text, the
    # same one for two people too: the row's id is a mark of it and the text itself is sealed.

    def _save_named(  # noqa: PLR0913, PLR0917 - one place for three tables of one shape
        self, table: str, statement: str, person_id: str, name: str, at: datetime, value: Fields
    ) -> None:
        person = bytes.fromhex(person_id)
        row = self._ring.row(table, name, person)
        self._execute(
            SQL[statement],
            {
                "person": person,
                "id": row,
                "written_at": stamp(at),
                "sealed": self._seal(table, row, person, value),
            },
        )

    def _delete_named(self, table: str, statement: str, person_id: str, name: str) -> bool:
        person = bytes.fromhex(person_id)
        row = self._ring.row(table, name, person)
        done = self._execute(SQL[statement], {"person": person, "id": row})
        return done.rowcount > 0

    def entry(self, person_id: str, entry_id: str) -> Entry | None:
        """Return one entry."""
        person = bytes.fromhex(person_id)
        key = self._ring.row("entries", entry_id, person)
        row = self._execute(SQL["entry"], {"person": person, "id": key}).fetchone()
        if row is None:
            return None
        return to_entry(unpack(unseal(self._box(person), row[1], bound("entries", key, person))))

    def entries(
        self, person_id: str, *, since: datetime | None = None, limit: int | None = None
    ) -> list[Entry]:
        """Return a person's entries, those that happened last first."""
        # When something happened is sealed, and may be long before it was written: only the
        # opened values can be put in order.
        person = bytes.fromhex(person_id)
        found = [to_entry(value) for value in self._rows("entries", "entries", person)]
        if since is not None:
            found = [entry for entry in found if entry.happened_at >= since]
        found.sort(key=lambda entry: (entry.happened_at, entry.written_at, entry.id), reverse=True)
        return found[:limit]

    def save_entry(self, person_id: str, entry: Entry) -> None:
        """Keep an entry, instead of the one with the same id if there is one."""
        value = from_entry(entry)
        self._save_named("entries", "save_entry", person_id, entry.id, entry.written_at, value)

    def delete_entry(self, person_id: str, entry_id: str) -> bool:
        """Forget an entry; False if there was none."""
        return self._delete_named("entries", "delete_entry", person_id, entry_id)

    def drafts(self, person_id: str) -> list[Draft]:
        """Return a person's drafts, newest first."""
        return [
            to_draft(value) for value in self._rows("drafts", "drafts", bytes.fromhex(person_id))
        ]

    def save_draft(self, person_id: str, draft: Draft) -> None:
        """Keep a draft, instead of the one with the same id if there is one."""
        value = from_draft(draft)
        self._save_named("drafts", "save_draft", person_id, draft.id, draft.written_at, value)

    def delete_draft(self, person_id: str, draft_id: str) -> bool:
        """Forget a draft; False if there was none."""
        return self._delete_named("drafts", "delete_draft", person_id, draft_id)

    def add_event(self, person_id: str, event: Event) -> None:
        """Note that a card was shown."""
        value = from_event(event)
        self._save_named("events", "save_event", person_id, event.id, event.at, value)

    def events(self, person_id: str) -> list[Event]:
        """Return what cards a person was shown, oldest first."""
        return [
            to_event(value) for value in self._rows("events", "events", bytes.fromhex(person_id))
        ]

    def delete_events(self, person_id: str) -> int:
        """Forget what cards a person was shown."""
        return self._execute(SQL["delete_events"], {"person": bytes.fromhex(person_id)}).rowcount

    # Timers

    def set_timer(
        self,
        person_id: str,
        due_at: datetime,
        kind: str,
        subject: str,
        fields: Fields | None = None,
    ) -> Timer | None:
        """Set a timer; None if the person has one of this kind and subject, waiting or done."""
        person, timer = bytes.fromhex(person_id), os.urandom(16)
        value = {"kind": kind, "subject": subject, "fields": fields or {}}
        done = self._execute(
            SQL["set_timer"],
            {
                "id": timer,
                "person": person,
                "mark": self._ring.mark(b"timer", json.dumps([kind, subject]), person),
                "due_at": stamp(due_at),
                "sealed": self._seal("timers", timer, person, value),
            },
        )
        if not done.rowcount:
            return None
        return to_timer(timer, person, stamp(due_at), value)

    def move_timer(self, timer_id: str, due_at: datetime) -> bool:
        """Let a timer ring at another time; False if it is not waiting."""
        key = {"id": bytes.fromhex(timer_id), "due_at": stamp(due_at)}
        return self._execute(SQL["move_timer"], key).rowcount > 0

    def timer_done(self, timer_id: str, now: datetime) -> bool:
        """Note that a timer rang; False if it was not waiting."""
        key = {"id": bytes.fromhex(timer_id), "done_at": stamp(now)}
        return self._execute(SQL["timer_done"], key).rowcount > 0

    def cancel_timers(self, person_id: str, *, kinds: Collection[str] | None = None) -> int:
        """Forget a person's waiting timers, those of some kinds or all."""
        cancelled = [
            timer for timer in self.timers(person_id) if kinds is None or timer.kind in kinds
        ]
        for timer in cancelled:
            self._execute(SQL["delete_timer"], {"id": bytes.fromhex(timer.id)})
        return len(cancelled)

    def timers(self, person_id: str) -> list[Timer]:
        """Return a person's waiting timers, the next one first."""
        found = []
        for timer, person, due_at, sealed, wrapped in self._execute(
            SQL["timers"], {"person": bytes.fromhex(person_id)}
        ).fetchall():
            try:
                box = self._box_from(person, wrapped)
                value = unpack(unseal(box, sealed, bound("timers", timer, person)))
            except ValueError:
                # One damaged row must not keep the others from ringing.
                log.error("Timer %s does not open and is passed over.", timer.hex())  # noqa: TRY400
                continue
            found.append(to_timer(timer, person, due_at, value))
        return found

    def who_waits(self, limit: int) -> list[str]:
        """Return whom so many timers wait for, the nearest first."""
        found = self._execute(SQL["who_waits"], {"limit": limit})
        return list(dict.fromkeys(who.hex() for (who,) in found))

    def claim_timers(self, now: datetime, limit: int = 100) -> list[Due]:
        """Take timers that should ring, oldest first; nobody takes them again until they rang.

        What is claimed when the process ends waits again at the next start. They are not opened:
        that is for their turn, and here it would make everyone wait who writes meanwhile.
        """
        values = {"now": stamp(now), "limit": limit}
        found = sorted(self._execute(SQL["claim_timers"], values).fetchall())
        return [Due(timer.hex(), person.hex()) for _, timer, person in found]

    def any_due(self, now: datetime) -> bool:
        """Whether there is a timer that should ring."""
        return self._execute(SQL["any_due"], {"now": stamp(now)}).fetchone() is not None

    def release_timers(self) -> int:
        """Let claimed timers wait again: whoever claimed them is gone."""
        return self._execute(SQL["release_timers"]).rowcount

    # The inbox

    def take_in(self, updates: Sequence[tuple[int, bytes]], now: datetime) -> list[Inbound]:
        """Keep a page of updates; those that came before are left out."""
        # Update ids turn random after a quiet week: one that is long done must not hide a new one.
        self._execute(SQL["sweep_inbox"], {"before": stamp(now - KEPT_MESSAGES)})
        taken = []
        for update_id, payload in updates:
            row = os.urandom(16)
            added = self._execute(
                SQL["take_in"],
                {
                    "id": row,
                    "update_id": update_id,
                    "arrived_at": stamp(now),
                    "payload": seal(self._ring.box, payload, bound("inbox", row)),
                },
            ).fetchall()
            for (number,) in added:
                taken.append(Inbound(number, update_id, now, 1, payload))
        return taken

    def undone(self, limit: int, after_number: int = 0) -> list[Inbound]:
        """Return updates that were not done with, in order of arrival, one attempt more each."""
        found = []
        rows = self._execute(SQL["undone"], {"after": after_number, "limit": limit}).fetchall()
        for number, row, update_id, arrived_at, attempts, sealed in sorted(rows):
            try:
                payload = unseal(self._ring.box, sealed, bound("inbox", row))
            except ValueError:
                log.error("Update %s does not open and is set aside.", number)  # noqa: TRY400
                values = {"number": number, "person": None, "payload": None, "note": None}
                self._execute(SQL["set_aside"], values)
                continue
            found.append(Inbound(number, update_id, moment(arrived_at), attempts, payload))
        return found

    def count_attempt(self, number: int) -> None:
        """Count one more attempt at an update, before it is made."""
        self._execute(SQL["count_attempt"], {"number": number})

    def done_in(self, number: int) -> None:
        """Note that an update was done with: what it said is erased, that it came is not."""
        self._execute(SQL["done_in"], {"number": number})

    def set_aside(self, number: int, reason: str, person_id: str | None = None) -> None:
        """Try an update no more; what it said stays sealed for 30 days.

        Say whose it is where that is known: it is then sealed for them, and goes when they go.
        """
        row = self._execute(SQL["inbound"], {"number": number}).fetchone()
        if row is None:
            return
        key, owner, payload = row
        plain = unseal(self._owner_box(owner), payload, bound("inbox", key, owner or b""))
        person = bytes.fromhex(person_id) if person_id else owner
        box = self._owner_box(person)
        self._execute(
            SQL["set_aside"],
            {
                "number": number,
                "person": person,
                "payload": seal(box, plain, bound("inbox", key, person or b"")),
                "note": seal(box, pack({"reason": reason}), bound("notes", key, person or b"")),
            },
        )

    def _owner_box(self, person: bytes | None) -> AESGCM:
        return self._ring.box if person is None else self._box(person)

    # The outbox

    def queue(  # noqa: PLR0913 - all of what a call is
        self,
        person_id: str | None,
        chat: int,
        lane: Lane,
        call: Fields,
        *,
        now: datetime,
        due_at: datetime | None = None,
    ) -> Outbound:
        """Put a call into the outbox."""
        row = os.urandom(16)
        person = None if person_id is None else bytes.fromhex(person_id)
        due = now if due_at is None else due_at
        value = pack({"chat": chat, "call": call})
        added = self._execute(
            SQL["queue"],
            {
                "id": row,
                "person": person,
                "lane": int(lane),
                "written_at": stamp(now),
                "due_at": stamp(due),
                "sealed": seal(self._owner_box(person), value, bound("outbox", row, person or b"")),
            },
        ).fetchall()
        return Outbound(row.hex(), added[0][0], person_id, chat, lane, call, due)

    def pending(
        self,
        limit: int,
        *,
        now: datetime,
        lanes: Collection[Lane] | None = None,
        after_number: int = 0,
    ) -> list[Outbound]:
        """Return calls that are due and not confirmed, in order of lane, then of number."""
        found: list[Outbound] = []
        for lane in Lane if lanes is None else sorted(lanes):
            values = {
                "lane": int(lane),
                "now": stamp(now),
                "after": after_number,
                "limit": limit - len(found),
            }
            for row, number, person, due_at, attempts, sealed, wrapped in self._execute(
                SQL["pending"], values
            ).fetchall():
                try:
                    box = self._ring.box if person is None else self._box_from(person, wrapped)
                    value = unpack(unseal(box, sealed, bound("outbox", row, person or b"")))
                except ValueError:
                    log.error("Call %s does not open and is passed over.", row.hex())  # noqa: TRY400
                    continue
                found.append(
                    Outbound(
                        id=row.hex(),
                        number=number,
                        person=person and person.hex(),
                        chat=value["chat"],
                        lane=lane,
                        call=value["call"],
                        due_at=moment(due_at),
                        attempts=attempts,
                    )
                )
            if len(found) >= limit:
                break
        return found

    def in_flight(self, outbound_id: str) -> bool:
        """Note that a call is being made; False if it is not waiting (any more)."""
        return self._execute(SQL["in_flight"], {"id": bytes.fromhex(outbound_id)}).rowcount > 0

    def delivered(self, outbound_id: str, message_id: int | None, now: datetime) -> None:
        """Note that a call succeeded: its row goes, the message's id stays for 48 hours."""
        row = bytes.fromhex(outbound_id)
        gone = self._execute(SQL["delivered"], {"id": row}).fetchall()
        for (person,) in gone:
            if person is not None and message_id is not None:
                self._see(person, row, Sighting(message_id, now, outbound_id))

    def put_off(self, outbound_id: str, until: datetime) -> None:
        """Let a call wait for another attempt."""
        key = {"id": bytes.fromhex(outbound_id), "due_at": stamp(until)}
        self._execute(SQL["put_off"], key)

    def refused(self, outbound_id: str, reason: str) -> None:
        """Set a call aside for good: what it would have said is erased, the reason is kept."""
        row = bytes.fromhex(outbound_id)
        found = self._execute(SQL["outbound"], {"id": row}).fetchone()
        if found is None:
            return
        person = found[0]
        note = seal(
            self._owner_box(person), pack({"reason": reason}), bound("outbox", row, person or b"")
        )
        self._execute(SQL["refused"], {"id": row, "sealed": note})

    def count_pending(self) -> int:
        """Return how many calls are not confirmed, due or not."""
        count: int = self._execute(SQL["count_pending"]).fetchone()[0]
        return count

    def in_doubt(self, lanes: Collection[Lane] = (Lane.BULK,)) -> int:
        """Settle, at start, what a killed process left in flight.

        Telegram may have had those calls: the ones of ``lanes`` are dropped, their count is
        returned; the others wait again, because missing them would be worse than twice.
        """
        dropped = sum(
            self._execute(SQL["drop_in_doubt"], {"lane": int(lane)}).rowcount for lane in lanes
        )
        self._execute(SQL["wait_again"])
        return dropped

    def message_of(self, person_id: str, outbound_id: str) -> int | None:
        """Return the message a call of the last 48 hours became."""
        person, row = bytes.fromhex(person_id), bytes.fromhex(outbound_id)
        found = self._execute(SQL["sighting"], {"person": person, "id": row}).fetchone()
        if found is None:
            return None
        value = unpack(unseal(self._box(person), found[1], bound("sightings", row, person)))
        return to_sighting(value).message_id

    # Sightings

    def saw(self, person_id: str, message_id: int, now: datetime) -> None:
        """Note the id of a message of the person's own."""
        self._see(bytes.fromhex(person_id), os.urandom(16), Sighting(message_id, now))

    def _see(self, person: bytes, row: bytes, sighting: Sighting) -> None:
        self._execute(
            SQL["add_sighting"],
            {
                "person": person,
                "id": row,
                "mark": self._ring.mark(b"sighting", str(sighting.message_id), person),
                "written_at": stamp(sighting.at),
                "sealed": self._seal("sightings", row, person, from_sighting(sighting)),
            },
        )

    def sightings(self, person_id: str) -> list[Sighting]:
        """Return the ids of the last 48 hours' messages of both sides, oldest first."""
        person = bytes.fromhex(person_id)
        return [to_sighting(value) for value in self._rows("sightings", "sightings", person)]

    def forget_sightings(self, person_id: str, message_ids: Collection[int]) -> None:
        """Forget messages, say because they were deleted from the chat."""
        person = bytes.fromhex(person_id)
        for message_id in message_ids:
            mark = self._ring.mark(b"sighting", str(message_id), person)
            self._execute(SQL["forget_sighting"], {"mark": mark})

    # Strangers

    def _stranger(self, chat: int, what: str) -> dict[str, bytes]:
        mark = self._ring.mark
        return {"chat": mark(b"stranger", str(chat)), "what": mark(b"told", what)}

    def told(self, chat: int, what: str) -> bool:
        """Return whether a chat was told something within 30 days."""
        return self._execute(SQL["told"], self._stranger(chat, what)).fetchone() is not None

    def tell(self, chat: int, what: str, now: datetime) -> None:
        """Note that a chat is told something."""
        self._execute(SQL["tell"], {**self._stranger(chat, what), "told_at": stamp(now)})

    # The bot itself

    def meta(self, name: str) -> str | None:
        """Return something the bot noted about itself."""
        row = self._execute(SQL["meta"], {"name": name}).fetchone()
        if row is None:
            return None
        place = bound("meta", self._ring.row("meta", name, b""))
        return unseal(self._ring.box, row[0], place).decode()

    def set_meta(self, name: str, value: str) -> None:
        """Note something about the bot itself."""
        place = bound("meta", self._ring.row("meta", name, b""))
        sealed = seal(self._ring.box, value.encode(), place)
        self._execute(SQL["set_meta"], {"name": name, "sealed": sealed})

    def sweep(self, now: datetime) -> dict[str, int]:
        """Forget what has been kept long enough, up to ``SLICE`` of each; say how much that was."""

        def swept(statement: str, kept: timedelta) -> int:
            values = {"before": stamp(now - kept), "limit": SLICE}
            return self._execute(SQL[statement], values).rowcount

        before = stamp(now - KEPT_WITHOUT_CONSENT)
        unseen = self._execute(SQL["unseen"], {"before": before, "limit": SLICE}).fetchall()
        for (person,) in unseen:
            self._forget(person)
        return {
            "people": len(unseen),
            "inbox": swept("sweep_inbox", KEPT_MESSAGES),
            "aside": swept("sweep_aside", KEPT_ASIDE),
            "refused": swept("sweep_refused", KEPT_ASIDE),
            "sightings": swept("sweep_sightings", KEPT_MESSAGES),
            "events": swept("sweep_events", KEPT_EVENTS),
            "timers": swept("sweep_timers", KEPT_TIMERS),
            "told": swept("sweep_strangers", KEPT_TOLD),
        }
