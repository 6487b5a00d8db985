"""What a ``run`` function is given and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.coach.calls import Call
from bot.flows.model import Function, Library
from bot.flows.session import Frame, Session
from bot.store import Draft, Person, Store, Tx

Write = Callable[[Tx], object]
"""Something to be written in the turn's own transaction."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Downloads a file the person sent, by Telegram's file id."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The moment at which a flow asks for something only the outside can do."""

    person: Person
    frame: Frame
    session: Session
    now: datetime
    store: Store
    library: Library
    fetch: Fetch

    def answer(self, name: str) -> Any:
        """Return an answer as it reads, or a value given earlier; None when there is neither."""
        for source in (self.frame.shown, self.frame.answers, self.frame.values):
            if name in source:
                return source[name]
        return None

    def text(self, file: str) -> Mapping[str, Any]:
        """Return one of the language's content files."""
        return self.library.texts.get(file, {})


@dataclass(frozen=True, slots=True)
class Result:
    """What a function found or decided; what it writes waits for the turn's commit."""

    values: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    goto: str | None = None
    settled: bool = False
    person: Person | None = None
    """The person as they are now, where something about them changed."""
    writes: tuple[Write, ...] = ()
    calls: tuple[Call, ...] = ()
    draft: Draft | None = None
    """Take this draft up instead of going on."""
    cards: Mapping[str, Any] = field(default_factory=dict)
    """What is to be remembered about cards, beside what is known already."""
    gone: bool = False
    """The person deleted themselves; nothing of this turn may be kept."""


Run = Callable[[Scene], Awaitable[Result]]

FUNCTIONS: dict[str, tuple[Run, Function]] = {}
"""Every function that flows may run, by name."""


def function(*outcomes: str, values: tuple[str, ...] = ()) -> Callable[[Run], Run]:
    """Let flows run a function under its own name; say its outcomes and the values it gives."""

    def register(run: Run) -> Run:
        if run.__name__ in FUNCTIONS:
            raise ValueError(f"two functions are called {run.__name__}")
        FUNCTIONS[run.__name__] = (run, Function(frozenset(outcomes), frozenset(values)))
        return run

    return register
