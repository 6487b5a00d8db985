"""``python -m bench [ROW ...]``: measure, and print one table a row."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench import machine
from bench.plan import Plan
from bench.rows import ROWS
from bot import loop


def main(arguments: list[str] | None = None) -> int:
    """Run the rows that were named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    about = "; ".join(f"{name}: {(row.__doc__ or '').rstrip('.')}" for name, row in ROWS.items())
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{about} (default: all)")
    parser.add_argument("--people", type=int, default=500, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--crowd", type=int, default=1_000_000, metavar="N", help="people in the big database"
    )
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only who has this in the name"
    )
    parser.add_argument("--quick", action="store_true", help="see that it runs; no figures")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build"),
        help="where the databases are (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.rows) - set(ROWS))
    if unknown:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    logging.basicConfig(level=logging.WARNING)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder.resolve()) as name:
        plan = Plan(Path(name), options.people, options.rounds, crowd=options.crowd)
        if options.quick:
            few = {
                "crowd": 1000,
                "jobs": 500,
                "moment": 100,
                "queued": 60,
                "talking": 5,
                "cases": 960,
            }
            plan = replace(plan, people=8, rounds=1, **few)
        if options.only:
            who = tuple(one for one in plan.who if any(part in one.name for part in options.only))
            plan = replace(plan, who=who)
        loop.run(_run(plan, options.rows or list(ROWS)))
    return 0


async def _run(plan: Plan, names: list[str]) -> None:
    _say(machine.line(plan.folder))
    for one in plan.who:
        if not one.here:
            _say(f"{one.name} is left out: {one.needs} is not installed here.")
    for name in names:
        folder = plan.folder / name
        folder.mkdir()
        _say("\n" + await ROWS[name](replace(plan, folder=folder)))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a table is what this is for


if __name__ == "__main__":
    sys.exit(main())
