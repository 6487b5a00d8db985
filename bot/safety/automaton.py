"""Finds many patterns of words at once, at a cost that no text can raise.

Every pattern is a row of places. For each place one long integer has a bit for every word of the
text that fits there; to go on from one place to the next is to shift by one and to keep what fits,
for all words of the text at once. Patterns that begin alike share that work, and where nothing is
left of a beginning, nothing that begins so is looked at. Nothing is ever tried twice: the cost is
at most one shift a place, whatever the text says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

BREAK = "."
"""The word that stands for the end of a sentence; a gap never passes over it."""

TAKEN = "_"
"""Stands where an idiom stood."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a pattern: these words, or with ``words`` None any word but ``not_words``."""

    words: frozenset[str] | None
    optional: bool = False
    not_words: frozenset[str] = frozenset()

    def fits(self, word: str) -> bool:
        """Tell whether the word may stand here."""
        if self.words is None:
            return word != BREAK and word not in self.not_words
        return word in self.words


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of places, with what must not stand before and after it."""

    places: tuple[Place, ...]
    first: bool = False
    last: bool = False
    not_before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_later: frozenset[str] = frozenset()

    def start(self, words: Sequence[str], end: int) -> int:
        """Say where the shortest match that ends with ``words[end]`` begins."""
        at = {end + 1}
        for place in reversed(self.places):
            before = {spot - 1 for spot in at if spot > 0 and place.fits(words[spot - 1])}
            at = at | before if place.optional else before
        return max(at)


Found = tuple[int, int]
"""A pattern's number, and the place of the word that its match ends with."""


class Automaton:
    """All patterns of one kind, ready to run."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._sets: dict[frozenset[str], int] = {}
        self._gaps: dict[int, int] = {}
        root = _Node(-1)
        for number, pattern in enumerate(self.patterns):
            node = root
            for place, alike in itertools.groupby(pattern.places):
                wide = len(list(alike))
                for _ in range(1 if place.optional else wide):
                    node = node.then(self._number(place), wide if place.optional else 0)
            node.ends.append(number)
        self._firsts = {node.place: node for node in root.after}
        places: dict[str, list[int]] = {}
        for words, number in self._sets.items():
            for word in words:
                places.setdefault(word, []).append(number)
        self._places = {word: tuple(numbers) for word, numbers in places.items()}

    def _number(self, place: Place) -> int:
        """Give a place its number; below zero where any word but some fits."""
        words = {BREAK, *place.not_words} if place.words is None else place.words
        number = self._sets.setdefault(frozenset(words), len(self._sets))
        if place.words is not None:
            return number
        self._gaps[-2 - number] = number
        return -2 - number

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that stands in a pattern."""
        return frozenset(self._places)

    def find(self, words: Sequence[str]) -> list[Found]:
        """List what is found, in order of where it ends."""
        fits = self._fits(words)
        found: list[Found] = []
        waiting = [
            (self._firsts[place], spots) for place, spots in fits.items() if place in self._firsts
        ]
        while waiting:
            node, spots = waiting.pop()
            if node.ends:
                found.extend((number, at) for at in _bits(spots) for number in node.ends)
            ahead = spots << 1
            for after in node.after:
                if not after.wide:
                    if after.place in fits and (reached := ahead & fits[after.place]):
                        waiting.append((after, reached))
                    continue
                reached, fit = spots, fits.get(after.place, 0)
                for _ in range(after.wide):
                    reached |= reached << 1 & fit
                waiting.append((after, reached))
        found.sort(key=_end)
        return found

    def _fits(self, words: Sequence[str]) -> dict[int, int]:
        """Say for each place which words of a text fit there, as bits."""
        where: dict[str, int] = {}
        for at, word in enumerate(words):
            where[word] = where.get(word, 0) | 1 << at
        fits: dict[int, int] = {}
        for word, spots in where.items():
            for place in self._places.get(word, ()):
                fits[place] = fits.get(place, 0) | spots
        every = (1 << len(words)) - 1
        for gap, place in self._gaps.items():
            fits[gap] = every & ~fits.get(place, 0)
        return fits


@dataclass(slots=True)
class _Node:
    """A place, for all patterns that are alike up to it."""

    place: int
    wide: int = 0
    """So many words at most may stand here; none if zero: then one must."""
    after: list[_Node] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """The patterns whose last place it is."""

    def then(self, place: int, wide: int) -> _Node:
        """Give the place that comes after this one."""
        for node in self.after:
            if (node.place, node.wide) == (place, wide):
                return node
        node = _Node(place, wide)
        self.after.append(node)
        return node


def _bits(spots: int) -> Iterator[int]:
    while spots:
        low = spots & -spots
        spots ^= low
        yield low.bit_length() - 1


def _end(found: Found) -> int:
    return found[1]
