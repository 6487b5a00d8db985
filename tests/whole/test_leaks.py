"""Whoever takes the files of the whole bot finds nothing: no word, no name, no number, anywhere.

What is typed at every question that takes words, through real conversations, is looked for in all
the bot leaves on the disk: database, WAL, copies, their keys, and a log that says all it can.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.clock import ShiftedClock, SystemClock
from bot.flows.model import Ask, Choose, ChooseMany, Library
from bot.store import Tx, load_master, nightly, open_store
from tests.chat import START
from tests.shipped import content
from tests.store.test_leaks import base64_anywhere, spellings
from tests.whole.house import CONSENTED, OK, House, Telegram, leaves
from tests.whole.walk import READ, Outside, Place, Window, arrive, places, roads, step_at, walk

HERE = Path(__file__).parent
NAME = ("Quillhavering", "Zanzibarsson")
STEM = "quaggoryx"
"""What every word that is looked for begins with."""

FEWEST = 5
"""Bytes that what is looked for has at least."""

EVERYWHERE = sorted(roads())
"""Every question that takes words of one's own."""


class Marks:
    """Words typed once each, where, and by whom."""

    def __init__(self) -> None:
        self.typed: dict[str, str] = {}
        self.people: list[int] = []

    def line(self, where: str) -> str:
        number, letters = len(self.typed), ""
        for _ in range(3):
            number, rest = divmod(number, 20)
            letters += "bcdfghjklmnpqrstvwxz"[rest] + "aeiou"[rest % 5]
        self.typed[f"{STEM}{letters}"] = where
        return f"something about {STEM}{letters} and the hall"


class Search:
    """Everything that must be nowhere."""

    def __init__(self, words: Iterable[str], numbers: Iterable[int]) -> None:
        self._needles: dict[bytes, str] = {}
        for word in words:
            for said in {word, word.lower(), word.upper(), word.title()}:
                for needle in (
                    said.encode(),
                    said.encode("utf-16-le"),
                    said.encode().hex().encode(),
                    said.encode().hex().upper().encode(),
                    *base64_anywhere(said.encode()),
                ):
                    self._needles[needle] = word
        for number in numbers:
            for needle in spellings(number):
                self._needles[needle] = str(number)
        # What is sealed is noise: three given bytes stand somewhere in a few megabytes of it.
        assert min(map(len, self._needles)) >= FEWEST

    def __call__(self, bot: Path) -> list[tuple[str, str]]:
        """Return what was found and in which file."""
        found = []
        for file in files(bot):
            content = file.read_bytes()
            for needle, what in self._needles.items():
                if needle in content:
                    found.append((what, str(file.relative_to(bot))))
        return found


def files(folder: Path) -> Iterator[Path]:
    """Yield all the bot left there, but the master key: that is kept elsewhere."""
    yield from (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".key")


def test_the_search_finds_what_it_should(tmp_path: Path) -> None:
    number = 7_234_567_890_123
    search = Search([NAME[0]], [number])
    for held in (
        NAME[0].encode(),
        NAME[0].encode("utf-16-le"),
        NAME[0].encode().hex().encode(),
        base64.b64encode(b"." + NAME[0].encode()),
        str(number).encode(),
        number.to_bytes(8, "little"),
        number.to_bytes(8, "big"),
        f"{number:x}".encode(),
        base64.b64encode(str(number).encode()),
    ):
        (tmp_path / "file").write_bytes(b"..." + held + b"...")
        assert search(tmp_path)


async def talk_everywhere(
    house: House, window: Window, walked: Sequence[Place], marks: Marks
) -> None:
    """Type a word of its own at each of these questions, each by someone new."""
    for place in walked:
        someone = Outside(house, window, house.telegram.join(" ".join(NAME)))
        marks.people.append(someone.who)
        await walk(someone, CONSENTED)
        await arrive(someone, place)
        await someone.do(marks.line(place))


def talk_otherwise(house: House, marks: Marks) -> None:
    """Say something in all the ways that are no answer to a question."""
    who = house.newcomer(" ".join(NAME))
    marks.people.append(who)
    telegram = house.telegram
    house.say(who, marks.line("unasked"), "I may miss this")
    house.say(who, "Keep it as a note", "Kept.")
    house.say(who, f"/log {marks.line('after a command')}", "How strong")
    house.say(who, marks.line("at a scale"), "How strong")
    house.say(who, marks.line("first said so"), "How strong")
    sent = next(one["message_id"] for one in reversed(telegram.messages(who)) if one["mine"])
    house.say(who, "5", "what did you do")
    telegram.act("edit", id=who, message_id=sent, text=marks.line("edited"))
    house.settle()
    telegram.act("document", id=who, name=f"{marks.line('file name')}.json", base64="e30=")
    telegram.act("document", id=who, name="x.txt", base64="e30=", caption=marks.line("caption"))
    house.settle()
    house.say(who, "/cancel", "stopped")


def numbers_of(house: House, people: list[int]) -> list[int]:
    """Return the numbers of chats and of some messages of both sides."""
    found = list(people)
    for who in people[::10]:
        numbers = [one["message_id"] for one in house.telegram.messages(who)]
        found += [numbers[0], numbers[1], numbers[-2], numbers[-1]]
    return found


def walk_and_search(folder: Path, walked: Sequence[Place]) -> None:
    house = House(folder, Telegram(folder, script=(str(HERE / "far.py"),)))
    house.telegram.act("skip", seconds=(START - SystemClock().now()).total_seconds())
    bot = house.bot
    bot.command = (str(HERE / "loud.py"),)
    marks = Marks()
    try:
        bot.start()
        with closing(Window(bot)) as window:
            asyncio.run(talk_everywhere(house, window, walked, marks))
        talk_otherwise(house, marks)
        people = marks.people
        search = Search([STEM, *NAME], numbers_of(house, people))
        wal = bot.database.with_name("bot.db-wal")
        assert wal.stat().st_size > 0
        assert "DEBUG" in bot.told()
        assert search(bot.folder) == []  # while it runs
        house.telegram.act("hold", method="sendMessage")
        house.telegram.send(people[0], "/log")
        house.settle()
        bot.kill()
        house.telegram.act("clear")
        assert search(bot.folder) == []  # after a kill, with a reply under way
        check_kept(house, marks)
        made = bot.cli("backup", folder / "bot" / "copy.db")
        assert made.returncode == OK, made.stderr
        (bot.folder / "said").write_text(made.stdout + made.stderr)
        asyncio.run(night(house))
        names = {file.name for file in files(bot.folder)}
        assert {"copy.db", "bot.db", "log"} <= names
        assert any(name.endswith(".keys") for name in names)
        assert search(bot.folder) == []  # in copies
        bot.start()
        for who in people:
            house.say(who, "/delete", "Delete everything I keep")
            house.say(who, "Delete everything", "Gone: everything")
        assert search(bot.folder) == []  # after everyone was forgotten
        assert bot.stop() == OK
        assert search(bot.folder) == []
        check_restore(house, people)
        assert search(bot.folder) == []  # and after the copy came back
    finally:
        house.close()


def check_kept(house: House, marks: Marks) -> None:
    """Open the database with its key: what was to be kept is there, and nothing else.

    Else a search that finds nothing would show nothing.
    """
    library = content().library

    def look(tx: Tx) -> str:
        return json.dumps([kept(tx, chat) for chat in marks.people], default=str)

    with house.bot.copied(house.folder / "opened") as copy:
        opened = asyncio.run(house.bot.inside(copy, look))
    there = {where: word in opened for word, where in marks.typed.items() if where in EVERYWHERE}
    assert there == {where: keeps(library, where) for where in there}


def keeps(library: Library, place: Place) -> bool:
    """Whether a line typed at a question is kept; on a card, or of no use, it is let go."""
    step = step_at(library, place)
    burned = isinstance(step, Ask) and step.burn
    saved = isinstance(step, Ask | Choose | ChooseMany) and step.save is not None
    return saved and not burned and place not in READ and not place.startswith("card_")


def kept(tx: Tx, chat: int) -> list[object]:
    """Return all that is kept of someone, but for the window that only the screener sees."""
    loaded = tx.load(chat)
    assert loaded is not None
    person, session = loaded
    session = {**(session or {}), "recent": ()}
    found = (tx.entries(person.id), tx.drafts(person.id), tx.timers(person.id))
    return [asdict(person), session, *([asdict(one) for one in some] for some in found)]


async def night(house: House) -> None:
    """Make a nightly copy, as the bot does in the small hours."""
    master = load_master(env=None, file=house.bot.key_file, database_is_new=False)
    clock = ShiftedClock(house.telegram.clock)
    store = await open_store(house.bot.database, master, clock)
    try:
        await nightly(store)
    finally:
        await store.close()


def check_restore(house: House, people: list[int]) -> None:
    """Show that a copy from before they were forgotten knows none of them."""
    bot = house.bot
    for copy in (bot.folder / "copy.db", max(bot.database.parent.glob("nightly/*.db"))):
        done = bot.cli("restore", copy)
        assert done.returncode == OK, done.stderr
        assert "with 0 people" in done.stdout
    bot.start()
    for who in people[-2:]:
        before = len(house.telegram.answers(who))
        new = house.say(who, "/export", "May I keep")
        assert not any(one["kind"] == "document" for one in new)
        assert len(house.telegram.answers(who)) == before + len(new)
    assert bot.stop() == OK


def test_there_is_a_road_to_every_question_that_takes_words() -> None:
    assert places(content().library) == EVERYWHERE


@pytest.mark.parametrize(
    "walked",
    [
        pytest.param(EVERYWHERE[::8], id="some"),
        pytest.param(EVERYWHERE, id="all", marks=pytest.mark.long),
    ],
)
def test_nothing_typed_at_any_question_is_found_anywhere(
    walked: list[Place], tmp_path: Path
) -> None:
    walk_and_search(tmp_path, walked)


def test_a_copy_brings_back_who_stayed_and_not_who_left(house: House) -> None:
    bot = house.bot
    bot.start()
    ada, bob = house.newcomer("Ada"), house.newcomer("Bob")
    for who, word in ((ada, "a swan was on the lake today"), (bob, "a fox was in the yard today")):
        house.say(who, word, "I may miss this")
        house.say(who, "Keep it as a note", "Kept.")
    assert bot.stop() == OK
    assert bot.cli("backup", bot.folder / "copy.db").returncode == OK
    bot.start()
    house.say(ada, "/delete", "Delete everything I keep")
    house.say(ada, "Delete everything", "Gone: everything")
    assert bot.stop() == OK
    done = bot.cli("restore", bot.folder / "copy.db")
    assert "with 1 person" in done.stdout, done.stderr
    bot.start()
    house.say(ada, "/export", "May I keep")
    assert any("fox" in text for text in leaves(house.export(bob)["entries"]))


def test_a_turn_that_fails_says_nothing_of_what_was_typed(tmp_path: Path) -> None:
    """A row of the database is damaged: something only a turn can find."""
    house = House(tmp_path)
    bot = house.bot
    bot.command = (str(HERE / "loud.py"),)
    try:
        bot.start()
        ada = house.newcomer(" ".join(NAME))
        house.say(ada, "/log", "What happened")
        house.say(ada, "something about quaggtrigger and the hall", "How strong")
        house.say(ada, "5", "what did you do")
        house.say(ada, "something about quaggdid and the hall", "Kept.")
        assert bot.stop() == OK
        with closing(sqlite3.connect(bot.database)) as connection, connection:
            connection.execute("UPDATE entries SET sealed = zeroblob(length(sealed))")
        bot.start()
        house.say(ada, "/summary quaggsummary", "Something went wrong on my side")
        assert "a turn failed" in bot.told()
        words = ["quaggtrigger", "quaggdid", "quaggsummary", *NAME]
        assert Search(words, [])(bot.folder) == []
        house.say(ada, "/sos", "local emergency number")
        house.say(ada, "something about quaggafter and the hall", "")
        house.telegram.raw({"message": {"chat": "quaggchat", "text": "quaggodd"}})
        house.telegram.raw({"quaggkind": {"text": "quaggodd"}})
        house.settle()
        house.say(ada, "/help", "What there is")
        more = ["quaggafter", "quaggchat", "quaggodd", "quaggkind"]
        assert Search([*words, *more], [])(bot.folder) == []
    finally:
        house.close()


def test_a_stolen_folder_does_not_open_with_another_key(house: House) -> None:
    bot = house.bot
    bot.start()
    house.newcomer("Ada")
    assert bot.stop() == OK
    done = bot.cli(BOT_MASTER_KEY=bot.cli("keys", "new").stdout.strip())
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
    assert sys.executable not in done.stderr
