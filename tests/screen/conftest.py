"""The English screener and the pairs, read once for all tests here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bot.safety import Screener, load
from bot.safety.report import Row, rows

HERE = Path(__file__).parent
CONTENT = HERE.parents[1] / "content" / "en" / "safety"


@pytest.fixture(scope="session")
def content() -> Path:
    return CONTENT


@pytest.fixture(scope="session")
def screener() -> Screener:
    return load(CONTENT)


@pytest.fixture(scope="session")
def pairs() -> list[Row]:
    return list(rows(HERE / "pairs.jsonl"))


@pytest.fixture(scope="session")
def halves(pairs: list[Row]) -> dict[str, list[Row]]:
    """Rules are written with the tune half in view and judged by the hold half.

    The twins of a pair share their number, and so their half.
    """
    parted: dict[str, list[Row]] = {"tune": [], "hold": []}
    for row in pairs:
        odd = hashlib.sha256(row.id[:4].encode()).digest()[0] & 1
        parted["hold" if odd else "tune"].append(row)
    return parted
