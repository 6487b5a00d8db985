"""What the screener answers with, and what answers are worth beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Tier = Literal["none", "hard", "soft", "abuse", "control", "third"]

TIERS: tuple[Tier, ...] = get_args(Tier)

URGENCY: tuple[Tier, ...] = ("hard", "abuse", "soft", "third", "control", "none")
"""When several apply, the first of these is answered."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a text means for the person's safety; ``rule`` names what found it, never the words.

    ``family`` is the rule's kind (wish, injury, attempt, neck, …): a card chooses its sentence
    by it.
    """

    tier: Tier
    rule: str = ""
    family: str = ""


NONE = Verdict("none")
