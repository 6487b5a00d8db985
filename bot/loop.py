"""Runs the bot's work on uvloop where it can be had, else on Python's own event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Outcome = TypeVar("Outcome")

new: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop as new
except ImportError:  # it is not made for every system
    new = asyncio.new_event_loop


def run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Do some work to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=new) as runner:
        return runner.run(work)
