"""``--update`` writes the transcripts anew instead of holding them."""

from __future__ import annotations

import pytest

from tests.browser import browser

__all__ = ["browser"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the transcripts anew")
