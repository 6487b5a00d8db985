"""Updates by being told: an endpoint that answers 200 only when the update is kept."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bot import jsons
from bot.errors import Misconfigured
from bot.telegram import client
from bot.telegram.poll import NOT_KNOWN, Handover, seconds
from bot.telegram.updates import allowed_updates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import telegram
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from bot.clock import Clock
    from bot.store import Store

log = logging.getLogger(__name__)

_MOST: Final = 1024 * 1024
"""Bytes of an update; Telegram's own stay far below."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_CONNECTIONS: Final = 40
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where Telegram brings updates, and how it shows that it is Telegram."""

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured(
                "BOT_WEBHOOK_URL must be the full address Telegram reaches this bot at, such as "
                "https://example.org/telegram."
            )
        if not _SECRET.fullmatch(self.secret):
            raise Misconfigured(
                "BOT_WEBHOOK_SECRET must be set in webhook mode: 1 to 256 letters, digits, "
                "underscores and hyphens, so that only Telegram can bring updates."
            )

    @property
    def path(self) -> str:
        """The path below which the endpoint listens."""
        return urlsplit(self.url).path or "/"


def webhook_app(endpoint: Endpoint, store: Store, clock: Clock, handover: Handover) -> Starlette:
    """Return the web application: the endpoint and ``/health``."""
    secret = endpoint.secret.encode()

    async def receive(request: Request) -> Response:
        told = request.headers.get("x-telegram-bot-api-secret-token", "").encode()
        if not hmac.compare_digest(told, secret):
            return Response(status_code=403)
        await handover.room()
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        try:
            update = jsons.load(body)
            update_id = update["update_id"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return Response(status_code=400)
        if type(update_id) is not int:
            return Response(status_code=400)
        try:
            kept = await store.write(lambda tx: tx.take_in([(update_id, body)], clock.now()))
        except Exception as error:  # noqa: BLE001 - whatever it is, Telegram is to try again
            log.warning("An update could not be kept (%s).", type(error).__name__)
            handover.missed([update])
            return Response(status_code=500)
        await handover.give(kept, {update_id: update})
        return Response(status_code=200)

    return Starlette(
        routes=[
            Route(endpoint.path, receive, methods=["POST"]),
            health_route(store),
        ]
    )


async def _body(request: Request) -> bytes | None:
    """Return the body, None when there is too much of it."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > _MOST:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST:
            return None
    return bytes(body)


def health_route(store: Store) -> Route:
    """Return ``/health``: "ok" while the loop turns and the database answers."""

    async def health(_: Request) -> Response:
        try:
            await asyncio.wait_for(store.read(lambda tx: tx.meta("health")), 5)
        except Exception as error:  # noqa: BLE001 - any failure is the answer
            log.warning("The database does not answer (%s).", type(error).__name__)
            return PlainTextResponse("the database does not answer", 503)
        return PlainTextResponse("ok")

    return Route("/health", health, methods=["GET"])


async def set_webhook(
    bot: telegram.Bot,
    endpoint: Endpoint,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell Telegram where to bring updates; tries until Telegram could be reached."""
    fields: dict[str, Any] = {
        "url": endpoint.url,
        "secret_token": endpoint.secret,
        "allowed_updates": allowed_updates(),
        "max_connections": _CONNECTIONS,
        "drop_pending_updates": False,
    }
    for attempt in range(1_000_000):
        try:
            await client.call(bot, "setWebhook", fields)
        except InvalidToken:
            raise Misconfigured(NOT_KNOWN) from None
        except BadRequest as error:
            raise Misconfigured(f"Telegram refuses BOT_WEBHOOK_URL: {error}") from None
        except RetryAfter as error:
            await pause(seconds(error))
        except TelegramError as error:
            log.warning("Telegram cannot be told of the webhook yet: %s", error)
            await pause(_WAITS[min(attempt, len(_WAITS) - 1)])
        else:
            return


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the one who owns the loop."""
        yield


def listen(address: str) -> socket.socket:
    """Open the socket for ``host:port``; Misconfigured when it cannot be had."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=256)
    except (OSError, ValueError, OverflowError) as error:
        raise Misconfigured(f"The bot cannot listen on {address} (BOT_LISTEN): {error}.") from None


async def serve(app: ASGIApp, address: str | socket.socket) -> None:
    """Serve until cancelled; requests under way are finished first."""
    bound = listen(address) if isinstance(address, str) else address
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        bound.close()
