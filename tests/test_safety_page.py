"""The figures of the safety page are the ones that the report prints today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import safety

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "safety.md"
HEAD = "## Figures\n"
SETS = ("pairs", "hands", "hands_tune", "hands_hold", "blind", "blind2", "blind3", "blind4")
MEASURED = [name for name in SETS if (ROOT / f"tests/screen/{name}.jsonl").is_file()]


def figures() -> str:
    """Return what the report prints for each file, as blocks of the page."""
    screener = safety.load(ROOT / "content" / "en" / "safety")
    blocks = []
    for name in MEASURED:
        path = f"tests/screen/{name}.jsonl"
        text, _ = safety.report(ROOT / path, screener)
        blocks.append(f"`{path}`:\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(blocks)


def test_the_figures_are_the_report(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, head, section = page.partition(HEAD)
    intro, _, told = section.lstrip("\n").partition("\n\n")
    made = figures()
    if request.config.getoption("--update"):
        PAGE.write_text(f"{before}{head}\n{intro}\n\n{made}", encoding="utf-8")
    assert told == made, "pytest tests/test_safety_page.py --update, and read what changed"


def test_every_target_and_its_misses_are_told() -> None:
    told = PAGE.read_text(encoding="utf-8").partition(HEAD)[2]
    assert told.count("Targets:") == len(MEASURED)
    assert re.search(r"clear self-harm is hard: \d+/\d+", told)
