"""What a line means before any flow sees it: a command, a key of the keyboard, a cry for now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from bot.flows.engine import plain
from bot.flows.model import Library

FLOWS = {
    "activated": "activated",
    "log": "log",
    "parts": "parts",
    "checkin": "checkin",
    "practice": "practice",
    "summary": "summary",
    "settings": "settings",
    "privacy": "privacy",
    "export": "export",
    "delete": "delete",
    "hide": "hide",
    "sos": "sos",
    "help": "help",
    "about": "about",
    "plan": "plan",
}
"""Commands that open a flow."""

LATER = frozenset({"learn", "therapist"})
"""Commands of the contract that are not built yet: one sentence each, in no menu."""

LONG = 8
"""Words; a longer line tells a story and is no cry for now."""


def parse(text: str) -> tuple[str | None, str]:
    """Split ``/log@name he is late`` into the command and what follows; None for other text."""
    if not text.startswith("/"):
        return None, text
    first, _, rest = text[1:].partition(" ")
    head, newline, tail = first.partition("\n")
    name = head.partition("@")[0].casefold()
    if not name.isascii() or not name.replace("_", "").isalnum():
        return None, text
    return name, (tail + " " + rest if newline else rest).strip()


def keyboard(library: Library) -> tuple[tuple[str, ...], ...]:
    """Return the reply keyboard's rows."""
    rows: Any = library.texts["face"]["keyboard"]
    return tuple(tuple(key["text"] for key in row) for row in rows)


def pressed(text: str, library: Library) -> str | None:
    """Return the flow whose key of the keyboard says exactly this."""
    rows: Sequence[Sequence[Mapping[str, str]]] = library.texts["face"]["keyboard"]  # type: ignore[assignment]
    return next((key["flow"] for row in rows for key in row if key["text"] == text), None)


def means_now(text: str, library: Library) -> bool:
    """Whether a short line asks for help in this moment."""
    phrases = library.phrases
    line = plain(text)
    words = line.split()
    if len(words) > LONG:
        return False
    if line in phrases.now_alone:
        return True
    if line in phrases.no:
        return False
    parts = (words[start:end] for start, end in combinations(range(len(words) + 1), 2))
    return any(" ".join(part) in phrases.now for part in parts)


def means_unsafe(text: str, library: Library) -> bool:
    """Whether a line says no more than that the person is not safe."""
    return plain(text) in library.phrases.unsafe


def means_mind(text: str, library: Library) -> bool:
    """Whether a line asks what goes on in someone else, which nobody here can know."""
    parts = [plain(part) for part in re.split(r"[.!?\n]+", text)]
    asked = library.phrases.mind
    return any(pattern.fullmatch(part) for pattern in asked for part in parts if part)
