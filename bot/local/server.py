"""The stand-in as a server: Bot API and chat page on one port of this machine only."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from bot.clock import ShiftedClock, SystemClock
from bot.local.api import Api
from bot.local.control import Control
from bot.local.courier import Courier
from bot.local.door import door_for, lured, welcome
from bot.local.standin import Standin
from bot.local.view import View
from bot.loop import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import timedelta

    from starlette.types import Message, Receive, Scope, Send

SAVE_EVERY = 1.0
"""Seconds after which what does not show is saved too."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
HEADERS = (
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Local:
    """The ASGI app; the Bot API itself is answered at the door, before ASGI."""

    def __init__(
        self,
        standin: Standin,
        *,
        skip: Callable[[timedelta], None] | None,
        control: bool,
        save_to: Path | None,
    ) -> None:
        self.standin = standin
        self.api = Api(standin)
        self.view = View(standin, skip)
        routes = self.view.routes()
        if control:
            routes += Control(standin, skip).routes()
        self._routes = Starlette(routes=routes)
        self._courier = Courier(standin)
        self._save_to = save_to
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for the page or the controls."""
        if scope["type"] != "http":
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        port = (scope.get("server") or ("", 0))[1]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        if not welcome(headers.get(b"host", ""), headers.get(b"origin"), port) or lured(
            headers.get(b"sec-fetch-site", ""), scope["path"]
        ):
            await PlainTextResponse("Forbidden", 403)(scope, receive, guarded)
            return
        await self._routes(scope, receive, guarded)

    def open(self) -> None:
        """Begin to deliver to a webhook and to save."""
        self._tasks = [asyncio.create_task(self._courier.run())]
        if self._save_to is not None:
            self._tasks.append(asyncio.create_task(self._save(self._save_to)))

    def end_streams(self) -> None:
        """Let every page's live stream end, so that the server can."""
        self.view.closing.set()

    async def close(self) -> None:
        """Stop both, saving once more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._save_to is not None:
            self.standin.save(self._save_to)

    async def _save(self, path: Path) -> None:
        # What shows is saved at once: a power cut must not take back what someone has seen.
        changed, saved = asyncio.Event(), -1
        stop = self.standin.watch(lambda _: changed.set())
        try:
            while True:
                changed.clear()
                if self.standin.mark != saved:
                    saved = self.standin.mark
                    self.standin.save(path)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), SAVE_EVERY)
        finally:
            stop()


class Server(uvicorn.Server):
    """A uvicorn server inside someone else's event loop: the signals stay theirs."""

    def __init__(self, config: uvicorn.Config, app: Local, bound: socket.socket) -> None:
        super().__init__(config)
        self._app = app
        self._bound = bound
        self._leaving = asyncio.Event()
        self.port: int = bound.getsockname()[1]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone; whoever runs the loop owns them."""
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `leave` is called or `should_exit` is set."""
        self._app.open()
        try:
            await super().serve(sockets or [self._bound])
        finally:
            self._bound.close()
            await self._app.close()

    def leave(self) -> None:
        """Ask the server to end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does, but end at once when asked to."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is open, streams and long polls included."""
        self._app.end_streams()
        await super().shutdown(sockets)


def build(
    standin: Standin,
    *,
    skip: Callable[[timedelta], None] | None = None,
    control: bool = False,
    save_to: Path | None = None,
) -> Local:
    """Put the app together: `skip` moves the clock, `save_to` keeps the chats over a restart."""
    return Local(standin, skip=skip, control=control, save_to=save_to)


def serve(app: Local, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Bind the port and return a server; await its `serve()` in your own event loop."""
    if host not in LOOPBACK:
        raise ValueError("the stand-in listens on this machine only")
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    # Named as TCP, the loop sends small answers at once; unnamed, each waits for the one before.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        # Whoever comes before the loop turns waits instead of being turned away.
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    config = uvicorn.Config(
        app,
        http=door_for(app.api),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=2048,
        # The Bot API part shares its connections with the page's protocol, whose timer must not
        # close them under a long poll.
        timeout_keep_alive=24 * 3600,
        timeout_graceful_shutdown=2,
    )
    return Server(config, app, bound)


@contextlib.asynccontextmanager
async def running(app: Local, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
    """Serve for the length of a block, for tests."""
    server = serve(app, host, port)
    task = asyncio.create_task(server.serve())
    try:
        yield server
    finally:
        app.standin.release()
        server.leave()
        await task


async def _main(options: argparse.Namespace) -> None:
    shifted = ShiftedClock(options.clock) if options.clock else None
    standin = Standin(
        shifted or SystemClock(),
        token=options.token,
        record=options.keep is None,
        keep=options.keep,
    )
    app = build(standin, skip=shifted.skip if shifted else None, control=options.control)
    server = serve(app, "127.0.0.1", options.port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.leave)
    told: dict[str, Any] = {"port": server.port}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await server.serve()


def main(arguments: list[str] | None = None) -> None:
    """Run the stand-in alone, for a bot in another process."""
    parser = argparse.ArgumentParser(prog="python -m bot.local.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    parser.add_argument("--clock", type=Path, help="file with the clock's offset, in seconds")
    parser.add_argument("--token", default="1:local", help="the bot's token (default: 1:local)")
    parser.add_argument("--control", action="store_true", help="serve /control/ for tests")
    parser.add_argument(
        "--keep", type=int, metavar="N", help="keep N messages a chat and no list of calls"
    )
    run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
