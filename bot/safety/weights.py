"""What a text's words weigh together: a table fitted to texts, added up.

Rules hear what somebody thought of. What is only hinted at is said in ever new ways, so each word
and each pair of neighbours has a weight for each tier, and a text's weights are summed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bot.safety.automaton import BREAK, TAKEN
from bot.safety.verdict import Tier

WEIGHED: Final[Mapping[Tier, tuple[Tier, ...]]] = {
    "hard": ("hard",),
    "soft": ("hard", "soft"),
    "abuse": ("abuse",),
    "control": ("control",),
    "third": ("third",),
}
"""The tiers, in the order of the table, and the texts that each is fitted to tell from the rest."""

ENOUGH: Final[Mapping[Tier, int]] = {"hard": 55, "soft": 40, "abuse": 30, "control": 0, "third": 10}
"""From so many hundredths on it is a finding."""

DENIED: Final[Mapping[Tier, int]] = {"hard": 80}
"""So many it takes where clear words were denied or long past."""

HARDER: Final = -20
"""What is "soft" is "hard" from so many for "hard"."""

LEAST: Final[Mapping[Tier, int]] = {"hard": -70, "soft": 0, "abuse": -50}
"""With fewer than so many a rule's finding does not stand: "hard" is "soft" then, where the rest of
the text speaks of something else altogether."""

SPAN: Final = 48
"""Of a longer text, so many words in a row are weighed together: the texts it was fitted to are
about as long at most, and a page about a whole day is not more of one thing than a line is."""

STEP: Final = 24
"""So many words on, the next of these begins."""

FEWEST: Final = 14
"""A text of fewer parts counts as one of so many: a few words are not much."""

TOLD: Final = 6


def parts(words: Sequence[str]) -> list[str]:
    """Return what of a text can weigh something, each once: its words, and what stands together."""
    single = (word for word in words if word not in {BREAK, TAKEN})
    return list(dict.fromkeys([*single, *map(" ".join, pairwise([BREAK, *words]))]))


@dataclass(frozen=True, slots=True)
class Weights:
    """A language's table, in hundredths."""

    start: tuple[int, ...]
    each: Mapping[str, tuple[int, ...]]

    def weigh(self, words: Sequence[str]) -> dict[Tier, float]:
        """Add up a text for each tier, in hundredths; of a long one, where it is most."""
        starts = range(0, max(1, len(words) - SPAN + STEP), STEP) if self.start else ()
        spans = [self._sums(parts(words[start : start + SPAN])) for start in starts]
        return dict(zip(WEIGHED, map(max, zip(*spans, strict=True)), strict=False))

    def heaviest(self, words: Sequence[str], tier: Tier) -> tuple[str, ...]:
        """Return the parts of a text that weigh most for a tier."""
        number = list(WEIGHED).index(tier)
        known = [part for part in parts(words) if part in self.each]
        return tuple(sorted(known, key=lambda part: -self.each[part][number])[:TOLD])

    def _sums(self, said: Sequence[str]) -> list[float]:
        each = 1 / math.sqrt(max(len(said), FEWEST))
        rows = [self.each[part] for part in said if part in self.each]
        return [
            start + each * sum(column) for start, *column in zip(self.start, *rows, strict=True)
        ]
