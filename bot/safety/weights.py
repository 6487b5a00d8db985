"""What single words weigh together, where no rule says more: fitted to texts, read as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.safety.automaton import BREAK, TAKEN
from bot.safety.verdict import Tier

WEIGHED: Final[Mapping[Tier, tuple[Tier, ...]]] = {
    "soft": ("hard", "soft"),
    "abuse": ("abuse",),
    "control": ("control",),
    "third": ("third",),
}
"""What weights can find, and which texts each is fitted to find. They never find "hard"."""

TENTHS: Final = 10
ENOUGH: Final[Mapping[Tier, int]] = {"soft": 18, "abuse": 18, "control": 20, "third": 20}
"""From so many tenths on it is a finding. A question too many does less harm than one too few where
it is about the writer's own safety."""

SPAN: Final = 48
"""Of a longer text, so many words in a row are weighed together: the texts it was fitted to are
about as long at most, and a page about a whole day is not more of one thing than a line is."""

STEP: Final = 24
"""So many words on, the next of these begins."""

FEWEST: Final = 14
"""A text of fewer words counts as one of so many: a few words are not much."""

TOO_FEW: Final = 8
"""And one of fewer than so many is not weighed at all."""

TOLD: Final = 6
_SILENT: Final = frozenset({BREAK, TAKEN, ""})


def words_in(words: Sequence[str]) -> list[str]:
    """Return the words of a text that can weigh something."""
    return [word for word in words if word not in _SILENT]


@dataclass(frozen=True, slots=True)
class Weights:
    """A language's table."""

    start: tuple[int, ...]
    words: Mapping[str, tuple[int, ...]]

    def weigh(self, words: Sequence[str]) -> Iterator[tuple[Tier, tuple[str, ...]]]:
        """Yield what a text's words are enough for, with the words that weigh most."""
        said = words_in(words)
        if not self.start or len(said) < TOO_FEW:
            return
        told: dict[Tier, tuple[str, ...]] = {}
        for begin in range(0, max(1, len(said) - SPAN + STEP), STEP):
            span = [
                word for word in dict.fromkeys(said[begin : begin + SPAN]) if word in self.words
            ]
            each = 1 / math.sqrt(max(len(span), FEWEST))
            sums = map(sum, zip(*map(self.words.__getitem__, span), strict=True))
            for number, (tier, whole) in enumerate(zip(WEIGHED, sums, strict=False)):
                if tier not in told and self.start[number] + each * whole >= ENOUGH[tier]:
                    told[tier] = self._heaviest(span, number)
        yield from told.items()

    def _heaviest(self, span: Sequence[str], number: int) -> tuple[str, ...]:
        return tuple(sorted(span, key=lambda word: -self.words[word][number])[:TOLD])
