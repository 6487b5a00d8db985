"""The page about the export says what the export does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bot.lookback import export, importing
from bot.store import Person
from tests.lookback.conftest import NOW, entry

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
SAMPLE = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def test_the_sample_can_be_taken_in() -> None:
    found = importing.read(json.dumps(SAMPLE).encode())
    assert [item.kind for item in found.entries] == ["trigger", "plan"]
    assert [draft.id for draft in found.drafts] == ["5d1e"]
    assert (len(found.frames), len(found.loose), len(found.words)) == (1, 1, 1)


def test_the_sample_has_every_key_in_its_order() -> None:
    made = export.document(Person("ab" * 16, 1, NOW), (entry("trigger"),), (), now=NOW)
    assert list(SAMPLE) == list(made)
    assert list(SAMPLE["person"]) == list(made["person"])
    assert list(SAMPLE["entries"][0]) == list(made["entries"][0])
    assert all(f"`{name}`" in PAGE for name in made)


def test_the_limits_are_the_ones_in_force() -> None:
    assert importing.LIMIT == 20 * 1024 * 1024 > export.LIMIT
    assert f"{importing.LONGEST:,} characters" in PAGE
    assert f"{export.MOST:,} entries" in PAGE
    assert f"more than {importing.DEEPEST} deep" in PAGE
    assert f"{importing.FIRST_YEAR} to {importing.LAST_YEAR}" in PAGE
    assert importing.WHOLE == 2**53
