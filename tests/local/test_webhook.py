"""A webhook is brought every update in order, with the secret, until it takes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from tests.local.conftest import Line


async def test_updates_are_brought_in_order_until_taken(line: Line, ada: Guest) -> None:
    taken: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
    answers = iter([500, 200, 200])

    async def take(request: web.Request) -> web.Response:
        told = await request.json()
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        taken.put_nowait((told["message"]["text"], secret))
        return web.Response(status=next(answers))

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        await line.call("setWebhook", url=f"http://127.0.0.1:{port}/hook", secret_token="s3cret")
        ada.send("second")
        async with asyncio.timeout(10):
            seen = [await taken.get() for _ in range(3)]
        info = (await line.call("getWebhookInfo"))["result"]
    finally:
        await line.call("deleteWebhook")
        await runner.cleanup()

    assert seen == [("/start", "s3cret"), ("/start", "s3cret"), ("second", "s3cret")]
    assert info["url"].endswith("/hook")
    assert "500" in info["last_error_message"]
