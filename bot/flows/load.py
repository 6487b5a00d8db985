"""Reads flows from TOML and finds an author's mistakes before a person does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.errors import ContentError
from bot.flows import markup
from bot.flows.engine import CLIP, TICK
from bot.flows.model import (
    END,
    FLOW,
    NAME,
    Ask,
    Choose,
    ChooseMany,
    Flow,
    Function,
    Library,
    Phrases,
    Question,
    Run,
    Say,
    Scale,
    Step,
    names,
    targets,
)

MESSAGE = 4096
CAPTION = 1024
DATA = 64
"""Telegram's limits: a message, a caption (characters), a button's data (bytes)."""

TURN = 11
"""Bytes of a button's data that the turn number and its separator may take."""


def load(folder: Path, functions: Mapping[str, Function], facts: Iterable[str]) -> Library:
    """Read one language's folder.

    Raises ContentError naming every mistake, one sentence each: file, step, line, what to do.
    """
    if not (folder / "flows").is_dir():
        raise ContentError(f"{folder}: there is no folder of flows here.")
    mistakes: list[str] = []
    sources: dict[str, str] = {}
    flows: dict[str, Flow] = {}
    for path in sorted((folder / "flows").glob("*.toml")):
        try:
            sources[path.stem] = _read(path)
            flows[path.stem] = _flow(path, sources[path.stem])
        except ContentError as error:
            mistakes.append(str(error))
    texts: dict[str, Mapping[str, object]] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            texts[path.stem] = _toml(path, _read(path))
        except ContentError as error:
            mistakes.append(str(error))
    phrases = Phrases(frozenset(), frozenset(), frozenset(), frozenset(), {}, {})
    try:
        phrases = _phrases(texts.get("phrases"))
    except ContentError as error:
        mistakes.append(str(error))
    broken = bool(mistakes)
    for name, flow in flows.items():
        check = _Check(flow, flows, functions, frozenset(facts), sources[name], partial=broken)
        mistakes.extend(check.mistakes())
    if mistakes:
        raise ContentError("\n".join(mistakes))
    return Library(folder.name, flows, phrases, texts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ContentError(f"{path.name}: save this file as UTF-8.") from error
    except OSError as error:
        raise ContentError(f"{path.name}: cannot be read ({error.strerror}).") from error


def _toml(path: Path, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ContentError(f"{path.name}: this is not TOML yet: {error}.") from error


def _phrases(data: Mapping[str, object] | None) -> Phrases:
    if data is None:
        raise ContentError("phrases.toml: this file is missing; every flow shares its words.")
    found: Any = data
    say = found.get("say", {})
    wanted = ("back", "skip", "stop", "shrugs", "numbers", "say")
    missing = [key for key in wanted if key not in found]
    missing += [f"say.{key}" for key in SHARED if key not in say]
    if missing:
        raise ContentError(f"phrases.toml: {', '.join(missing)} is missing.")
    for key, text in say.items():
        if why := markup.fault(text):
            raise ContentError(f"phrases.toml, {key}: {why}.")
        limit = CAPTION if key.startswith("caption_") else MESSAGE
        if markup.units(markup.visible(text)) > limit:
            raise ContentError(f"phrases.toml, {key}: over Telegram's {limit} characters.")
    return Phrases(
        back=frozenset(found["back"]),
        skip=frozenset(found["skip"]),
        stop=frozenset(found["stop"]),
        shrugs=frozenset(found["shrugs"]),
        numbers=dict(found["numbers"]),
        say=dict(say),
    )


SHARED = ("ok", "skip", "numb", "unknown", "back_to")
"""Phrases the engine itself says."""


def _flow(path: Path, source: str) -> Flow:
    data = _toml(path, source)
    try:
        return Flow.model_validate({"id": path.stem, **data})
    except ValidationError as error:
        lines = [_explain(path, source, data, item) for item in error.errors()]
        raise ContentError("\n".join(dict.fromkeys(lines))) from error


_SAYINGS = {
    "missing": "is missing",
    "extra_forbidden": "is no key of this kind of step",
    "union_tag_invalid": "is no kind of step; say, ask, choose, choose_many, scale or run",
    "union_tag_not_found": "kind is missing; say, ask, choose, choose_many, scale or run",
}


def _explain(path: Path, source: str, data: Mapping[str, Any], error: Any) -> str:
    """Turn one of pydantic's errors into a sentence an author can act on."""
    loc = [part for part in error["loc"] if part not in _KINDS]
    where = f"{path.name}, line 1"
    if loc[:1] == ["steps"] and len(loc) > 1:
        step = data["steps"][loc[1]]
        name = str(step.get("id", f"number {int(loc[1]) + 1}"))
        where = place(path.stem, source, name)
        loc = loc[2:]
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        kind = error["ctx"].get("tag", "")
        return f"{where}: {kind} {_SAYINGS[error['type']]}.".replace(":  ", ": ")
    what = ".".join(str(part) for part in loc) or "the flow"
    return f"{where}: {what} {_SAYINGS.get(error['type'], 'does not fit: ' + error['msg'])}."


_KINDS = {"say", "ask", "choose", "choose_many", "scale", "run"}


def place(flow: str, source: str, step: str) -> str:
    """Return where a step is: file, step and line."""
    found = re.search(rf'^\s*id\s*=\s*["\']{re.escape(step)}["\']', source, re.MULTILINE)
    line = source.count("\n", 0, found.start()) + 1 if found else 1
    return f"{flow}.toml, step {step}, line {line}"


class _Check:
    """Looks one flow through, knowing all the others."""

    def __init__(  # noqa: PLR0913 - all of what a flow may point to
        self,
        flow: Flow,
        flows: Mapping[str, Flow],
        functions: Mapping[str, Function],
        facts: frozenset[str],
        source: str,
        *,
        partial: bool,
    ) -> None:
        self.flow = flow
        self.flows = flows
        self.functions = functions
        self.facts = facts
        self.source = source
        self.partial = partial
        """Other files are broken: what points to them cannot be judged."""

    def mistakes(self) -> Iterator[str]:
        yield from self._ids()
        for step in self.flow.steps:
            for what in self._step(step):
                yield f"{place(self.flow.id, self.source, step.id)}: {what}"
        if self.flow.close is not None and self.flow.step(self.flow.close) is None:
            yield f"{self.flow.id}.toml, line 1: close leads to {self.flow.close}, no such step."
        yield from self._shape()

    def _ids(self) -> Iterator[str]:
        seen: set[str] = set()
        for step in self.flow.steps:
            if step.id in seen:
                where = place(self.flow.id, self.source, step.id)
                yield f"{where}: two steps have this id; give one of them another."
            seen.add(step.id)

    def _step(self, step: Step) -> Iterator[str]:
        for target in targets(step):
            yield from self._target(target)
        if isinstance(step, Run):
            yield from self._run(step)
            return
        yield from self._text(step)
        if isinstance(step, Say):
            return
        if not step.must and step.next is None:
            yield "needs a next, where skipping leads; or must = true if it cannot be skipped."
        yield from self._options(step)

    def _target(self, target: str) -> Iterator[str]:
        if target.startswith(FLOW):
            name = target.removeprefix(FLOW)
            if name not in self.flows and not self.partial:
                yield f"leads to the flow {name}, which does not exist."
        elif target != END and self.flow.step(target) is None:
            yield f"leads to {target}, which is no step of this flow."

    def _run(self, step: Run) -> Iterator[str]:
        function = self.functions.get(step.run)
        if function is None:
            yield f"runs {step.run}, which is no function of the coach."
            return
        for outcome in step.goto:
            if outcome not in function.outcomes:
                known = ", ".join(sorted(function.outcomes)) or "none"
                yield f"{step.run} has no outcome {outcome}; it has {known}."
        unmet = sorted(function.outcomes - set(step.goto))
        if step.next is None and (unmet or not function.outcomes):
            yield f"needs a next, or a goto for {', '.join(unmet) or 'every outcome'}."

    def _text(self, step: Say | Question) -> Iterator[str]:
        if why := markup.fault(step.text):
            yield f"broken HTML: {why}."
        known = self._known()
        for name in sorted(names(step.text) - known):
            yield f"{{{name}}} is nothing this flow saves, is given or knows."
        if re.search(r"\{[^}]*\}", NAME.sub("", step.text)):
            yield "a { } holds something that is no name."
        longest = NAME.sub("x" * CLIP, step.text)
        if markup.units(markup.visible(longest)) > MESSAGE:
            yield f"can be over Telegram's {MESSAGE} characters once its names are filled in."

    def _known(self) -> set[str]:
        known = {*self.facts, *self.flow.takes, *saved(self.flow)}
        for step in self.flow.steps:
            if isinstance(step, Run) and step.run in self.functions:
                known |= self.functions[step.run].values
            elif isinstance(step, Ask | Choose | ChooseMany | Scale):
                for option in step.options:
                    if option.visit is not None and option.visit in self.flows:
                        known |= saved(self.flows[option.visit])
        return known

    def _options(self, step: Question) -> Iterator[str]:
        values: set[str] = set()
        labels: set[str] = set()
        for option in step.options:
            if option.value in values or option.text in labels:
                yield f"two buttons say or mean {option.text}; a person could not tell them apart."
            values.add(option.value)
            labels.add(option.text)
            if len(option.value.encode()) > DATA - TURN:
                yield f"the value of {option.text} is over {DATA - TURN} bytes, more than fits."
            if option.text.startswith(TICK):
                yield f"{option.text} starts with the mark of a chosen button."
            if option.next is None and step.next is None:
                yield f"{option.text} leads nowhere; give it or the step a next."
            if option.visit is not None and option.visit not in self.flows and not self.partial:
                yield f"{option.text} visits the flow {option.visit}, which does not exist."
        offer = None if isinstance(step, Ask | Scale) else step.offer
        if isinstance(step, Choose | ChooseMany) and not step.options and offer is None:
            yield "has no buttons; give it options, or an offer made by a function."
        if offer is not None and offer not in self._known():
            yield f"offers {offer}, which no function before it gives."

    def _shape(self) -> Iterator[str]:
        """Find steps nobody can come to, ways that never end, and circles that never ask."""
        ways = {step.id: set(targets(step)) for step in self.flow.steps}
        reached = _closure({self.flow.first}, ways)
        if self.flow.close is not None:
            reached |= _closure({self.flow.close}, ways)
        backwards: dict[str, set[str]] = {}
        for name, leads in ways.items():
            for target in leads:
                out = END if target.startswith(FLOW) else target
                backwards.setdefault(out, set()).add(name)
        ending = _closure({END}, backwards)
        says = {s.id: {s.next} for s in self.flow.steps if isinstance(s, Say)}
        for step in self.flow.steps:
            where = place(self.flow.id, self.source, step.id)
            if step.id not in reached:
                yield f"{where}: nothing leads here; link it or take it out."
            if step.id not in ending:
                yield f"{where}: from here there is no way to the end."
            if step.id in says and step.id in _closure(says[step.id], says):
                yield f"{where}: goes round in a circle without ever asking anything."


def _closure(start: set[str], ways: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(start)
    while todo:
        step = todo.pop()
        if step not in found:
            found.add(step)
            todo.extend(ways.get(step, ()))
    return found


def saved(flow: Flow) -> set[str]:
    """Return the names under which a flow saves answers."""
    return {
        step.save
        for step in flow.steps
        if isinstance(step, Ask | Choose | ChooseMany | Scale) and step.save is not None
    }
