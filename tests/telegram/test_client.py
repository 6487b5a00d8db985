"""The wire: what comes back, what is given up when, and what never stands in an error."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from telegram import InputFile
from telegram.error import BadRequest, InvalidToken, NetworkError, RetryAfter, TimedOut
from telegram.request import RequestData

from bot.errors import TelegramTrouble
from bot.telegram.client import (
    AiohttpRequest,
    NotSent,
    Patience,
    ServerFault,
    call,
    fetch,
    telegram_bot,
)
from bot.telegram.poll import seconds
from tests.telegram.conftest import TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.telegram.conftest import Post


async def failing(doing: Awaitable[Any]) -> str:
    """Return everything an error of a call would show."""
    try:
        await doing
    except Exception as error:  # noqa: BLE001 - any kind may show too much
        return "".join(traceback.format_exception(error)) + repr(error)
    raise AssertionError("nothing failed")


async def test_a_call_answers_with_json(post: Post) -> None:
    guest = post.guest()
    sent = await call(post.bot, "sendMessage", {"chat_id": guest.id, "text": "Grüße 🌿"})
    assert sent["text"] == guest.last.text == "Grüße 🌿"
    assert sent["message_id"] == guest.last.message_id
    assert (await call(post.bot, "getMe"))["is_bot"] is True


async def test_the_librarys_own_functions_work_over_it(post: Post) -> None:
    guest = post.guest()
    message = await post.bot.send_message(guest.id, "hello")
    assert message.text == "hello"


async def test_half_a_character_is_refused_by_telegram_not_by_us(post: Post) -> None:
    guest = post.guest()
    with pytest.raises(BadRequest):
        await call(post.bot, "sendMessage", {"chat_id": guest.id, "text": "\ud83d"})


async def test_a_file_goes_up_and_comes_down(post: Post) -> None:
    guest = post.guest()
    content = bytes(range(256)) * 5000
    document = InputFile(content, filename="päck.json")
    await call(post.bot, "sendDocument", {"chat_id": guest.id, "document": document})
    arrived = guest.last.document
    assert arrived is not None
    assert (arrived.name, arrived.content) == ("päck.json", content)
    assert await fetch(post.bot, arrived.file_id, limit=2_000_000) == content
    with pytest.raises(TelegramTrouble, match="too big"):
        await fetch(post.bot, arrived.file_id, limit=1000)
    with pytest.raises(TelegramTrouble):
        await fetch(post.bot, "no such file", limit=1000)


async def test_waiting_for_an_answer_ends(post: Post) -> None:
    guest = post.guest()
    post.standin.hold("sendMessage")
    with pytest.raises(TimedOut):
        await call(post.bot, "sendMessage", {"chat_id": guest.id, "text": "x"}, read=0.05)


async def test_waiting_for_a_free_place_ends_and_nothing_was_sent(post: Post) -> None:
    guest = post.guest()
    request = AiohttpRequest(connections=1, patience=Patience(pool=0.05, connect=0.05))
    await request.initialize()
    post.standin.hold("sendMessage")
    url = f"{post.url}/bot{TOKEN}/sendMessage?chat_id={guest.id}&text=first"
    first = asyncio.create_task(request.post(url))
    await post.until(lambda: post.texts() == ["first"])
    with pytest.raises(NotSent):
        await request.post(url.replace("first", "second"), RequestData())
    post.standin.release()
    await first
    await request.shutdown()
    assert post.texts() == ["first"]


async def test_nobody_there_is_told_from_in_doubt(post: Post) -> None:
    guest = post.guest()
    async with telegram_bot(TOKEN, "http://127.0.0.1:9") as nowhere:
        with pytest.raises(NotSent):
            await call(nowhere, "getMe")
    post.standin.cut("sendMessage", after_acceptance=True)
    with pytest.raises(NetworkError) as caught:
        await call(post.bot, "sendMessage", {"chat_id": guest.id, "text": "x"})
    assert not isinstance(caught.value, NotSent)


async def test_what_telegram_refuses(post: Post) -> None:
    post.standin.fail("getMe", status=502, description="Bad Gateway")
    with pytest.raises(ServerFault):
        await call(post.bot, "getMe")
    post.standin.fail(
        "getMe", status=429, description="Too Many Requests", parameters={"retry_after": 7}
    )
    with pytest.raises(RetryAfter) as caught:
        await call(post.bot, "getMe")
    assert seconds(caught.value) == 7
    # To the library every other 4xx is a network error, and would be tried for ever.
    post.standin.fail("getMe", status=413, description="Request Entity Too Large")
    with pytest.raises(BadRequest):
        await call(post.bot, "getMe")


async def test_no_error_and_no_log_line_shows_token_or_words(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("telegram").debug("the library is silent below warnings")
    guest = post.guest()
    words = {"chat_id": guest.id, "text": "MYWORDS <MYTAG>", "parse_mode": "HTML"}
    shown = [await failing(call(post.bot, "sendMessage", words))]
    post.standin.fail("sendMessage", status=400, description="Bad Request: MYWORDS in description")
    shown.append(await failing(call(post.bot, "sendMessage", words)))
    post.standin.cut("sendMessage", after_acceptance=False)
    shown.append(await failing(call(post.bot, "sendMessage", words)))
    shown.append(await failing(fetch(post.bot, "MYFILE", limit=10)))
    async with telegram_bot("7:SECRET-other", post.url) as stranger:
        with pytest.raises(InvalidToken):
            await call(stranger, "getMe")
        shown.append(await failing(call(stranger, "getMe")))
    async with telegram_bot(TOKEN, "http://127.0.0.1:9") as nowhere:
        shown.append(await failing(call(nowhere, "sendMessage", words)))
    shown.append(await failing(call(nowhere, "sendMessage", words)))
    everything = "\n".join([*shown, caplog.text])
    for secret in ("SECRET", "MYWORDS", "MYTAG"):
        assert secret not in everything.replace('{"chat_id": guest.id', "")
