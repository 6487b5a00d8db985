"""Spans of time in the moment: they last what was said, whatever clocks and zones do meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.coach import waits
from bot.store import Entry
from tests.chat import START, Chat, chatting

JOINED = ("/start", "[Look around first]", "[Mine]", "[Yes, I'm 18 or older]", "[Not chasing]")
BERLIN = (*JOINED, "/settings", "[Clock]", "berlin", "[That's all]")
TO_THE_WAIT = ("[Right now]", "[8]", "[6]", "[Reach them]", "[20 minutes]")
ENDS = "20 minutes. How strong now?"


async def say(chat: Chat, *lines: str) -> str:
    said = []
    for line in lines:
        said = await (chat.tap(line[1:-1]) if line.startswith("[") else chat.type(line))
    return "\n".join(bubble.text for bubble in said)


async def after(chat: Chat, **span: int) -> str:
    return "\n".join(bubble.text for bubble in await chat.skip(timedelta(**span)))


async def the_moment(chat: Chat) -> Entry:
    def look(tx: Any) -> list[Entry]:
        entries: list[Entry] = tx.entries(tx.person_by_chat(chat.guest.id).id)
        return entries

    entries = await chat.house.store.read(look)
    return next(one for one in entries if one.kind == "activation")


@pytest.mark.parametrize(
    ("now", "till"),
    [
        (datetime(2026, 3, 29, 0, 50, tzinfo=UTC), "20 minutes from now."),  # 01:50, then 03:10
        (datetime(2026, 10, 25, 0, 50, tzinfo=UTC), "20 minutes from now."),  # 02:50, then 02:10
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), "Till 02:30."),  # the second 02:10
    ],
)
async def test_clocks_that_change_there_take_and_give_no_minute(
    now: datetime, till: str, tmp_path: Path
) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *BERLIN)
        chat.clock.skip(now - START)
        assert (await say(chat, *TO_THE_WAIT)).startswith(till)
        assert not await after(chat, minutes=19)
        assert ENDS in await after(chat, minutes=1)
        await say(chat, "[3]", "[Gone for now]")
        assert (await the_moment(chat)).fields["minutes"] == 20


async def test_a_machine_whose_clock_is_set_back_keeps_no_one_waiting(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *JOINED, *TO_THE_WAIT)
        assert not await after(chat, minutes=10)
        assert not await after(chat, hours=-1)
        assert "20 minutes left" not in await say(chat, "/help")
        assert ENDS in await after(chat, minutes=20)
        await say(chat, "[3]", "[Gone for now]")
        fields = (await the_moment(chat)).fields
        assert fields.get("minutes", 0) >= 0
        assert fields.get("settled", 0) >= 0


async def test_a_clock_set_back_and_a_start_after_it_postpone_nothing(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *JOINED, *TO_THE_WAIT)
        who = chat.guest.id
        chat.clock.skip(timedelta(hours=-3))
        now = chat.clock.now()

        def look(tx: Any) -> list[datetime]:
            waits.set_right(tx, now)
            waits.set_right(tx, now + timedelta(minutes=5))
            return [timer.due_at for timer in tx.timers(tx.person_by_chat(who).id)]

        assert await chat.house.store.write(look) == [now + timedelta(minutes=20)]


async def test_the_end_is_said_by_the_clock_of_where_one_is_by_now(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        assert (await say(chat, *BERLIN, *TO_THE_WAIT)).startswith("Till 23:20.")
        await say(chat, "/settings", "[Clock]", "tokyo")
        assert "Till 07:20." in await say(chat, "[That's all]")
        assert not await after(chat, minutes=19)
        assert ENDS in await after(chat, minutes=1)


async def test_minutes_are_those_that_are_left(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        assert (await say(chat, *JOINED, *TO_THE_WAIT)).startswith("20 minutes from now.")
        await after(chat, minutes=8)
        assert "12 minutes left." in await say(chat, "/help")
        await after(chat, minutes=11)
        assert "1 minute left." in await say(chat, "/help")


async def test_a_sound_turned_off_half_way_costs_no_waited_minute(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *JOINED, *TO_THE_WAIT)
        await after(chat, minutes=15)
        await say(chat, "[Sound on or off]")
        assert ENDS in await after(chat, minutes=5)
        await say(chat, "[3]", "[Gone for now]")
        assert (await the_moment(chat)).fields["minutes"] == 20


async def test_the_way_back_is_said_by_the_clock_of_where_one_is_by_now(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        said = await say(chat, *BERLIN, "[Right now]", "[I need space]", "[1 hour]")
        assert "Back at 00:00." in said
        await say(chat, "[Said it]", "[Skip it]", "/settings", "[Clock]", "tokyo")
        assert await after(chat, hours=1) == "08:00."


async def test_a_way_back_that_comes_late_says_so(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *BERLIN, "[Right now]", "[I need space]", "[20 minutes]", "[Said it]")
        assert await after(chat, hours=2) == "This comes late, I was away: 23:20."
