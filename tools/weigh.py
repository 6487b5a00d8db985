"""Weighs single words by the texts in ``tests/screen``: ``python -m tools.weigh`` writes the file.

A logistic regression for each tier: of a text only which words are in it is known, and the words
get the weights with which the texts are told apart best. What the rules find, the weights need
not find again, but they are fitted to all texts alike. No dice: the same texts, the same weights.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

from bot import safety
from bot.safety.weights import FEWEST, TENTHS, WEIGHED, words_in

HOME = Path(__file__).parents[1]
LANGUAGE = HOME / "content/en/safety"
FITTED = ("pairs", "hands_tune", "hands_hold", "blind")
"""Files of texts to learn from. ``blind2`` is not among them: it is there to measure with."""

SEEN = 2
"""A word must be in so many texts."""

STRENGTH = 8.0
"""How much the texts count against keeping weights small (scikit-learn's ``C``)."""

ROUNDS = 400
PACE = 0.3

HEAD = """\
# Made by `python -m tools.weigh` from the texts in tests/screen; not to be edited by hand.
#
# What single words weigh, in tenths, for each tier in the order of `tiers`. The words of a text are
# added up, each once, and divided by the square root of how many they are; `start` comes on top.

"""


def texts() -> list[tuple[frozenset[str], str]]:
    """Read every text as its words and its tier."""
    screener = safety.load(LANGUAGE)
    rows = []
    for name in FITTED:
        for line in (HOME / f"tests/screen/{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if not row.get("turns"):
                rows.append((frozenset(words_in(screener.words(row["text"]))), row["tier"]))
    return rows


def fit(rows: list[tuple[list[int], bool]], size: int) -> tuple[float, list[float]]:
    """Fit one tier: the weight of nothing, and of each word.

    Both sides count the same in all, however many texts they have. Full-batch gradient descent
    with a step of its own for each weight (Adagrad: Duchi, Hazan and Singer 2011).
    """
    yes = sum(good for _, good in rows)
    share = {True: len(rows) / (2 * yes), False: len(rows) / (2 * (len(rows) - yes))}
    weights, start = [0.0] * size, 0.0
    past, past_start = [1e-8] * size, 1e-8
    for _ in range(ROUNDS):
        slope = [weight / STRENGTH for weight in weights]
        slope_start = 0.0
        for words, good in rows:
            each = 1 / math.sqrt(max(len(words), FEWEST))
            found = start + each * sum(weights[word] for word in words)
            off = share[good] * (1 / (1 + math.exp(-found)) - good)
            slope_start += off
            for word in words:
                slope[word] += off * each
        past_start += slope_start * slope_start
        start -= PACE * slope_start / math.sqrt(past_start)
        for word, value in enumerate(slope):
            past[word] += value * value
            weights[word] -= PACE * value / math.sqrt(past[word])
    return start, weights


def weigh(rows: list[tuple[frozenset[str], str]]) -> tuple[list[int], dict[str, list[int]]]:
    """Fit all tiers: what nothing weighs, and what each word does, in tenths."""
    seen = Counter(word for words, _ in rows for word in words)
    known = sorted(word for word, count in seen.items() if count >= SEEN)
    number = {word: at for at, word in enumerate(known)}
    inside = [[number[word] for word in sorted(words) if word in number] for words, _ in rows]
    fitted = [
        fit(
            [(words, tier in of) for words, (_, tier) in zip(inside, rows, strict=True)], len(known)
        )
        for of in WEIGHED.values()
    ]
    start = [round(TENTHS * begun) for begun, _ in fitted]
    table = {
        word: [round(TENTHS * weights[at]) for _, weights in fitted]
        for at, word in enumerate(known)
    }
    return start, {word: each for word, each in table.items() if any(each)}


def main() -> None:
    """Write the weights of English."""
    start, table = weigh(texts())
    lines = [
        f"tiers = {json.dumps(list(WEIGHED))}",
        f"start = {start}",
        "",
        "[words]",
        *(f"{json.dumps(word, ensure_ascii=False)} = {each}" for word, each in table.items()),
    ]
    (LANGUAGE / "weights.toml").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
