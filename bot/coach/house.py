"""Who runs this bot, and what every text may show by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.flows.model import Library
    from bot.store import Person


@dataclass(frozen=True, slots=True)
class House:
    """Who runs this bot and whom it is for."""

    operator: str = ""
    allowed: frozenset[int] = frozenset()
    """Telegram ids that may talk to it; empty for everyone."""


def facts(library: Library, house: House, person: Person | None) -> dict[str, str]:
    """Return what every text may show by name."""
    say = library.phrases.say
    lines: Any = library.texts.get("helplines", {})
    country = (person.country or "") if person else ""
    known = next((c for c in lines.get("countries", ()) if c["iso"] == country), None)
    return {
        "operator": house.operator or say["someone"],
        "directory": str(lines.get("directory", "")),
        "emergency": known["emergency"] if known else say["local_emergency"],
    }


FACTS = frozenset({"operator", "directory", "emergency"})
"""The names of ``facts``, for the loader."""
