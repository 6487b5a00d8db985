"""The Bot API over HTTP: a path and a body in, Telegram's answer out."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from bot.local import methods, wire
from bot.local.faults import Cut
from bot.local.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.local.params import Params
    from bot.local.standin import Standin

log = logging.getLogger(__name__)
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
LONGEST_POLL = 50


class Reply(NamedTuple):
    """An HTTP answer; a cut one never arrives."""

    status: int
    body: bytes
    content_type: str = "application/json"
    cut: bool = False


CUT = Reply(0, b"", cut=True)


def accepted(result: Any) -> Reply:
    """Say yes, with the result."""
    return Reply(200, ('{"ok":true,"result":' + encode(result) + "}").encode())


def refused(error: Refusal) -> Reply:
    """Say no, in Telegram's form."""
    told = {"ok": False, "error_code": error.status, "description": error.description}
    if error.parameters:
        told["parameters"] = error.parameters
    return Reply(error.status, encode(told).encode())


class Api:
    """Everything below /bot<token>/ and /file/bot<token>/."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self._calls = f"/bot{standin.token}/"
        self._files = f"/file/bot{standin.token}/"
        self._poll: asyncio.Future[bool] | None = None

    def handle(
        self, target: str, content_type: str, body: bytes
    ) -> Reply | Coroutine[Any, Any, Reply]:
        """Answer at once where that is possible; what has to wait is returned to be awaited."""
        path, _, query = target.partition("?")
        if "%" in path:
            path = unquote(path)
        try:
            if path.startswith(self._calls):
                params = wire.read(query, content_type, body)
                return self._call(path[len(self._calls) :].lower(), params)
            if path.startswith(self._files):
                return self._fetch(path[len(self._files) :])
            return refused(_stranger(path))
        except Refusal as error:
            return refused(error)
        except UnicodeError:
            return refused(Refusal("strings must be encoded in UTF-8"))
        except Exception:
            log.exception("the stand-in failed over a call")
            return refused(Refusal("Internal Server Error", status=500))

    def _call(self, method: str, params: Params) -> Reply | Coroutine[Any, Any, Reply]:
        faults = self.standin.faults
        trouble = faults.take(method) if faults.waiting else None
        match trouble:
            case Refusal():
                self.standin.refused(methods.NAMES.get(method, method), params, trouble)
                return refused(trouble)
            case Cut(after_acceptance=False):
                return CUT
        if method == "getupdates" and trouble is None:
            reply = self._updates(params)
        else:
            reply = accepted(methods.call(self.standin, method, params))
        if trouble is not None:
            return CUT
        if faults.held and (event := faults.held.get(method) or faults.held.get("*")):
            return self._held(reply, event)
        return reply

    async def _held(self, reply: Reply | Coroutine[Any, Any, Reply], event: asyncio.Event) -> Reply:
        ready = reply if isinstance(reply, Reply) else await reply
        await event.wait()
        return ready

    def _updates(self, params: Params) -> Reply | Coroutine[Any, Any, Reply]:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(False)
        page = methods.call(self.standin, "getupdates", params)
        timeout = min(params.integer("timeout", 0) or 0, LONGEST_POLL)
        if page or timeout <= 0:
            return accepted(page)
        self._poll = poll = self._open_poll(timeout)
        return self._wait(params, poll)

    def _open_poll(self, timeout: int) -> asyncio.Future[bool]:
        """Listen from this very moment: what happens before the waiting begins counts too."""
        queue = self.standin.queue
        loop = asyncio.get_running_loop()
        poll: asyncio.Future[bool] = loop.create_future()

        def finish() -> None:
            if not poll.done():
                poll.set_result(True)

        def wake() -> None:
            # The next turn of the loop, so that what happens together arrives together.
            loop.call_soon(finish)

        def close(_: asyncio.Future[bool]) -> None:
            alarm.cancel()
            queue.wakers.discard(wake)

        queue.wakers.add(wake)
        alarm = loop.call_later(timeout, finish)
        poll.add_done_callback(close)
        return poll

    async def _wait(self, params: Params, poll: asyncio.Future[bool]) -> Reply:
        try:
            if await poll:
                return accepted(methods.get_updates(self.standin, params))
        except Refusal as error:
            return refused(error)
        return refused(
            Refusal(
                "terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
                status=409,
            )
        )

    def _fetch(self, path: str) -> Reply:
        stored = self.standin.file_at(path)
        if stored is None:
            raise Refusal("Not Found", status=404)
        return Reply(200, stored.content, "application/octet-stream")


def _stranger(path: str) -> Refusal:
    token = path.removeprefix("/file").removeprefix("/bot").partition("/")[0]
    head, colon, tail = token.partition(":")
    if head.isdigit() and colon and tail:
        return Refusal("Unauthorized", status=401)
    return Refusal("Not Found", status=404)
