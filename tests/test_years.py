"""People all over the world and their notes, for years, on a machine that is down at times."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.app import ring_due
from bot.coach import Coach, House, Ports, prompts
from bot.coach.heard import Heard, Typed
from bot.store import Consent, Outbound, Person, Store, Tx, load_master, open_store
from bot.store.values import moment
from tests.chat import StillClock
from tests.schedule.oracle import Wall
from tests.shipped import content

ZONES = (
    *("Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver"),
    *("America/Phoenix", "America/Chicago", "America/New_York", "America/Havana"),
    *("America/Halifax", "America/St_Johns", "America/Sao_Paulo", "America/Santiago"),
    *("America/Asuncion", "America/Nuuk", "America/Scoresbysund", "Atlantic/Azores"),
    *("Europe/London", "Europe/Dublin", "Europe/Berlin", "Europe/Athens", "Europe/Chisinau"),
    *("Europe/Moscow", "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Asia/Beirut"),
    *("Asia/Jerusalem", "Asia/Gaza", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Asia/Shanghai", "Asia/Tokyo", "Australia/Adelaide", "Australia/Sydney"),
    *("Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Auckland", "Pacific/Chatham"),
    "Pacific/Kiritimati",
)

HOUR = timedelta(hours=1)
DOWN = 0.04
"""How often the machine is down when something is due."""


class World:
    """A store, a coach and people, with nothing of Telegram; what would be sent is written down."""

    def __init__(self, store: Store, clock: StillClock, seed: int) -> None:
        self.store, self.clock = store, clock
        self.dice = random.Random(seed)  # noqa: S311 - downtimes, no secrets
        self.came: dict[str, list[datetime]] = defaultdict(list)
        self.rung: list[datetime] = []
        self._rows: list[str] = []
        ports = Ports(self._deliver, lambda _a, _b: None, self._straight, self._fetch)
        self.coach = Coach(
            store,
            content().library,
            clock,
            content().screen,
            ports,
            House(),
        )
        self.answering = False

    def _deliver(self, rows: Iterable[Outbound]) -> None:
        for row in rows:
            self._rows.append(row.id)
            if not self.answering and row.person is not None and row.call["kind"] == "say":
                self.came[row.person].append(self.clock.now())

    async def _straight(self, _chat: int, _say: object) -> None:
        raise AssertionError("nothing fails here")

    async def _fetch(self, _file: str) -> bytes:
        raise AssertionError("nobody sends a file")

    async def join(self, count: int) -> list[Person]:
        """Let people join, each at a half hour outside the quiet hours."""
        now = self.clock.now()

        def write(tx: Tx) -> list[Person]:
            made = []
            for number in range(count):
                person = replace(
                    tx.add_person(number + 1, now),
                    adult=True,
                    consents=(Consent("1", now),),
                    zone=ZONES[number % len(ZONES)],
                    checkin_at=f"{self.dice.randrange(8, 22):02d}:{self.dice.choice((0, 30)):02d}",
                )
                tx.save_person(person)
                prompts.planned(person, now)(tx)
                made.append(person)
            return made

        return await self.store.write(write)

    async def live(self, until: datetime) -> None:
        """Go from one due moment to the next; now and then the machine is down for hours."""
        while (due := await self._next_due()) < until:
            self.clock.skip(max(due - self.clock.now(), timedelta()))
            if self.dice.random() < DOWN:
                self.clock.skip(timedelta(minutes=self.dice.randrange(1, 30 * 60)))
            self.rung.append(self.clock.now())
            before = {who: len(came) for who, came in self.came.items()}
            await ring_due(self.store, self.coach, self.clock)
            await self.coach.idle()
            await self._answered(before)

    async def _next_due(self) -> datetime:
        found = await self.store.read(
            lambda tx: tx._execute(
                "SELECT MIN(due_at) FROM timers WHERE state = 'waiting'"
            ).fetchone()[0]
        )
        return moment(found)

    async def _answered(self, before: dict[str, int]) -> None:
        """Let everyone who heard something answer it, and clear away what was sent."""
        heard = [who for who, came in self.came.items() if len(came) > before.get(who, 0)]
        people = await self.store.read(lambda tx: [tx.person(who) for who in heard])
        self.answering = True
        for person in people:
            assert person is not None
            self.coach.hear(Heard(0, person.chat, person.chat, Typed("/cancel", 1)))
        await self.coach.idle()
        self.answering = False
        rows, self._rows = self._rows, []

        def clear(tx: Tx) -> None:
            for row in rows:
                tx.delivered(row, None, self.clock.now())

        await self.store.write(clear)


def expected(person: Person, rung: list[datetime], moments: list[datetime]) -> list[datetime]:
    """Return when each note should come: at its moment, or late, or not at all."""
    zone = ZoneInfo(str(person.zone))
    found, at = [], 0
    for due in moments:
        while at < len(rung) and rung[at] < due:
            at += 1
        if at == len(rung):
            break
        late = rung[at] - due
        quiet = not 8 <= rung[at].astimezone(zone).hour < 22
        if late <= prompts.NOTICED or (late <= prompts.LATE and not quiet):
            found.append(rung[at])
    return found


def minute(person: Person) -> int:
    """Return a person's minute of the day."""
    at = time.fromisoformat(str(person.checkin_at))
    return at.hour * 60 + at.minute


def shown(zone: str, start: datetime, days: int, wanted: set[int]) -> dict[int, list[datetime]]:
    """Return, for each wanted minute of the day, when a zone's clock shows it after the start."""
    found: dict[int, list[datetime]] = {one: [] for one in wanted}
    for _, at, due in Wall.of(ZoneInfo(zone), start - timedelta(days=1), days + 2).moments():
        if at in wanted and due > start:
            found[at].append(due)
    return {at: sorted(dues) for at, dues in found.items()}


async def years(folder: Path, people: int, spans: list[tuple[datetime, int]], seed: int) -> int:
    """Live through spans of days; return how many notes came, each of them held."""
    count = 0
    for number, (start, days) in enumerate(spans):
        path = folder / str(number)
        path.mkdir()
        clock = StillClock(start)
        master = load_master(env=None, file=path / "master.key", database_is_new=True)
        store = await open_store(path / "bot.db", master, clock)
        try:
            world = World(store, clock, seed)
            everyone = await world.join(people)
            await world.live(start + timedelta(days=days))
        finally:
            await store.close()
        for zone in ZONES:
            those = [person for person in everyone if person.zone == zone]
            moments = shown(zone, start, days, {minute(person) for person in those})
            for person in those:
                came = world.came[person.id]
                right = expected(person, world.rung, moments[minute(person)])
                assert came == right, (zone, person.checkin_at, sorted({*came} ^ {*right}))
                count += len(came)
    return count


async def test_a_note_that_is_just_not_too_late_comes_after_a_day_down_too(tmp_path: Path) -> None:
    start = datetime(2027, 5, 18, tzinfo=UTC)
    clock = StillClock(start)
    master = load_master(env=None, file=tmp_path / "master.key", database_is_new=True)
    store = await open_store(tmp_path / "bot.db", master, clock)
    try:
        world = World(store, clock, seed=1)
        (person,) = await world.join(1)
        second = await world._next_due() + timedelta(days=1)
        clock.skip(second + prompts.LATE - start)
        for _ in range(2):
            await ring_due(store, world.coach, clock)
            await world.coach.idle()
        assert world.came[person.id] == [second + prompts.LATE]
    finally:
        await store.close()


async def test_every_note_comes_once_at_its_time_around_every_change(tmp_path: Path) -> None:
    spring, autumn = datetime(2027, 3, 10, tzinfo=UTC), datetime(2027, 10, 29, tzinfo=UTC)
    came = await years(tmp_path, len(ZONES), [(spring, 21), (autumn, 11)], seed=5)
    assert came > 900


@pytest.mark.long
async def test_five_hundred_people_for_two_years(tmp_path: Path) -> None:
    came = await years(tmp_path, 500, [(datetime(2027, 1, 1, tzinfo=UTC), 730)], seed=7)
    # With so many due moments a day the machine is down half of the time.
    assert came > 150_000
