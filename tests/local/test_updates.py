"""Updates are fetched, confirmed, fought over and forgotten as they are at Telegram."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.local.api import Api, Reply
from tests.local.conftest import Line, StillClock, call

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from bot.local.standin import Standin


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [one["message"]["text"] for one in updates]


class Arrivals(set[Any]):
    """The wakers of the queue, telling when a long poll has joined them."""

    def __init__(self, known: set[Any]) -> None:
        super().__init__(known)
        self.arrived = asyncio.Event()

    def add(self, element: Any) -> None:
        """Take one in and tell."""
        super().add(element)
        self.arrived.set()


async def poll(standin: Standin, line: Line, **params: Any) -> asyncio.Task[dict[str, Any]]:
    """Start a long poll and return once the server waits on it."""
    arrivals = standin.queue.wakers = Arrivals(standin.queue.wakers)
    task = asyncio.create_task(line.call("getUpdates", timeout=30, **params))
    await arrivals.arrived.wait()
    return task


def test_an_offset_confirms_and_the_rest_comes_again(standin: Standin, ada: Guest) -> None:
    for word in ("one", "two", "three"):
        ada.send(word)
    page = call(standin, "getUpdates", limit=2)
    assert texts(page) == ["/start", "one"]

    rest = call(standin, "getUpdates", offset=page[-1]["update_id"])
    assert texts(rest) == ["one", "two", "three"]
    assert texts(call(standin, "getUpdates", offset=rest[0]["update_id"])) == ["one"]
    assert call(standin, "getUpdates", offset=rest[-1]["update_id"] + 1) == []
    assert call(standin, "getUpdates") == []


def test_a_negative_offset_keeps_the_last_only(standin: Standin, ada: Guest) -> None:
    ada.send("one")

    assert texts(call(standin, "getUpdates", offset=-1)) == ["one"]
    assert len(standin.queue.waiting) == 1


def test_taps_live_150_seconds_and_messages_a_day(
    standin: Standin, ada: Guest, clock: StillClock
) -> None:
    ada.tap_data(1, "old")
    clock.skip(timedelta(seconds=151))
    assert texts(call(standin, "getUpdates")) == ["/start"]

    clock.skip(timedelta(hours=24))
    assert call(standin, "getUpdates") == []


def test_unwanted_kinds_are_left_out_until_asked_for(standin: Standin, ada: Guest) -> None:
    call(standin, "getUpdates", allowed_updates=["callback_query"])
    ada.send("not wanted")
    call(standin, "getUpdates", allowed_updates=[])
    ada.send("wanted")

    assert texts(call(standin, "getUpdates")) == ["/start", "wanted"]


def test_any_update_can_be_put_in_even_twice(standin: Standin) -> None:
    odd = {"update_id": 5, "moon_phase": {"new": True}}
    standin.raw(odd)
    assert call(standin, "getUpdates") == [odd]
    assert call(standin, "getUpdates", offset=6) == []

    standin.raw(odd)
    assert call(standin, "getUpdates", offset=6) == [odd]


async def test_a_long_poll_ends_when_something_happens(
    standin: Standin, line: Line, ada: Guest
) -> None:
    waiting = await poll(standin, line, offset=700_000_002)

    ada.send("now")

    assert texts((await waiting)["result"]) == ["now"]


async def test_a_second_poll_ends_the_first(standin: Standin, line: Line, ada: Guest) -> None:
    first = await poll(standin, line, offset=700_000_002)

    second = await poll(standin, line, offset=700_000_002)
    refused = await first
    ada.send("now")

    assert refused["error_code"] == 409
    assert refused["description"].startswith("Conflict: terminated by other getUpdates request")
    assert texts((await second)["result"]) == ["now"]


async def test_polling_and_a_webhook_exclude_each_other(standin: Standin, line: Line) -> None:
    waiting = await poll(standin, line)

    await line.call("setWebhook", url="http://127.0.0.1:9/")

    assert (await waiting)["error_code"] == 409
    assert "webhook is active" in (await line.call("getUpdates"))["description"]
    await line.call("deleteWebhook")
    assert (await line.call("getUpdates"))["ok"]


async def test_a_bot_that_went_away_leaves_its_updates_behind(
    standin: Standin, line: Line, ada: Guest
) -> None:
    waiting = await poll(standin, line, offset=700_000_002)
    waiting.cancel()
    await asyncio.wait([waiting])

    ada.send("are you there?")

    told = await line.call("getUpdates", offset=700_000_002)
    assert texts(told["result"]) == ["are you there?"]


async def test_nothing_is_missed_between_asking_and_waiting(standin: Standin, ada: Guest) -> None:
    waiting = Api(standin).handle("/bot1:local/getUpdates?offset=700000002&timeout=30", "", b"")
    assert not isinstance(waiting, Reply)

    ada.send("now")

    assert texts(json.loads((await waiting).body)["result"]) == ["now"]
