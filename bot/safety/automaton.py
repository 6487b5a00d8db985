"""Finds many patterns of words at once, in one pass whose cost per word never changes.

Every pattern is a row of places; a bit says that the pattern is matched up to that place. One
word moves all patterns on by one place with a handful of operations on one long integer (the
extended Shift-And of Navarro and Raffinot, which also passes over places that may stay empty).
Nothing is ever tried twice, so no text can make it slow.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

BREAK = "."
"""The word that stands for the end of a sentence; a gap never passes over it."""


ROOM = 6000
"""So many states at most are kept."""


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
        self._starts = 0
        self._finals = 0
        self._optional = 0
        self._before = 0
        self._ends = 0
        self._owner: dict[int, int] = {}
        bit = 0
        for number, pattern in enumerate(self.patterns):
            self._starts |= 1 << bit
            for place, after in itertools.pairwise((*pattern.places, Place(frozenset()))):
                if place.optional:
                    self._optional |= 1 << bit
                    self._ends |= 0 if after.optional else 1 << bit
                elif after.optional:
                    self._before |= 1 << bit
                bit += 1
            self._finals |= 1 << (bit - 1)
            self._owner[bit - 1] = number
        self._any, self._masks = _masks(self.patterns)
        # What the next word makes of a state is computed once and kept, as far as there is room:
        # most of what people write moves through few states. It changes no answer.
        self._states: list[int] = [0]
        self._numbers: dict[int, int] = {0: 0}
        self._next: list[dict[str, tuple[int, tuple[int, ...]]]] = [{}]
        self._room = ROOM

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that stands in a pattern."""
        return frozenset(self._masks)

    def find(self, words: Sequence[str]) -> list[Found]:
        """List what is found, in order of where it ends."""
        found: list[Found] = []
        masks, following = self._masks, self._next
        number = 0
        state = 0
        for at, word in enumerate(words):
            known = word if word in masks else ""
            step = following[number].get(known) if number >= 0 else None
            if step is None:
                state = self._states[number] if number >= 0 else state
                state, patterns = self._step(state, masks.get(word, self._any))
                number = self._keep(number, known, state, patterns)
            else:
                number, patterns = step
            if patterns:
                found.extend((pattern, at) for pattern in patterns)
        return found

    def _step(self, state: int, mask: int) -> tuple[int, tuple[int, ...]]:
        """Move all patterns on by one word."""
        state = ((state << 1) | self._starts) & mask
        if not state:
            return 0, ()
        filled = state | self._ends
        state |= self._optional & ~((filled - self._before) ^ filled)
        ended = state & self._finals
        patterns: list[int] = []
        while ended:
            low = ended & -ended
            ended ^= low
            patterns.append(self._owner[low.bit_length() - 1])
        return state, tuple(patterns)

    def _keep(self, number: int, word: str, state: int, patterns: tuple[int, ...]) -> int:
        """Remember a step if there is room; give the number of the state, -1 if it has none."""
        after = self._numbers.get(state, -1)
        if after < 0 and self._room > 0:
            self._room -= 1
            after = len(self._states)
            self._states.append(state)
            self._next.append({})
            self._numbers[state] = after
        if number >= 0 and after >= 0:
            self._next[number][word] = (after, patterns)
        return after


def _masks(patterns: Sequence[Pattern]) -> tuple[int, dict[str, int]]:
    """Say for each word which places it fits, and which places any other word fits."""
    anything = 0
    masks: dict[str, int] = {}
    exceptions: dict[str, int] = {BREAK: 0}
    for bit, place in enumerate(itertools.chain(*(pattern.places for pattern in patterns))):
        here = 1 << bit
        if place.words is None:
            anything |= here
            for word in place.not_words:
                exceptions[word] = exceptions.get(word, 0) | here
        else:
            for word in place.words:
                masks[word] = masks.get(word, 0) | here
    for word in {*masks, *exceptions} - {BREAK}:
        masks[word] = masks.get(word, 0) | anything & ~exceptions.get(word, 0)
    masks.setdefault(BREAK, 0)
    return anything, masks
