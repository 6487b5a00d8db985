"""Weighs words by the texts in ``tests/screen``: ``python -m tools.weigh`` writes the table.

A support vector machine for each tier. Of a text only its parts are known: which words are in it,
and which stand together. They get the weights by which the texts are told apart best. What rules
find, weights need not find again, but they are fitted to all texts alike. The same texts give the
same weights.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bot import safety
from bot.safety.weights import FEWEST, WEIGHED, parts

HOME = Path(__file__).parents[1]
LANGUAGE = HOME / "content/en/safety"
FITTED = ("pairs", "hands", "hands_tune", "hands_hold", "blind")
"""Files of texts to learn from. The others are there to measure with."""

SEEN = 3
"""A part must be in so many texts."""

STRENGTH = 0.2
"""How much the texts count against keeping weights small."""

UNIT = 4
"""How large the parts of a text are, all together, beside ``start``, which has the size of one."""

ROUNDS = 30
HUNDREDTHS = 100
LEAST = 5
"""A part that weighs less for every tier is left out, in hundredths."""


class Text(NamedTuple):
    """A text to learn from."""

    parts: Sequence[str]
    tier: str


def texts() -> list[Text]:
    """Read every text as its parts."""
    screener = safety.load(LANGUAGE)
    found = []
    for name in FITTED:
        for line in (HOME / f"tests/screen/{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if not row.get("turns"):
                found.append(Text(parts(screener.words(row["text"])), row["tier"]))
    return found


def fit(rows: Sequence[Sequence[int]], good: Sequence[bool], size: int) -> list[float]:
    """Fit one tier; the last weight is that of nothing.

    Dual coordinate descent for a linear support vector machine with squared loss (Hsieh, Chang,
    Lin, Keerthi and Sundararajan 2008, algorithm 1). Both sides count the same in all, however
    many texts they have.
    """
    weights, start = [0.0] * size, 0.0
    yes = sum(good)
    slack = {
        side: 1 / (2 * STRENGTH * len(rows) / (2 * many))
        for side, many in ((True, yes), (False, len(rows) - yes))
    }
    units = [UNIT / math.sqrt(max(len(row), FEWEST)) for row in rows]
    pulls = [0.0] * len(rows)
    order = list(range(len(rows)))
    dice = random.Random(1)  # noqa: S311 - the same order every time
    for _ in range(ROUNDS):
        dice.shuffle(order)
        for at in order:
            row, unit, sign = rows[at], units[at], 1 if good[at] else -1
            found = start + unit * sum([weights[part] for part in row])
            slope = sign * found - 1 + slack[good[at]] * pulls[at]
            curve = unit * unit * len(row) + 1 + slack[good[at]]
            pull = max(pulls[at] - slope / curve, 0.0)
            move = (pull - pulls[at]) * sign
            pulls[at] = pull
            start += move
            for part in row if move else ():
                weights[part] += move * unit
    return [*weights, start]


def weigh(rows: Sequence[Text]) -> tuple[list[int], dict[str, list[int]]]:
    """Fit all tiers: what nothing weighs, and what each part does, in hundredths."""
    seen = Counter(part for row in rows for part in row.parts)
    known = sorted(part for part, count in seen.items() if count >= SEEN)
    number = {part: at for at, part in enumerate(known)}
    inside = [[number[part] for part in row.parts if part in number] for row in rows]
    fitted = [fit(inside, [row.tier in of for row in rows], len(known)) for of in WEIGHED.values()]
    start = [round(HUNDREDTHS * weights[-1]) for weights in fitted]
    table = {
        part: [round(HUNDREDTHS * UNIT * weights[at]) for weights in fitted]
        for at, part in enumerate(known)
    }
    return start, {part: each for part, each in table.items() if max(map(abs, each)) >= LEAST}


def main() -> None:
    """Write the weights of English."""
    start, table = weigh(texts())
    each = (f"{json.dumps(part, ensure_ascii=False)}: {row}" for part, row in table.items())
    (LANGUAGE / "weights.json").write_text(
        f'{{"tiers": {json.dumps(list(WEIGHED))},\n"start": {start},\n"each": {{\n'
        + ",\n".join(each)
        + "\n}}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
