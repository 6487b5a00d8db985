"""What this moment has seen so far, and which practice comes next in it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.flows.model import NUMB
from bot.flows.practice import Kind, Practice
from bot.store import Entry

HIGH = 7
"""From here on it is body first; story and parts stay closed."""

MUCH = 2
"""Points up on the scale after which a practice is stopped."""

FLAT = 2
"""Tries without a drop after which the bot stops trying by itself."""

KNOWN = 2
"""Times something has to have helped before it is said."""

RECENT = 3
"""Times that are told: what helped lately, not once upon a time."""

OUTWARD: tuple[Kind, ...] = ("outward", "move")
"""Where attention goes out: after numb, and after something did not help."""

Mark = tuple[int, int]
"""Which visit to a flow, and how far into it: what *back* takes back."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A strength and when it was said; ``value`` is a number, numb or can't tell."""

    at: str
    value: int | str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Tried:
    """A practice with the strength before and after it; no ``after``: it was stopped."""

    practice: str
    before: int | str | None
    after: int | str | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class Moment:
    """One time of Right now, from the first number to the end; plain JSON between turns."""

    began: str
    entry: str
    strengths: tuple[Strength, ...] = ()
    practices: tuple[Tried, ...] = ()
    doing: str = ""
    flat: int = 0
    barred: tuple[str, ...] = ()
    """Kinds that are not offered again this time."""
    outward: bool = False
    pull: str = ""
    waited: float = 0
    sent: bool = False
    draft: bool = False
    real: bool = False
    """Something happened that is no alarm alone: a break-up, a discovery, a broken promise."""
    planned: bool = False
    """A plan was said at its beginning."""
    over: bool = False

    @property
    def first(self) -> int | str | None:
        """The strength it began with."""
        return self.strengths[0].value if self.strengths else None

    @property
    def now(self) -> int | str | None:
        """The last strength."""
        return self.strengths[-1].value if self.strengths else None

    def before(self, mark: Mark) -> Moment:
        """Return it as it was before a step that is answered once more."""
        visit, depth = mark

        def earlier(item: Strength | Tried) -> bool:
            return item.mark[0] != visit or item.mark[1] < depth

        return replace(
            self,
            strengths=tuple(filter(earlier, self.strengths)),
            practices=tuple(filter(earlier, self.practices)),
        )

    def settled(self) -> float | None:
        """Return the minutes until it was half or less; None where it never was, or numb first.

        A number that turns numb is not settling.
        """
        first = self.first
        if not isinstance(first, int) or first == 0:
            return None
        start = datetime.fromisoformat(self.strengths[0].at)
        for strength in self.strengths[1:]:
            if strength.value == NUMB:
                return None
            if isinstance(strength.value, int) and strength.value * 2 <= first:
                gone = datetime.fromisoformat(strength.at) - start
                # A clock that was set back meanwhile has measured nothing.
                return round(gone / timedelta(minutes=1), 1) if gone >= timedelta() else None
        return None

    def fields(self, known: Mapping[str, Practice]) -> dict[str, Any]:
        """Return what its entry holds; what was not said is left out."""
        titles = [known[one.practice].title for one in self.practices if one.practice in known]
        found: dict[str, Any] = {
            "intensity_before": self.first,
            "intensity_now": self.now if len(self.strengths) > 1 else None,
            "practice": list(dict.fromkeys(titles)),
            "practices": [
                {"practice": one.practice, "before": one.before, "after": one.after}
                for one in self.practices
            ],
            "strengths": [{"at": one.at, "value": one.value} for one in self.strengths],
            "settled": _whole(self.settled()),
            "minutes": _whole(self.waited) or None,
            "pull": self.pull,
            "sent": self.sent,
            "draft": self.draft,
        }
        # A strength of 0 is an answer; only what was not said is left out.
        found = {n: v for n, v in found.items() if v is not None and v is not False and v != ""}
        return {**{n: v for n, v in found.items() if v != []}, "over": self.over}


def _whole(minutes: float | None) -> float | None:
    return int(minutes) if minutes is not None and minutes == int(minutes) else minutes


def to_json(moment: Moment) -> dict[str, Any]:
    """Return a moment as JSON."""
    return asdict(moment)


def from_json(value: Mapping[str, Any]) -> Moment:
    """Read a moment back."""
    fields = dict(value)
    for name, kind in (("strengths", Strength), ("practices", Tried)):
        fields[name] = tuple(
            kind(**{**item, "mark": tuple(item["mark"])}) for item in fields.get(name, ())
        )
    fields["barred"] = tuple(fields.get("barred", ()))
    return Moment(**fields)


# --- what helped -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Helped:
    """What a practice did for this person the last few times."""

    before: int
    after: int
    times: int


def helped(entries: Iterable[Entry]) -> dict[str, Helped]:
    """Return what each practice did, the last times it had a number before and after."""
    pairs: dict[str, list[tuple[int, int]]] = {}
    for entry in sorted(entries, key=lambda one: one.happened_at):
        tried = entry.fields.get("practices")
        for item in tried if isinstance(tried, list) else ():
            match item:
                case {"practice": str(name), "before": int(before), "after": int(after)}:
                    pairs.setdefault(name, []).append((before, after))
                case _:
                    pass
    return {name: _told(found[-RECENT:]) for name, found in pairs.items()}


def _told(pairs: Sequence[tuple[int, int]]) -> Helped:
    count = len(pairs)
    return Helped(
        round(sum(before for before, _ in pairs) / count),
        round(sum(after for _, after in pairs) / count),
        count,
    )


def proven(found: Helped | None) -> bool:
    """Whether it brought the strength down often enough to be said."""
    return found is not None and found.times >= KNOWN and found.after < found.before


def choose(
    known: Mapping[str, Practice],
    moment: Moment,
    history: Mapping[str, Helped],
    hidden: Iterable[str] = (),
    *,
    turning: bool = False,
) -> Practice:
    """Return the next practice.

    The first is what helped this person most, else the gentlest. ``turning``: what came before
    did not help, so the direction changes, outward. What was tried this time comes again only
    when everything else was; what the person hid only when nothing else is left.
    """
    away = set(hidden)
    tried = [one.practice for one in moment.practices]
    outward = turning or moment.outward

    def rank(practice: Practice) -> tuple[Any, ...]:
        told = history.get(practice.name)
        return (
            practice.kind in moment.barred,
            moment.outward and practice.kind not in OUTWARD,
            practice.name in away,
            practice.kind == "notice",  # the pull is never the first thing
            tried.count(practice.name),
            outward and practice.kind not in OUTWARD,
            told.after - told.before if told and proven(told) else 0,
            practice.order,
        )

    return min(known.values(), key=rank)


def others(
    known: Mapping[str, Practice], moment: Moment, hidden: Iterable[str] = ()
) -> list[Practice]:
    """Return the practices that may be chosen by hand: breath work not after it went wrong."""
    away = set(hidden)
    return [
        one
        for one in known.values()
        if one.kind not in moment.barred
        and one.name not in away
        and one.name != moment.doing
        and (not moment.outward or one.kind in OUTWARD)
    ]
