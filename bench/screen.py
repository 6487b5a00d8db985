"""What the screener takes for a message: one core, no network, no store."""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.plan import Plan
from bench.table import table, verdict
from bot import safety

ROOT = Path(__file__).parents[1]
SHORT, LONG = 300, 4096
AIMS = {SHORT: 1.0, LONG: 10.0}
"""Milliseconds that 99 of 100 messages of a length may take at most."""

FLAT = 1.5
"""So many times as much at most may a character of a long message take as one of a short."""

REPEATED = ("i want to die but not ", "k i l l ", "killmyself", "('\".", "i ", "\N{FIRE}")


async def screen(plan: Plan) -> str:
    """Measure what the screener takes for a message, ordinary and made to be slow."""
    screener = safety.load(ROOT / "content" / "en" / "safety")
    gc.collect()
    gc.freeze()  # as the bot does when it has started
    draw = random.Random(1)  # noqa: S311 - the same texts every time
    said = [
        row["text"]
        for name in ("hands_tune", "blind")
        for line in (ROOT / f"tests/screen/{name}.jsonl").read_text(encoding="utf-8").splitlines()
        if (row := json.loads(line))["slice"] == "ordinary"
    ]
    words = sorted(screener.book.automaton.vocabulary | screener.book.idioms.vocabulary)
    kinds = {"ordinary, as written": said, "crisis words, shuffled": words}
    rows, worst = [], dict.fromkeys(AIMS, 0.0)
    for name, parts in (*kinds.items(), *((f"{text!r} repeated", [text]) for text in REPEATED)):
        halves = {}
        cells = []
        for length in AIMS:
            texts = [_text(draw, parts, length) for _ in range(100 * plan.rounds)]
            took = sorted(_taken(screener, texts))
            halves[length] = median(took)
            late = took[int(0.99 * len(took))]
            worst[length] = max(worst[length], late)
            cells += [f"{halves[length]:.2f}", f"{late:.2f}"]
        rows.append((name, *cells, f"{halves[LONG] / LONG / (halves[SHORT] / SHORT):.2f}"))
    head = ("", "p50 ms, 300", "p99 ms, 300", "p50 ms, 4096", "p99 ms, 4096", "a character")
    lines = [table("SCREEN: a message of so many characters (last: 4096 over 300)", head, rows)]
    lines += [
        f"  p99 at {length}, the worst kind, {verdict(worst[length], aim, most=True)}"
        for length, aim in AIMS.items()
    ]
    growth = max(float(row[-1]) for row in rows)
    lines.append(f"  a character of a long one over a short, {verdict(growth, FLAT, most=True)}")
    return "\n".join(lines)


def _text(draw: random.Random, parts: Sequence[str], length: int) -> str:
    """Make a text of a length from parts."""
    made: list[str] = []
    size = 0
    while size < length:
        made.append(draw.choice(parts))
        size += len(made[-1]) + 1
    return " ".join(made)[:length]


def _taken(screener: safety.Screener, texts: Sequence[str]) -> Iterator[float]:
    """Yield the milliseconds that each text takes."""
    for text in texts:
        began = time.perf_counter_ns()
        screener.screen(text, (), "")
        yield (time.perf_counter_ns() - began) / 1e6
