"""A stand-in with a person in it, served on a free port, and a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bot.local import methods
from bot.local.params import Params, Upload
from bot.local.server import Server, build, running
from bot.local.standin import Standin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.local.guest import Guest


class StillClock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 14, 21, 30, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self.moment

    def skip(self, by: timedelta) -> None:
        """Move on."""
        self.moment += by


@dataclass(frozen=True, slots=True)
class Line:
    """A line to the served stand-in."""

    server: Server
    session: aiohttp.ClientSession

    @property
    def root(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.server.port}"

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method with JSON and return the whole answer."""
        address = f"{self.root}/bot1:local/{method}"
        async with self.session.post(address, json=params) as answer:
            told: dict[str, Any] = await answer.json()
            assert answer.status == told.get("error_code", 200)
            return told


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def standin(clock: StillClock) -> Standin:
    return Standin(clock)


@pytest.fixture
def ada(standin: Standin) -> Guest:
    guest = standin.join("Ada Lovelace")
    guest.send("/start")
    return guest


@pytest.fixture
async def line(standin: Standin) -> AsyncIterator[Line]:
    async with (
        running(build(standin, control=True)) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Line(server, session)


def call(
    standin: Standin, method: str, files: dict[str, Upload] | None = None, **params: Any
) -> Any:
    """Call a method without a server in between."""
    return methods.call(standin, method.lower(), Params(params, files or {}))
