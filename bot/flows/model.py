"""What a flow is: steps of a few kinds, read from TOML, checked before anyone talks to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

END = "end"
"""The target that closes a flow."""

FLOW = "flow:"
"""``flow:NAME`` closes this flow and opens another, with what that one takes from this."""

NUMB = "numb"
UNKNOWN = "unknown"
"""Values of a scale's own: never 0, never in an average (see the look back)."""

Rank = Literal["card", "moment", "talk", "aside"]
"""Right of way: a card over the moment over talk; an aside answers and goes back."""

Length = Literal["moment", "talk", "page"]

NAME = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
"""How a text names a value: ``{what}``. There is nothing else: no format, no expression."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Option(_Strict):
    """One button: what a person would say, in their voice."""

    text: str = Field(min_length=1, max_length=64)
    value: str = ""
    next: str | None = None
    visit: str | None = None
    """A flow to walk through first; then on with ``next``."""
    answer: bool = True
    """False for a button that only moves on and is nothing to save."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: object) -> object:
        """Read ``"Slow answer"`` as an option whose value is ``slow_answer``."""
        if isinstance(data, str):
            data = {"text": data}
        if isinstance(data, dict) and not data.get("value") and isinstance(data.get("text"), str):
            data = {**data, "value": slug(data["text"])}
        return data


class Range(_Strict):
    """Numbers of a scale that lead somewhere of their own."""

    least: int = Field(0, ge=0, le=10)
    most: int = Field(10, ge=0, le=10)
    next: str


class _Step(_Strict):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    length: Length | None = None


class _Spoken(_Step):
    text: str = Field(min_length=1)


class Say(_Spoken):
    """A message that asks nothing."""

    kind: Literal["say"]
    next: str
    long: bool = False
    """The text shows a value of any length; it goes out in several messages if it must."""


class _Question(_Spoken):
    save: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")
    next: str | None = None
    rest: bool = False
    """The flow has what it needs; this question may stay unanswered."""
    must: bool = False
    """Needs one of its answers: it cannot be skipped, and a shrug only asks again."""


class Ask(_Question):
    """A question answered in the person's own words."""

    kind: Literal["ask"]
    options: tuple[Option, ...] = ()
    most: int = Field(4096, ge=1, le=4096)
    burn: bool = False
    """The words are screened and kept nowhere; the message is deleted from the chat."""


class Choose(_Question):
    """A question answered by one button, or by typing what it says."""

    kind: Literal["choose"]
    options: tuple[Option, ...] = ()
    offer: str | None = None
    """The value that holds further options, made by a ``run`` step before."""
    free: bool = False
    """Own words are an answer too."""
    long: bool = False
    copy_of: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")
    """The value that a button of its own puts on the person's clipboard."""


class ChooseMany(_Question):
    """A question answered by any number of buttons and one that says it is all."""

    kind: Literal["choose_many"]
    options: tuple[Option, ...] = ()
    offer: str | None = None
    free: bool = False
    done: str = Field("That's all", min_length=1, max_length=64)


class Pause(_Question):
    """A question that may be answered, and goes on by itself when its timer rings.

    The timer is set by the ``run`` step before it.
    """

    kind: Literal["pause"]
    options: tuple[Option, ...] = ()
    rings: str


class Scale(_Question):
    """Strength in the body, 0 to 10; numb and can't tell are answers of their own."""

    kind: Literal["scale"]
    options: tuple[Option, ...] = ()
    ranges: tuple[Range, ...] = ()


class Run(_Step):
    """A named function of the coach; its outcome says where to go."""

    kind: Literal["run"]
    run: str
    next: str | None = None
    goto: Mapping[str, str] = Field(default_factory=dict)


Question = Ask | Choose | ChooseMany | Scale | Pause
Step = Annotated[Say | Ask | Choose | ChooseMany | Scale | Pause | Run, Field(discriminator="kind")]


class Flow(_Strict):
    """One conversation; it starts at its first step."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    about: str = Field(min_length=1)
    rank: Rank = "talk"
    length: Length = "talk"
    entry: str | None = None
    """The kind of entry it keeps."""
    open: bool = False
    """Open before consent too."""
    takes: tuple[str, ...] = ()
    """Names of the values it is opened with."""
    close: str | None = None
    """Where two shrugs in a row lead, in this flow or another: past everything optional."""
    steps: tuple[Step, ...] = Field(min_length=1)

    def step(self, name: str) -> Step | None:
        """Return the step of that id, if there is one."""
        return self._by_id.get(name)

    @property
    def _by_id(self) -> dict[str, Step]:
        found: dict[str, Step] | None = self.__dict__.get("_steps")
        if found is None:
            found = {step.id: step for step in self.steps}
            self.__dict__["_steps"] = found  # frozen to its users, cached for the engine
        return found

    @property
    def first(self) -> str:
        """The id of the step it starts at."""
        return self.steps[0].id


@dataclass(frozen=True, slots=True)
class Function:
    """What the loader must know of a ``run`` function: its outcomes and the values it gives."""

    outcomes: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Phrases:
    """The words of the house that every flow shares, from ``phrases.toml``."""

    back: frozenset[str]
    skip: frozenset[str]
    stop: frozenset[str]
    shrugs: frozenset[str]
    numbers: Mapping[str, int]
    """Number words of the language, for scales: ``{"seven": 7}``."""
    say: Mapping[str, str]
    """Fixed sentences by name."""
    now: frozenset[str] = frozenset()
    """A short line with one of these in it means: now."""
    now_alone: frozenset[str] = frozenset()
    """The whole line means: now."""
    no: frozenset[str] = frozenset()
    """The whole line is a no."""
    unsafe: frozenset[str] = frozenset()
    """The whole line says: not safe."""
    mind: tuple[re.Pattern[str], ...] = ()
    """The whole sentence asks what goes on in someone else."""


@dataclass(frozen=True, slots=True)
class Library:
    """All flows of one language and the phrases they share."""

    language: str
    flows: Mapping[str, Flow]
    phrases: Phrases
    texts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """The language's other files, by name: ``words``, ``face`` …"""


def slug(text: str) -> str:
    """Return the value a label stands for: ``Can't tell`` is ``cant_tell``."""
    plain = text.casefold().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def targets(step: Step) -> Iterator[str]:
    """Yield every step id (or ``end``) that a step can lead to, visits not counted."""
    match step:
        case Say():
            yield step.next
        case Run():
            yield from step.goto.values()
            if step.next is not None:
                yield step.next
        case _:
            for option in step.options:
                if option.next is not None:
                    yield option.next
            if isinstance(step, Scale):
                yield from (span.next for span in step.ranges)
            if isinstance(step, Pause):
                yield step.rings
            if step.next is not None:
                yield step.next


def names(text: str) -> set[str]:
    """Return the ``{names}`` a text shows."""
    return set(NAME.findall(text))
