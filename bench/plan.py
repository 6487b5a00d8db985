"""How much is measured, by whom, and where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import ALL, Contestant


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    folder: Path
    people: int
    rounds: int
    who: tuple[Contestant, ...] = ALL
    crowd: int = 1_000_000
    """People with daily notes in a big database."""
    jobs: int = 100_000
    """People that a queue of jobs in memory is given."""
    moment: int = 10_000
    """Notes that are due in one second."""
    queued: int = 2_000
    """Notes that are due in one minute while others talk."""
    talking: int = 50
    cases: int = 100_000
    """Half hours around changes of clocks, at most."""

    @property
    def present(self) -> tuple[Contestant, ...]:
        """Who can take part here."""
        return tuple(one for one in self.who if one.here)

    @property
    def ours(self) -> bool:
        """Whether this bot takes part."""
        return any(one.ours for one in self.present)


Row = Callable[[Plan], Awaitable[str]]
