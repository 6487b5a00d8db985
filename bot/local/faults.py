"""Trouble on demand: refusals, dropped connections and answers held back, for the tests."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bot.local.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection drops, before the call is taken or after it."""

    after_acceptance: bool


@dataclass(slots=True)
class Faults:
    """What is going to go wrong, by method; every method name is kept in lower case."""

    waiting: dict[str, deque[Refusal | Cut]] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)

    def add(self, method: str, trouble: Refusal | Cut, times: int) -> None:
        """Let the next calls of this method go wrong."""
        self.waiting.setdefault(method.lower(), deque()).extend([trouble] * times)

    def take(self, method: str) -> Refusal | Cut | None:
        """Return what goes wrong with the call at hand, if anything does."""
        if not self.waiting:
            return None
        for name in (method, "*"):
            queue = self.waiting.get(name)
            if queue:
                trouble = queue.popleft()
                if not queue:
                    del self.waiting[name]
                return trouble
        return None

    def hold(self, method: str) -> None:
        """Take calls of this method, but keep their answers back."""
        self.held.setdefault(method.lower(), asyncio.Event())

    def release(self, method: str | None) -> None:
        """Let the held answers go, of one method or of all."""
        names = [method.lower()] if method else list(self.held)
        for name in names:
            event = self.held.pop(name, None)
            if event is not None:
                event.set()

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.waiting.clear()
        self.release(None)


def refusal(status: int, description: str, parameters: dict[str, Any] | None) -> Refusal:
    """Make a refusal whose description is taken word for word."""
    made = Refusal("", status=status, parameters=parameters)
    made.description = description
    return made
