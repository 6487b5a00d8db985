"""Finds many patterns of words at once, at a cost that no text can raise.

Every pattern is a row of places. For each place one long integer has a bit for every word of the
text that fits there; to go on from one place to the next is to shift by one and to keep what fits,
for all words of the text at once. Before that, each word of the text says with a bit for every
pattern which of them it is good for, so that only those are looked at that have a word for each of
their places. Nothing is ever tried twice: the cost is at most one shift a place, whatever the text
says.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of places, with what must not stand before and after it."""

    places: tuple[Place, ...]
    first: bool = False
    last: bool = False
    not_before: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    not_later: frozenset[str] = frozenset()


Found = tuple[int, int, int]
"""Where a match ends, where the shortest that ends there begins, and its pattern's number."""

Step = tuple[int, int]
"""A place's number, and how many words at most may stand there; zero where one must."""


MANY = 100
"""In a text of so many different words most places are asked for."""


class Automaton:
    """All patterns of one kind, ready to run."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._places = list(dict.fromkeys(place for row in patterns for place in row.places))
        numbers = {place: number for number, place in enumerate(self._places)}
        self._steps = [tuple(_steps(pattern, numbers)) for pattern in patterns]
        self._fitting: dict[str, list[int]] = {}
        """A word → the numbers of the places it fits."""
        for place, number in numbers.items():
            for word in _words(place):
                self._fitting.setdefault(word, []).append(number)
        self._needs = list(_needs(patterns))

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every word that stands in a pattern."""
        return frozenset().union(*map(_words, self._places))

    def find(self, words: Sequence[str]) -> list[Found]:
        """List what is found, in order of where it ends."""
        fits = _Fits(self._places, words)
        if len(fits.said) > MANY:
            fits.fill(self._fitting)
        found: list[Found] = []
        for number in _bits(self._possible(fits.said)):
            steps = self._steps[number]
            ends = _bits(_ends(steps, fits))
            found.extend((end, _start(steps, fits, end), number) for end in ends)
        found.sort()
        return found

    def _possible(self, said: Collection[str]) -> int:
        """Say which patterns have a word of the text for each place, as bits."""
        possible = -1
        for free, having in self._needs:
            mine = free
            for word in said:
                if word in having:
                    mine |= having[word]
            possible &= mine
        return possible if self._needs else 0


class _Fits(dict[int, int]):
    """Says for each place which words of a text fit there, as bits."""

    def __init__(self, places: Sequence[Place], words: Sequence[str]) -> None:
        super().__init__()
        self._places = places
        self._every = (1 << len(words)) - 1
        self._where: dict[str, int] = {}
        for at, word in enumerate(words):
            self._where[word] = self._where.get(word, 0) | 1 << at
        self.said = frozenset(self._where)

    def __missing__(self, number: int) -> int:
        place = self._places[number]
        words = place.not_words | {BREAK} if place.words is None else place.words
        spots = 0
        for word in self.said & words:
            spots |= self._where[word]
        self[number] = spots = self._every ^ spots if place.words is None else spots
        return spots

    def fill(self, fitting: Mapping[str, Iterable[int]]) -> None:
        """Find out for all places at once: cheaper, if most will be asked for."""
        for word, spots in self._where.items():
            for number in fitting.get(word, ()):
                self[number] = self.get(number, 0) | spots


def _ends(steps: Sequence[Step], fits: Mapping[int, int]) -> int:
    """Say where a pattern's matches end, as bits."""
    spots = fits[steps[0][0]]
    for place, wide in steps[1:]:
        fit = fits[place]
        if not wide:
            spots = spots << 1 & fit
            if not spots:
                break
        for _ in range(wide):
            spots |= spots << 1 & fit
    return spots


def _start(steps: Sequence[Step], fits: Mapping[int, int], end: int) -> int:
    """Go back from where a match ends to where the shortest one begins."""
    spots = 2 << end
    for place, wide in reversed(steps):
        fit = fits[place]
        if not wide:
            spots = spots >> 1 & fit
        for _ in range(wide):
            spots |= spots >> 1 & fit
    return spots.bit_length() - 1


def _steps(pattern: Pattern, numbers: Mapping[Place, int]) -> Iterator[Step]:
    for place, alike in itertools.groupby(pattern.places):
        times = len(list(alike))
        yield from [(numbers[place], times)] if place.optional else [(numbers[place], 0)] * times


def _needs(patterns: Sequence[Pattern]) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Say for the first place of each pattern, the second, …, which patterns a word is good for.

    Given as bits, the patterns that have no such place first: they are content with any text.
    """
    rows = [[place for place in pattern.places if not place.optional] for pattern in patterns]
    for at in range(max(map(len, rows), default=0)):
        free, having = 0, dict[str, int]()
        for number, row in enumerate(rows):
            if at >= len(row):
                free |= 1 << number
                continue
            for word in _words(row[at]):
                having[word] = having.get(word, 0) | 1 << number
        yield free, having


def _bits(spots: int) -> Iterator[int]:
    while spots:
        low = spots & -spots
        spots ^= low
        yield low.bit_length() - 1


def _words(place: Place) -> frozenset[str]:
    return place.words or frozenset()
