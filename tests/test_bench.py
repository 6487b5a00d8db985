"""Every row of the bench runs, at a size that says nothing yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def told(folder: Path, *rows: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *rows, "--quick", "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_row_of_clocks(tmp_path: Path) -> None:
    said = told(tmp_path, "clock")
    assert "aim 0 left out and 0 twice: met" in said
    assert "CronTrigger" in said


@pytest.mark.long
def test_the_rows_of_what_speaks_first(tmp_path: Path) -> None:
    said = told(tmp_path, "million", "drain", "tap")
    assert "MILLION: 1,000 people" in said
    assert "of 100 notes due in one second 100 came" in said
    assert "JobQueue: of 100 jobs" in said
    assert "DRAIN: 60 notes" in said
    assert "TAP: " in said


@pytest.mark.long
def test_the_rows_beside_others(tmp_path: Path) -> None:
    said = told(tmp_path, "turns", "start", "lost")
    assert "TYPED answers" in said
    assert "START-UP" in said
    assert "LOST: " in said
