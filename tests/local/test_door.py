"""Only this machine's own bot and browser come in; calls come in every form Telegram takes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bot.local.server import build, serve

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from bot.local.standin import Standin
    from tests.local.conftest import Line


@pytest.mark.parametrize("path", ["/", "/page/state", "/bot1:local/getMe", "/control/people"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.org"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1.example.org:{port}"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
)
async def test_strangers_are_turned_away(line: Line, path: str, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=line.server.port) for name, value in headers.items()}

    async with line.session.get(line.root + path, headers=sent) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/page/state", "/bot1:local/getMe"])
async def test_the_own_page_is_let_in(line: Line, path: str) -> None:
    own = {"Host": f"localhost:{line.server.port}", "Origin": line.root}

    async with line.session.get(line.root + path, headers=own) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_other_pages_cannot_make_the_browser_ask(line: Line, site: str) -> None:
    lured = {"Sec-Fetch-Site": site}

    for path, status in (("/bot1:local/getMe", 403), ("/page/state", 403), ("/", 200)):
        async with line.session.get(line.root + path, headers=lured) as answer:
            assert answer.status == status


async def test_the_page_may_load_nothing_from_elsewhere(line: Line) -> None:
    async with line.session.get(line.root) as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/bot1:wrong/getMe", 401),
        ("/botnonsense/getMe", 404),
        ("/bot1:local/getMoon", 404),
        ("/bot1:local/GETME", 200),
        ("/file/bot1:local/photos/none.png", 404),
        ("/file/bot1:wrong/photos/none.png", 401),
    ],
)
async def test_tokens_and_methods_are_told_apart(line: Line, path: str, status: int) -> None:
    async with line.session.get(line.root + path) as answer:
        told = await answer.json()

    assert answer.status == status
    assert told["ok"] is (status == 200)


async def test_a_call_may_come_in_any_form(line: Line, ada: Guest) -> None:
    address = f"{line.root}/bot1:local/sendMessage"
    params = {"chat_id": str(ada.id), "text": "é & 😀"}
    multipart = aiohttp.FormData(params, default_to_multipart=True)

    async def pieces() -> object:
        yield json.dumps(params).encode()

    for sending in (
        line.session.get(address, params=params),
        line.session.post(address, data=params),
        line.session.post(address, data=multipart),
        line.session.post(address, json=params),
        line.session.post(address, data=pieces(), headers={"Content-Type": "application/json"}),
    ):
        async with sending as answer:
            assert answer.status == 200, await answer.text()

    assert [one.text for one in ada.answers] == ["é & 😀"] * 5


async def test_what_is_not_utf_8_or_json_is_refused(line: Line) -> None:
    address = f"{line.root}/bot1:local/sendMessage"

    for body in (b"{", b"[]", b'{"text": "\xff"}'):
        kind = {"Content-Type": "application/json"}
        async with line.session.post(address, data=body, headers=kind) as answer:
            assert answer.status == 400


async def test_bot_calls_and_page_share_one_connection(line: Line) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", line.server.port)
    try:
        for path in ("/bot1:local/getMe", "/page/state", "/bot1:local/getMe"):
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{line.server.port}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(size)
    finally:
        writer.close()
        await writer.wait_closed()


def test_it_listens_on_this_machine_only(standin: Standin) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        serve(build(standin), "0.0.0.0", 0)  # noqa: S104 - exactly what is refused


async def test_a_taken_port_is_an_error_at_once(line: Line, standin: Standin) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(build(standin), "127.0.0.1", line.server.port)
