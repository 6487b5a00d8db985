"""A chat survives a power cut, and many people can walk through it at once."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bot.local.server import build, running
from bot.local.standin import Standin
from tests.local.conftest import StillClock, call
from tests.local.pictures import png

if TYPE_CHECKING:
    from pathlib import Path

    from bot.local.guest import Guest
    from tests.local.conftest import Line


def test_everything_is_there_again(
    standin: Standin, ada: Guest, clock: StillClock, tmp_path: Path
) -> None:
    ada.photo(png(), caption="look")
    call(
        standin,
        "sendMessage",
        chat_id=ada.id,
        text="<b>x</b>",
        parse_mode="HTML",
        reply_markup={"inline_keyboard": [[{"text": "8", "callback_data": "8"}]]},
    )
    call(standin, "sendMessage", chat_id=ada.id, text="y", reply_markup={"keyboard": [["Note"]]})
    call(standin, "setMyName", name="Quiet")
    query = ada.tap("8")
    path = tmp_path / "chats.json"
    standin.save(path)

    loaded = Standin.load(path, clock)

    again = loaded.guest(ada.id)
    assert again.messages == ada.messages
    assert again.keyboard == (("Note",),)
    assert call(loaded, "getUpdates") == call(standin, "getUpdates")
    assert call(loaded, "answerCallbackQuery", callback_query_id=query)
    assert loaded.face("name") == "Quiet"
    assert again.send("next") == ada.send("next")
    assert loaded.join("Sam").id == standin.join("Sam").id


async def test_the_server_saves_at_the_end(standin: Standin, ada: Guest, tmp_path: Path) -> None:
    path = tmp_path / "chats.json"
    async with running(build(standin, save_to=path)):
        ada.send("before the end")

    assert "before the end" in path.read_text(encoding="utf-8")


async def test_a_crowd_walks_at_the_bots_pace(standin: Standin, line: Line) -> None:
    async def echo() -> None:
        offset = 0
        while True:
            told = await line.call("getUpdates", offset=offset, timeout=20)
            for update in told["result"]:
                offset = update["update_id"] + 1
                source = update.get("message") or update["callback_query"]
                await line.call(
                    "sendMessage",
                    chat_id=source["from"]["id"],
                    text="?",
                    reply_markup={"inline_keyboard": [[{"text": "8", "callback_data": "8"}]]},
                )

    bot = asyncio.create_task(echo())
    try:
        order = {"people": 5, "inputs": ["hello", {"tap": "8"}, {"text": "bye"}], "detail": True}
        async with line.session.post(f"{line.root}/control/load", json=order) as answer:
            report = await answer.json()
    finally:
        bot.cancel()
        await asyncio.wait([bot])

    assert report["finished"] == 5
    assert report["sent"] == report["replies"] == 15
    assert all(len(took) == 3 for took in report["each_ms"].values())
    assert len(standin.guests) == 5


async def test_it_runs_alone_with_its_controls(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.local.server", "--control", "--token", "7:own",
        "--clock", str(tmp_path / "clock"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        root = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession(root) as session:

            async def control(which: str, /, **told: object) -> dict[str, object]:
                async with session.post(f"/control/{which}", json=told) as answer:
                    assert answer.status == 200, await answer.text()
                    result: dict[str, object] = await answer.json()
                    return result

            person = (await control("join", name="Ada"))["id"]
            await control("send", id=person, text="hello")
            await control("fail", method="sendMessage", status=500, description="Oh", times=1)
            await control("skip", seconds=3600)
            for status in (500, 200):
                sending = session.post(
                    "/bot7:own/sendMessage", json={"chat_id": person, "text": "hi"}
                )
                async with sending as answer:
                    assert answer.status == status
            async with session.get("/control/person", params={"id": str(person)}) as answer:
                seen = await answer.json()
            async with session.get("/control/counts") as answer:
                counts = await answer.json()
        assert [one["text"] for one in seen["messages"]] == ["hello", "hi"]
        assert seen["messages"][1]["date"] - seen["messages"][0]["date"] >= 3600
        assert counts == {"calls": {"sendMessage": 2}, "waiting": 1, "webhook": ""}
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def test_a_missing_button_says_what_is_there(standin: Standin, ada: Guest) -> None:
    call(
        standin,
        "sendMessage",
        chat_id=ada.id,
        text="x",
        reply_markup={"inline_keyboard": [[{"text": "Copy", "copy_text": {"text": "word"}}]]},
    )
    with pytest.raises(LookupError, match="'Copy'"):
        ada.tap("Paste")

    ada.tap("Copy")

    assert ada.clipboard == "word"
