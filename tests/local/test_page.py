"""The chat page works in a real browser, against a bot that answers everything."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bot.local.server import build, running
from tests.browser import Page, needs_browser

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.local.standin import Standin
    from tests.local.conftest import StillClock

pytestmark = needs_browser


async def echo(root: str) -> None:
    """Answer words with a scale, a tap with a toast and an edit."""
    scale = [[{"text": str(n), "callback_data": f"s:{n}"} for n in range(11)]]
    keyboard = json.dumps({"inline_keyboard": scale})
    async with aiohttp.ClientSession(f"{root}/bot1:local/") as session:

        async def call(method: str, **params: Any) -> Any:
            async with session.post(method, data=params) as answer:
                return (await answer.json())["result"]

        await call("setMyDescription", description="A quiet place.")
        offset = 0
        while True:
            for update in await call("getUpdates", offset=offset, timeout=20):
                offset = update["update_id"] + 1
                if query := update.get("callback_query"):
                    await call("answerCallbackQuery", callback_query_id=query["id"], text="Noted")
                    await call(
                        "editMessageText",
                        chat_id=query["from"]["id"],
                        message_id=query["message"]["message_id"],
                        text=f"You said <b>{query['data']}</b>",
                        parse_mode="HTML",
                    )
                elif message := update.get("message"):
                    await call(
                        "sendMessage",
                        chat_id=message["chat"]["id"],
                        text=f"{message['text']} - how strong?",
                        reply_markup=keyboard,
                    )


def walk(driver: webdriver.Chrome, root: str) -> None:
    """Go through the page as a person would."""
    page = Page(driver)
    driver.get(root)
    page.find(".welcome", "A quiet place.")
    page.find("button", "START").click()
    page.find(".turn.mine .bubble", "/start")

    row = page.find(".row.many")
    assert row.rect["x"] >= 0
    assert row.rect["x"] + row.rect["width"] <= 360
    assert all(key.rect["width"] >= 26 for key in row.find_elements(By.TAG_NAME, "button"))
    page.find(".row button", "8").click()
    page.find(".toasts p", "Noted")
    page.find(".bubble b", "s:8")
    page.find(".meta", "edited")
    assert not driver.find_elements(By.CSS_SELECTOR, ".row.many")

    page.type("<img src=x onerror=alert(1)>", Keys.SHIFT, Keys.ENTER)
    page.type("two lines", Keys.ENTER)
    said = page.find(".turn.mine .words", "<img src=x onerror=alert(1)>\ntwo lines")
    assert not said.find_elements(By.TAG_NAME, "img")
    page.type(Keys.ARROW_UP)
    page.find(".editing", "Edit")
    page.type(" and more", Keys.ENTER)
    page.find(".turn.mine .words", "two lines and more")

    page.find("[data-skip='1200']").click()
    page.find("button.back").click()
    page.find("#name").send_keys("Sam", Keys.ENTER)
    page.find(".who p", "with Sam")
    page.find("button", "START")
    page.find("button.more").click()
    page.find(".menu button", "Block the bot").click()
    page.find("button", "UNBLOCK").click()
    page.find("button", "START")


async def test_a_person_can_use_the_page(
    standin: Standin, clock: StillClock, browser: webdriver.Chrome
) -> None:
    begun = clock.now()
    skip: Callable[[timedelta], None] = clock.skip
    async with running(build(standin, skip=skip)) as server:
        root = f"http://127.0.0.1:{server.port}"
        bot = asyncio.create_task(echo(root))
        try:
            await asyncio.to_thread(walk, browser, root)
        finally:
            bot.cancel()
            await asyncio.wait([bot])
            await asyncio.to_thread(browser.get, "about:blank")

    assert clock.now() - begun == timedelta(minutes=20)
    assert [guest.name for guest in standin.guests] == ["You", "Sam"]
    told = browser.get_log("browser")  # type: ignore[no-untyped-call]
    errors = [one for one in told if one["level"] == "SEVERE"]
    assert errors == []
