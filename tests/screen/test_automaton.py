"""What all patterns find at once is what each finds alone, tried place by place."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bot.safety.automaton import BREAK, Automaton, Pattern, Place

WORDS = ["a", "b", "c", BREAK]

musts = st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=2).map(Place)
mays = st.frozensets(st.sampled_from("abc"), min_size=1).map(
    lambda words: Place(words, optional=True)
)
gaps = st.sampled_from(["", "a"]).map(
    lambda nots: Place(None, optional=True, not_words=frozenset(nots))
)
patterns = st.builds(
    lambda first, inner, last: Pattern((first, *inner, last)),
    musts,
    st.lists(st.one_of(musts, mays, gaps, gaps), max_size=5),
    musts,
)


def fits(place: Place, word: str) -> bool:
    """Tell whether a word may stand at a place."""
    if place.words is None:
        return word != BREAK and word not in place.not_words
    return word in place.words


def alone(places: Sequence[Place], words: Sequence[str], at: int) -> set[int]:
    """Say where a row of places that begins before ``words[at]`` may end."""
    if not places:
        return {at - 1}
    ends = alone(places[1:], words, at) if places[0].optional else set[int]()
    if at < len(words) and fits(places[0], words[at]):
        ends |= alone(places[1:], words, at + 1)
    return ends


@given(st.lists(patterns, max_size=6), st.lists(st.sampled_from(WORDS), max_size=12))
def test_it_finds_what_each_pattern_finds(some: list[Pattern], words: list[str]) -> None:
    found = Automaton(some).find(words)
    shortest = {
        (end, number): start
        for number, pattern in enumerate(some)
        for start in range(len(words))
        for end in alone(pattern.places, words, start)
    }
    assert found == sorted((end, start, number) for (end, number), start in shortest.items())
