"""How figures are shown: each with its spread, each comparison round by round."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def spread(values: Sequence[float], form: str = ".0f") -> str:
    """Return the smallest, the median and the largest."""
    return " - ".join(f"{value:{form}}" for value in (min(values), median(values), max(values)))


def against(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return how many times theirs ours is, in the same rounds."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)], ".2f")


def verdict(value: float, aim: float, *, most: bool = False) -> str:
    """Say whether a figure is what it should be."""
    met = value <= aim if most else value >= aim
    return f"aim {'≤' if most else '≥'} {aim:g}: {'met' if met else f'not met ({value:.2f})'}"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out under a title."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    laid = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([title, *(f"  {line}" for line in laid)])
