"""Holds every text against the house's voice: length, and words it does not use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.errors import ContentError
from bot.flows import markup
from bot.flows.model import (
    END,
    NAME,
    ChooseMany,
    Flow,
    Length,
    Library,
    Question,
    Run,
    Say,
    Step,
    targets,
)
from bot.flows.practice import practices

LIMITS: dict[Length, tuple[int, int]] = {"moment": (3, 30), "talk": (4, 45)}
"""Lines and words of a message."""

PAGE = 900
"""Characters of a page."""

PLACES = frozenset({"all", "buttons", "moment", "first", "last"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that are not used, where, and why; ``pattern`` is a regular expression."""

    pattern: re.Pattern[str]
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class _Text:
    """One text and the places it stands in."""

    at: str
    text: str
    length: Length | None
    places: frozenset[str]


def lint(library: Library) -> list[str]:
    """Return a sentence for each text that does not sound like the house."""
    rules = list(_rules(library))
    return [fault for text in _texts(library) for fault in _faults(text, rules)]


def _rules(library: Library) -> Iterator[Rule]:
    data = library.texts.get("lint", {})
    entries = data.get("rules", [])
    if not isinstance(entries, list):
        raise ContentError("lint.toml: rules must be a list of [[rules]].")
    for entry in entries:
        if unset := [key for key in ("words", "why") if not entry.get(key)]:
            raise ContentError(f"lint.toml: a rule needs {' and '.join(unset)}.")
        where = entry.get("where", "all")
        if where not in PLACES:
            raise ContentError(
                f"lint.toml: where = {where} is none of {', '.join(sorted(PLACES))}."
            )
        for words in entry["words"]:
            try:
                pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
            except re.error as error:
                raise ContentError(f"lint.toml: {words} is no pattern: {error}.") from error
            yield Rule(pattern, where, entry["why"])


def _texts(library: Library) -> Iterator[_Text]:
    for flow in library.flows.values():
        last = set(_last(flow))
        for step in flow.steps:
            if not isinstance(step, Run):
                yield from _spoken(flow, step, last)
    for name, text in library.phrases.say.items():
        yield _Text(f"phrases.toml, {name}", text, "talk", frozenset({"all"}))
    yield from _practices(library)
    for file in sorted(library.texts.keys() - _APART):
        places = {"all", "first", "last"} if file == "face" else {"all"}
        for name, text in _strings(library.texts[file]):
            yield _Text(f"{file}.toml, {name}", text, None, frozenset(places))


_APART = {"lint", "phrases", "helplines", "safety", "practices"}


def _practices(library: Library) -> Iterator[_Text]:
    """Yield a practice's words as they are said: in the moment, with a question after them."""
    moment = frozenset({"all", "moment"})
    for name, one in practices(library.texts).items():
        at = f"practices/{name}.toml"
        yield _Text(f"{at}, title", one.title, None, moment | {"buttons"})
        for dark, pictures in ((False, False), (True, False), (False, True)):
            said = one.lines(dark=dark, pictures=pictures)
            yield _Text(at, f"8. \n{said} How strong now?", "moment", moment)


def _spoken(flow: Flow, step: Say | Question, last: set[str]) -> Iterator[_Text]:
    length = step.length or flow.length
    places = {"all"}
    if length == "moment":
        places.add("moment")
    if flow.id == "welcome" and step.id == flow.first:
        places.add("first")
    at = f"{flow.id}.toml, step {step.id}"
    labels = [] if isinstance(step, Say) else [option.text for option in step.options]
    if isinstance(step, ChooseMany):
        labels.append(step.done)
    for label in labels:
        yield _Text(f"{at}, button", label, None, frozenset(places | {"buttons"}))
    if step.id in last:
        places.add("last")
    yield _Text(at, step.text, length, frozenset(places))


def _strings(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield at, value
        case dict():
            for key, item in value.items():
                yield from _strings(item, f"{at}.{key}" if at else str(key))
        case list():
            for item in value:
                yield from _strings(item, at)
        case _:
            pass


def _last(flow: Flow) -> Iterable[str]:
    """Return the steps whose bubble can be the flow's last: what the chat list then shows."""

    def quiet_way_out(target: str, seen: frozenset[str] = frozenset()) -> bool:
        if target == END:
            return True
        step = flow.step(target)
        if not isinstance(step, Run) or target in seen:
            return False
        return any(quiet_way_out(way, seen | {target}) for way in targets(step))

    for step in flow.steps:
        if _rests(step) or (
            not isinstance(step, Run) and any(quiet_way_out(way) for way in targets(step))
        ):
            yield step.id


def _rests(step: Step) -> bool:
    return not isinstance(step, Say | Run) and step.rest


def _faults(text: _Text, rules: list[Rule]) -> Iterator[str]:
    seen = markup.visible(NAME.sub("word", text.text)).strip()
    if text.length == "page":
        if len(seen) > PAGE:
            yield f"{text.at}: {len(seen)} characters, a page has {PAGE}."
    elif text.length is not None:
        lines, words = LIMITS[text.length]
        counted = len(seen.split())
        if counted > words:
            yield f"{text.at}: {counted} words, {text.length} has {words}."
        if len(seen.splitlines()) > lines:
            yield f"{text.at}: {len(seen.splitlines())} lines, {text.length} has {lines}."
    for rule in rules:
        if rule.where in text.places and (found := rule.pattern.search(seen)):
            yield f"{text.at}: “{found[0]}”: {rule.why}."
