"""A real browser on a phone's width, and the chat page in it as someone uses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

GLANCE, PATIENCE = 0.05, 20.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="the page is tried in Chromium, which is not here"
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(DRIVER, log_output=os.devnull)
    driver = webdriver.Chrome(options, service)
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page in the browser, as someone uses it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def find(self, css: str, text: str = "") -> WebElement:
        """Wait for the newest visible element with this text in it."""

        def look(_: webdriver.Chrome) -> WebElement | None:
            found = self.driver.find_elements(By.CSS_SELECTOR, css)
            return next(
                (one for one in reversed(found) if one.is_displayed() and text in one.text), None
            )

        found = self._patient().until(look, f"{css} {text!r} is not there")
        assert found is not None
        return found

    def _patient(self) -> WebDriverWait[webdriver.Chrome]:
        return WebDriverWait(self.driver, PATIENCE, GLANCE, ignored_exceptions=[Exception])

    def many(self, css: str, text: str, count: int) -> None:
        """Wait until so many elements have this text in them, and no more."""

        def look(_: webdriver.Chrome) -> bool:
            found = self.driver.find_elements(By.CSS_SELECTOR, css)
            return sum(text in one.text for one in found) == count

        self._patient().until(look, f"{css} {text!r} is not there {count} times")

    def tap(self, label: str) -> None:
        """Tap a button under a bubble, and wait until something is said to that."""
        before = len(self.driver.find_elements(By.CSS_SELECTOR, ".bubble"))
        self.find(".row button", label).click()

        def look(_: webdriver.Chrome) -> bool:
            return len(self.driver.find_elements(By.CSS_SELECTOR, ".bubble")) > before

        self._patient().until(look, f"nothing is said to {label!r}")

    def type(self, *keys: str) -> None:
        """Type into the message field."""
        self.find("textarea").send_keys(*keys)
