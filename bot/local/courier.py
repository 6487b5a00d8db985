"""Updates brought to a webhook: in order, again until they are taken."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from bot.local.standin import Standin, Webhook
    from bot.local.updates import Waiting

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
PATIENCE = 60


class Courier:
    """Delivers while a webhook is set and rests while none is."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        queue = self.standin.queue
        queue.wakers.add(self._news.set)
        pause = FIRST_PAUSE
        try:
            while True:
                self._news.clear()
                hook = self.standin.webhook
                waiting = queue.first(self.standin.now()) if hook else None
                if hook is None or waiting is None:
                    await self._news.wait()
                elif await self._deliver(hook, waiting):
                    queue.confirm(waiting)
                    pause = FIRST_PAUSE
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            queue.wakers.discard(self._news.set)

    async def _deliver(self, hook: Webhook, waiting: Waiting) -> bool:
        waiting.delivered = True
        try:
            async with asyncio.timeout(PATIENCE):
                status = await _post(hook, json.dumps(waiting.update).encode())
        except (OSError, EOFError, ValueError, IndexError, TimeoutError):
            why = "Connection refused"
        else:
            if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own range
                return True
            why = f"Wrong response from the webhook: {status}"
        hook.last_error = (int(self.standin.now()), why)
        return False


async def _post(hook: Webhook, body: bytes) -> int:
    parts = urlsplit(hook.url)
    host = parts.hostname or "127.0.0.1"
    reader, writer = await asyncio.open_connection(host, parts.port or 80)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if hook.secret:
            lines.append(f"X-Telegram-Bot-Api-Secret-Token: {hook.secret}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        status = (await reader.readline()).split()[1]
        await reader.read()
        return int(status)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
