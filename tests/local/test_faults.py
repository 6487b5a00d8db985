"""Trouble on demand: a refusal, a cut connection, an answer held back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from bot.local.standin import Standin
    from tests.local.conftest import Line


async def test_a_refusal_comes_as_ordered_and_passes(
    standin: Standin, line: Line, ada: Guest
) -> None:
    standin.fail(
        "sendMessage",
        status=429,
        description="Too Many Requests: retry after 3",
        parameters={"retry_after": 3},
    )

    refused = await line.call("sendMessage", chat_id=ada.id, text="one")
    taken = await line.call("sendMessage", chat_id=ada.id, text="two")

    assert refused == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    assert taken["ok"]
    assert [one.text for one in ada.answers] == ["two"]
    assert [(one.method, one.ok) for one in standin.calls] == [
        ("sendMessage", False),
        ("sendMessage", True),
    ]


@pytest.mark.parametrize(("after", "seen"), [(False, []), (True, ["one"])])
async def test_a_connection_is_cut_before_or_after_the_call_is_taken(
    standin: Standin, line: Line, ada: Guest, *, after: bool, seen: list[str]
) -> None:
    standin.cut("sendMessage", after_acceptance=after)

    with pytest.raises(aiohttp.ClientError):
        await line.call("sendMessage", chat_id=ada.id, text="one")

    assert [one.text for one in ada.answers] == seen


async def test_an_answer_is_held_until_it_is_released(
    standin: Standin, line: Line, ada: Guest
) -> None:
    arrived = asyncio.Event()
    stop = standin.watch(lambda _: arrived.set())
    standin.hold("sendMessage")
    sending = asyncio.create_task(line.call("sendMessage", chat_id=ada.id, text="one"))

    await arrived.wait()
    stop()
    assert ada.last.text == "one"
    assert not sending.done()
    standin.release("sendMessage")

    assert (await sending)["ok"]
