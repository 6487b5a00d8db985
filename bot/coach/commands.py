"""What a line means before any flow sees it: a command, a key of the keyboard, a cry for now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    words = plain(text)
    if not words or len(words.split()) > LONG:
        return False
    phrases: Any = library.texts["phrases"]
    if words in map(plain, phrases.get("now_alone", ())):
        return True
    if words in map(plain, phrases["no"]):
        return False
    cries: Any = phrases["now"]
    padded = f" {words} "
    return any(f" {plain(cry)} " in padded for cry in cries)


def means_unsafe(text: str, library: Library) -> bool:
    """Whether a line says no more than that the person is not safe."""
    lines: Any = library.texts["phrases"]["unsafe"]
    return plain(text) in {plain(line) for line in lines}


def means_mind(text: str, library: Library) -> bool:
    """Whether a line asks what goes on in someone else, which nobody here can know."""
    asked: Any = library.texts["phrases"].get("mind", ())
    parts = [plain(part) for part in re.split(r"[.!?\n]+", text)]
    return any(re.fullmatch(pattern, part) for pattern in asked for part in parts if part)
