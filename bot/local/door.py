"""The front door: one port for the lean Bot API path and the page, strangers turned away."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.local.api import Api, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from uvicorn.config import Config
    from uvicorn.server import ServerState

LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 52 * 1024 * 1024
HOME = ("127.0.0.1", "localhost", "[::1]")


def welcome(host: str, origin: str | None, port: int) -> bool:
    """Say whether a request comes from this machine's own browser or bot.

    A page on the web can make a browser call 127.0.0.1, under a name of its own (DNS rebinding) or
    plainly across origins; the Host and the Origin header give both away.
    """
    homes = {f"{home}:{port}" for home in HOME}
    if port == 80:  # noqa: PLR2004 - the port that stays unsaid
        homes.update(HOME)
    own = origin is None or origin.lower().removeprefix("http://") in homes
    return own and host.lower() in homes


def lured(site: str, target: str) -> bool:
    """Say whether another page makes the browser ask for this, an image's address for example.

    Such a request has no Origin; browsers say it in Sec-Fetch-Site. Coming to the page itself by a
    link from elsewhere is fine.
    """
    return site in {"cross-site", "same-site"} and target != "/"


class Head:
    """The head of a request: just what the door needs to know."""

    __slots__ = (
        "chunked",
        "close",
        "content_type",
        "expects",
        "host",
        "length",
        "origin",
        "site",
        "target",
    )

    def __init__(self, raw: bytes) -> None:
        lines = raw.decode("latin-1").split("\r\n")
        _, self.target, version = lines[0].split(" ", 2)
        self.length = 0
        self.content_type = self.host = self.site = ""
        self.origin: str | None = None
        self.chunked = self.expects = False
        self.close = version == "HTTP/1.0"
        for line in lines[1:]:
            name, _, value = line.partition(":")
            match name.lower():
                case "content-length":
                    self.length = int(value)
                case "content-type":
                    self.content_type = value.strip()
                case "host":
                    self.host = value.strip()
                case "origin":
                    self.origin = value.strip()
                case "sec-fetch-site":
                    self.site = value.strip()
                case "transfer-encoding":
                    self.chunked = "chunked" in value.lower()
                case "expect":
                    self.expects = "100-continue" in value.lower()
                case "connection":
                    self.close = "close" in value.lower()


class Door(asyncio.Protocol):
    """One connection; each request on it goes to the Bot API here or to uvicorn's own protocol.

    The Bot API part answers thousands of calls a second beside a bot under load, which a general
    HTTP parser in Python does not; the page does not need that.
    """

    api: Api

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._make_inner: Callable[[], H11Protocol] = lambda: H11Protocol(
            config, server_state, app_state, _loop
        )
        self._state = server_state
        self._inner: H11Protocol | None = None
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._head: Head | None = None
        self._passing = 0
        self._task: asyncio.Task[None] | None = None
        self._port = 0

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection in."""
        self._transport = cast("asyncio.Transport", transport)  # a TCP server has no other
        self._port = transport.get_extra_info("sockname")[1]
        self._state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection; whoever waited on it no longer does."""
        self._state.connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def eof_received(self) -> None:
        """Let the inner protocol know."""
        if self._inner is not None:
            self._inner.eof_received()

    def pause_writing(self) -> None:
        """Let the inner protocol know."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Let the inner protocol know."""
        if self._inner is not None:
            self._inner.resume_writing()

    def shutdown(self) -> None:
        """Close, as the server asks before it ends."""
        if self._task is not None:
            self._task.cancel()
        if self._inner is None or self._task is not None:
            self._transport.close()

    # --- requests

    def data_received(self, data: bytes) -> None:
        """Take what came and answer every whole request in it."""
        if self._passing < 0 and self._inner is not None:
            self._inner.data_received(data)
            return
        self._buffer += data
        while self._buffer and self._task is None and not self._transport.is_closing():
            if not (self._pass_on() if self._passing else self._next()):
                return

    def _next(self) -> bool:
        if self._head is None and not self._read_head():
            return False
        head = self._head
        assert head is not None  # noqa: S101 - it was just read
        if head.chunked:
            body = self._chunks()
            if body is None:
                return False
        else:
            if len(self._buffer) < head.length:
                return False
            body = bytes(self._buffer[: head.length])
            del self._buffer[: head.length]
        self._head = None
        self._answer(head, body)
        return True

    def _chunks(self) -> bytes | None:
        if len(self._buffer) > LONGEST_BODY:
            self._refuse(413)
            return None
        try:
            return _unchunk(self._buffer)
        except ValueError:
            self._refuse(400)
            return None

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEAD:
                self._refuse(431)
            return False
        raw = bytes(self._buffer[:end])
        try:
            head = Head(raw)
        except ValueError:
            self._refuse(400)
            return False
        if not welcome(head.host, head.origin, self._port) or lured(head.site, head.target):
            self._refuse(403)
            return False
        if head.length > LONGEST_BODY:
            self._refuse(413)
            return False
        if not head.target.startswith(("/bot", "/file/bot")):
            self._passing = -1 if head.chunked else end + 4 + head.length
            return self._pass_on() and self._read_head()
        del self._buffer[: end + 4]
        if head.expects:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._head = head
        return True

    def _pass_on(self) -> bool:
        if self._inner is None:
            self._inner = self._make_inner()
            self._inner.connection_made(self._transport)
        part = bytes(self._buffer) if self._passing < 0 else bytes(self._buffer[: self._passing])
        del self._buffer[: len(part)]
        if self._passing > 0:
            self._passing -= len(part)
        self._inner.data_received(part)
        return self._passing == 0 and bool(self._buffer)

    def _answer(self, head: Head, body: bytes) -> None:
        reply = self.api.handle(head.target, head.content_type, body)
        if isinstance(reply, Reply):
            self._write(reply, close=head.close)
        else:
            self._task = asyncio.get_running_loop().create_task(self._later(reply, head))

    async def _later(self, waiting: Coroutine[Any, Any, Reply], head: Head) -> None:
        try:
            reply = await waiting
        finally:
            self._task = None
        if not self._transport.is_closing():
            self._write(reply, close=head.close)
            self.data_received(b"")

    def _write(self, reply: Reply, *, close: bool) -> None:
        if reply.cut:
            self._transport.abort()
            return
        self._transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s"
            % (
                reply.status,
                _phrase(reply.status),
                reply.content_type.encode(),
                len(reply.body),
                b"Connection: close\r\n" if close else b"",
                reply.body,
            )
        )
        if close:
            self._transport.close()

    def _refuse(self, status: int) -> None:
        self._buffer.clear()
        body = b'{"ok":false,"error_code":%d,"description":"%s"}' % (status, _phrase(status))
        self._write(Reply(status, body), close=True)


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Unknown"


def _unchunk(buffer: bytearray) -> bytes | None:
    """Take a chunked body off the buffer, once all of it is there."""
    at = 0
    spans: list[slice] = []
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(buffer[at:end].partition(b";")[0], 16)
        at = end + 2 + size + 2
        if len(buffer) < at:
            return None
        if size == 0:
            body = b"".join(buffer[span] for span in spans)
            del buffer[:at]
            return body
        spans.append(slice(end + 2, at - 2))


def door_for(api: Api) -> type[Door]:
    """Make the protocol class that uvicorn opens for each connection."""
    return type("DoorFor", (Door,), {"api": api})
