"""Finds many patterns of words at once, in one pass whose cost per word never changes.

Every pattern is a row of places; a bit says that the pattern is matched up to that place. One
word moves all patterns on by one place with a handful of operations on one long integer (the
extended Shift-And of Navarro and Raffinot, which also passes over places that may stay empty).
Nothing is ever tried twice, so no text can make it slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BREAK = "."
"""The word that stands for the end of a sentence; a gap never passes over it."""


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


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern found: its number and the words it covers, ``start`` to ``end`` inclusive."""

    pattern: int
    start: int
    end: int


class Automaton:
    """All patterns of one kind, ready to run."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._masks: dict[str, int] = {}
        self._any = 0
        self._starts = 0
        self._optional = 0
        self._before_block = 0
        self._block_ends = 0
        self._finals = 0
        self._owner: dict[int, int] = {}
        exceptions: dict[str, int] = {}
        bit = 0
        for number, pattern in enumerate(self.patterns):
            self._starts |= 1 << bit
            previous_optional = False
            for place in pattern.places:
                here = 1 << bit
                if place.words is None:
                    self._any |= here
                    for word in place.not_words:
                        exceptions[word] = exceptions.get(word, 0) | here
                else:
                    for word in place.words:
                        self._masks[word] = self._masks.get(word, 0) | here
                if place.optional:
                    self._optional |= here
                    if not previous_optional:
                        self._before_block |= here >> 1
                elif previous_optional:
                    self._block_ends |= here >> 1
                previous_optional = place.optional
                bit += 1
            self._finals |= 1 << (bit - 1)
            self._owner[bit - 1] = number
        for word in set(self._masks) | set(exceptions):
            mask = self._masks.get(word, 0) | self._any & ~exceptions.get(word, 0)
            self._masks[word] = mask
        at_break = 0
        bit = 0
        for pattern in self.patterns:
            for place in pattern.places:
                if place.words is not None and BREAK in place.words:
                    at_break |= 1 << bit
                bit += 1
        self._masks[BREAK] = at_break

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that stands in a pattern."""
        return frozenset(self._masks)

    def find(self, words: Sequence[str]) -> Iterator[Match]:
        """Yield what is found, in order of where it ends."""
        masks, anything = self._masks, self._any
        starts, finals = self._starts, self._finals
        optional, before, ends = self._optional, self._before_block, self._block_ends
        state = 0
        for at, word in enumerate(words):
            mask = masks.get(word, anything)
            state = ((state << 1) | starts) & mask
            if not state:
                continue
            filled = state | ends
            state |= optional & ~((filled - before) ^ filled)
            found = state & finals
            while found:
                low = found & -found
                found ^= low
                number = self._owner[low.bit_length() - 1]
                yield Match(number, self.patterns[number].start(words, at), at)
