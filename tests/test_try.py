"""Someone tries the bot in a browser: says something real, loses power, finds it all again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.browser import Page, needs_browser

TRIGGER = "they read it and didnt answer for 4h"
STORY = "im too much & <they're> done with me"


@contextmanager
def trying(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``python -m bot try`` and yield its address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "try", "--data", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, f"no address in {line!r}"
        yield found[0], process
    finally:
        if process.poll() is None:
            process.terminate()
        process.stdout.close()
        process.wait(20)


@needs_browser
def test_a_moment_logged_on_the_page_is_in_the_export_and_survives_a_power_cut(
    tmp_path: Path, browser: webdriver.Chrome
) -> None:
    page = Page(browser)
    with trying(tmp_path / "kept") as (address, process):
        browser.get(address)
        page.find(".welcome", "A quiet place")
        page.find("button", "START").click()
        for label in ("Look around first", "Mine", "Yes, I'm 18 or older", "Not chasing"):
            page.find(".row button", label).click()
        page.find(".bubble", "The keys below")
        page.find("button", "Note").click()
        page.find(".bubble", "What happened?")
        page.type(TRIGGER, Keys.ENTER)
        page.find(".row button", "8").click()
        page.find(".row button", "Write it anyway").click()
        page.find(".bubble", "what did you do")
        page.type("wrote 6 texts, deleted 5", Keys.ENTER)
        page.find(".row button", "Add the story").click()
        page.find(".bubble", "What did your mind say")
        page.type(STORY, Keys.ENTER)
        page.find(".bubble", "It's written down.")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    with trying(tmp_path / "kept") as (address, _):
        browser.get(address)
        page.find(".bubble", "It's written down.")
        page.type("/export", Keys.ENTER)
        link = page.find("a[download]", ".json")
        document = json.loads(fetched(browser, link.get_attribute("href") or ""))
    moments = [entry["fields"] for entry in document["entries"] if entry["kind"] == "trigger"]
    assert [m["trigger"] for m in moments] == [TRIGGER]
    assert moments[0]["story"] == STORY
    assert moments[0]["intensity_before"] == 8
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]
    outside = [entry for entry in said if "127.0.0.1" not in entry["message"]]
    assert not outside


WEEK: tuple[tuple[str, ...], ...] = (
    ("Low", "As usual"),
    ("Not today",),
    (),
    ("Restless", "Further"),
    ("Warm", "Closer"),
    (),
    ("OK", "Both"),
)
"""What someone taps on each day's note; on two days nothing."""


@needs_browser
def test_a_week_of_daily_notes_takes_less_than_a_minute_on_the_page(
    tmp_path: Path, browser: webdriver.Chrome
) -> None:
    browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    page = Page(browser)
    with trying(tmp_path / "kept") as (address, _):
        browser.get(address)
        page.find("button", "START").click()
        for label in ("Look around first", "Mine", "Yes, I'm 18 or older", "Just look"):
            page.tap(label)
        page.find(".bubble", "The keys below")
        page.find("button", "Check in").click()
        for label in ("Low", "Further", "That's all", "Yes, at a time I choose", "08:00", "OK"):
            page.tap(label)
        page.find(".bubble", "What time is it where you are?")
        page.type("Kolkata", Keys.ENTER)
        page.find(".bubble", "Every day at 08:00")
        begun = time.monotonic()
        for day, answers in enumerate(WEEK, 1):
            page.find("#skips button", "Morning").click()
            page.many(".bubble", "A note for you", day)
            assert page.find("#now").text in {"08:00", "08:00 AM", "8:00 AM"}
            for label in answers:
                page.tap(label)
        assert time.monotonic() - begun < 60


def fetched(browser: webdriver.Chrome, address: str) -> str:
    """Return what a link of the page leads to, as the page itself would get it."""
    script = "const done = arguments[1]; fetch(arguments[0]).then(r => r.text()).then(done)"
    text: str = browser.execute_async_script(script, address)
    return text
