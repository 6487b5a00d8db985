"""The webhook: only Telegram comes in, and 200 means kept."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bot.errors import Misconfigured
from bot.telegram.poll import Handover
from bot.telegram.webhook import Endpoint, listen, serve, set_webhook, webhook_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.telegram.conftest import Post

SECRET = "s3cret-of-ours"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@asynccontextmanager
async def hooked(post: Post) -> AsyncIterator[str]:
    bound = listen("127.0.0.1:0")
    url = f"http://127.0.0.1:{bound.getsockname()[1]}/telegram"
    endpoint = Endpoint(url, SECRET)
    app = webhook_app(endpoint, post.store, post.clock, Handover(post.store, post.heard.append))
    task = asyncio.create_task(serve(app, bound))
    try:
        yield url
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def update(number: int = 1) -> dict[str, Any]:
    chat = {"id": 5, "type": "private"}
    return {
        "update_id": number,
        "message": {"message_id": 1, "date": 1, "chat": chat, "from": chat, "text": "hello"},
    }


async def bring(url: str, body: bytes | io.BytesIO, secret: str | None = SECRET) -> int:
    headers = {} if secret is None else {HEADER: secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_only_who_knows_the_secret_comes_in(post: Post) -> None:
    body = json.dumps(update()).encode()
    async with hooked(post) as url:
        assert await bring(url, body, None) == 403
        assert await bring(url, body, "wrong") == 403
        assert await bring(url, body, "s3cret-of-ourß") == 403
        assert post.heard == []
        assert await bring(url, body) == 200
        assert await bring(url, body) == 200  # the same again
    assert len(post.heard) == 1


async def test_500_when_it_is_not_kept_so_that_telegram_tries_again(post: Post) -> None:
    body = json.dumps(update()).encode()
    async with hooked(post) as url:
        async with post.full_disk():
            assert await bring(url, body) == 500
            assert post.heard == []
        assert await bring(url, body) == 200
    assert len(post.heard) == 1


async def test_200_comes_after_the_commit(post: Post) -> None:
    async with hooked(post) as url:
        assert await bring(url, json.dumps(update(7)).encode()) == 200
        assert post.committed("inbox") == 1


async def test_what_is_no_update_is_turned_away(post: Post) -> None:
    async with hooked(post) as url:
        assert await bring(url, b"nonsense") == 400
        assert await bring(url, b"[]") == 400
        assert await bring(url, b'{"update_id": "x"}') == 400
        assert await bring(url, io.BytesIO(bytes(1024 * 1024 + 1))) == 413
        # An odd update is kept and set aside: brought again it would be as odd.
        assert await bring(url, b'{"update_id": 3, "message": 5}') == 200
    assert post.heard == []
    assert await post.store.write(lambda tx: tx.undone(10)) == []


async def test_health(post: Post) -> None:
    async with (
        hooked(post) as url,
        aiohttp.ClientSession() as session,
        session.get(url.replace("/telegram", "/health")) as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "ok")


async def test_telegram_is_told_where_and_brings_updates(post: Post) -> None:
    async with hooked(post) as url:
        await set_webhook(post.bot, Endpoint(url, SECRET))
        guest = post.standin.join("Ada")
        guest.send("hello")
        await post.until(lambda: len(post.heard) == 1)
    told = post.named("setWebhook")[0]
    assert told["secret_token"] == SECRET
    assert "my_chat_member" in told["allowed_updates"]
    assert told["drop_pending_updates"] is False


@pytest.mark.parametrize(
    ("url", "secret"),
    [("https://example.org/hook", ""), ("https://example.org", "sp ace"), ("example.org", "x")],
)
def test_it_does_not_start_without_secret_or_address(url: str, secret: str) -> None:
    with pytest.raises(Misconfigured):
        Endpoint(url, secret)


def test_a_port_in_use_is_said_plainly() -> None:
    with listen("127.0.0.1:0") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match="cannot listen"):
            listen(f"127.0.0.1:{port}")
    with pytest.raises(Misconfigured):
        listen("nonsense")


async def test_what_telegram_does_not_take_as_address_stops_the_start(post: Post) -> None:
    with pytest.raises(Misconfigured, match="BOT_WEBHOOK_URL"):
        await set_webhook(post.bot, Endpoint("https://example.org/hook", SECRET))
