"""Reads flows from TOML and finds an author's mistakes before a person does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.errors import ContentError
from bot.flows import markup
from bot.flows.engine import CLIP, DONE, TICK, plain
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
    Option,
    Pause,
    Phrases,
    Question,
    Run,
    Say,
    Scale,
    Step,
    names,
    targets,
)
from bot.flows.practice import Practice

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
    texts["practices"] = _practices(folder / "practices", mistakes)
    phrases = Phrases(frozenset(), frozenset(), frozenset(), frozenset(), {}, {})
    if "phrases" in texts or not (folder / "phrases.toml").exists():
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
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(f"{path.name}: save this file as UTF-8.") from error
    except OSError as error:
        raise ContentError(f"{path.name}: cannot be read ({error.strerror}).") from error


def _toml(path: Path, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise ContentError(f"{path.name}: this is not TOML yet: {error}.") from error


def _practices(folder: Path, mistakes: list[str]) -> dict[str, object]:
    """Read the practices of a folder; there may be none."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[path.stem] = _practice(path)
        except ContentError as error:
            mistakes.append(str(error))
    return found


def _practice(path: Path) -> dict[str, Any]:
    data = _toml(path, _read(path))
    try:
        found = Practice.model_validate({"name": path.stem, **data})
    except ValidationError as error:
        where = f"practices/{path.name}"
        lines = [
            f"{where}: {'.'.join(map(str, one['loc']))} "
            + _SAYINGS.get(one["type"], "does not fit: " + one["msg"]).format(**one.get("ctx", {}))
            + "."
            for one in error.errors()
        ]
        raise ContentError("\n".join(lines)) from error
    if found.moving and not found.moving_text:
        raise ContentError(f"practices/{path.name}: moving needs a moving_text beside it.")
    if found.moving and not path.with_name(found.moving + ".gif").is_file():
        raise ContentError(f"practices/{path.name}: there is no picture {found.moving}.gif here.")
    return data


def _phrases(data: Mapping[str, object] | None) -> Phrases:
    if data is None:
        raise ContentError("phrases.toml: this file is missing; every flow shares its words.")
    mistakes = [f"{key} is missing" for key in _PHRASES if key not in data]
    mistakes += [why for key in _PHRASES if key in data and (why := _unlike(key, data[key]))]
    if mistakes:
        raise ContentError("\n".join(f"phrases.toml: {what}." for what in mistakes))
    found: Any = data
    say: dict[str, str] = found["say"]
    mistakes = [f"phrases.toml: say.{key} is missing." for key in SHARED if key not in say]
    for key, text in say.items():
        if why := markup.fault(text):
            mistakes.append(f"phrases.toml, say.{key}: broken HTML: {why}.")
        limit = CAPTION if key.startswith("caption_") else MESSAGE
        if markup.units(markup.visible(text)) > limit:
            mistakes.append(f"phrases.toml, say.{key}: over Telegram's {limit} characters.")
    mind: list[re.Pattern[str]] = []
    for pattern in found.get("mind", ()):
        try:
            mind.append(re.compile(pattern))
        except re.error as error:
            mistakes.append(f"phrases.toml, mind: {pattern!r} is no regular expression: {error}.")
    if mistakes:
        raise ContentError("\n".join(mistakes))
    words = {key: frozenset(map(plain, found.get(key, ()))) for key in (*_LISTS, *_HEARD)}
    numbers = {plain(word): number for word, number in found["numbers"].items()}
    return Phrases(**words, numbers=numbers, say=dict(say), mind=tuple(mind))


_LISTS = ("back", "skip", "stop", "shrugs")
_HEARD = ("now", "now_alone", "no", "unsafe")
_PHRASES = (*_LISTS, "numbers", "say")


def _unlike(key: str, value: object) -> str | None:
    """Say what is wrong with the shape of one part of the phrases."""
    wanted: type = {"numbers": int, "say": str}.get(key, str)
    if key in _LISTS:
        fits = isinstance(value, list) and all(isinstance(word, str) for word in value)
        return None if fits else f'{key} must be a list of words, like ["one", "two"]'
    fits = isinstance(value, dict) and all(isinstance(item, wanted) for item in value.values())
    what = "numbers, like seven = 7" if key == "numbers" else 'texts, like ok = "OK."'
    return None if fits else f"{key} must be a table of {what}"


FREE = frozenset({"cities", "numbers"})
"""Tables whose keys are words of the language itself."""


def missing(texts: Mapping[str, object], shipped: Mapping[str, object], at: str = "") -> list[str]:
    """Return a sentence for each key that the shipped content has and this one lacks.

    Lists are the author's own; what the code asks for by name are keys of tables.
    """
    found: list[str] = []
    for key, value in shipped.items():
        where = f"{at}.{key}" if at else f"{key}.toml"
        if key not in texts:
            found.append(f"{where} is missing; the shipped content has it.")
        elif isinstance(value, dict) and key not in FREE:
            mine = texts[key]
            found += missing(mine if isinstance(mine, dict) else {}, value, where)
    return found


SHARED = ("ok", "skip", "numb", "unknown", "back_to", "copy")
"""Phrases the engine itself says."""


def _flow(path: Path, source: str) -> Flow:
    data = _toml(path, source)
    if not _NAMED.fullmatch(path.stem):
        raise ContentError(
            f"{path.name}: a file of this kind is named in small letters, a-z and _."
        )
    if "id" in data:
        raise ContentError(
            f"{_at(path.stem, source, 'id')}: take the id out; a flow is named by its file."
        )
    try:
        return Flow.model_validate({"id": path.stem, **data})
    except ValidationError as error:
        told = [item for item in error.errors() if not _follows(item, data)]
        lines = [_explain(path, source, data, item) for item in told]
        raise ContentError("\n".join(dict.fromkeys(lines))) from error


_NAMED = re.compile(r"[a-z][a-z0-9_]*")

_SAYINGS = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_type": 'must be a text in "quotes"',
    "string_pattern_mismatch": "must be a name in small letters, a-z, 0-9 and _",
    "literal_error": "must be {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_short": "needs at least one",
    "tuple_type": "must be a list in [brackets]",
    "model_type": "must be a table of its own",
    "model_attributes_type": "must be a table of its own",
}
_KINDS = "a step's kind is say, ask, choose, choose_many, scale, pause or run"
_HOLDERS = {"options": "button", "ranges": "range", "steps": "step"}


def _explain(path: Path, source: str, data: Mapping[str, Any], error: Any) -> str:
    """Turn one of pydantic's errors into a sentence an author can act on."""
    loc = list(error["loc"])
    holder = "a flow"
    where = _at(path.stem, source, str(loc[0]))
    if loc[0] == "steps" and len(loc) > 1:
        step = data["steps"][loc[1]]
        where = _place(path.stem, source, loc[1], step)
        holder = f"{step['kind']} steps" if len(loc) > 2 else "steps"  # noqa: PLR2004 - the kind
        loc = loc[3:]
    if error["type"] == "union_tag_not_found":
        return f"{where}: kind is missing; {_KINDS}."
    if error["type"] == "union_tag_invalid":
        return f"{where}: {error['ctx']['tag']} is no kind of step; {_KINDS}."
    if len(loc) > 1 and loc[0] in _HOLDERS:
        holder = f"a {_HOLDERS[loc[0]]}"
        where = f"{where}, {_HOLDERS[loc[0]]} {loc[1] + 1}"
        loc = loc[2:]
    what = ".".join(str(part) for part in loc) or "this"
    if error["type"] == "extra_forbidden":
        return f"{where}: {what} is no key of {holder}."
    saying = _SAYINGS.get(error["type"], "does not fit: " + error["msg"])
    return f"{where}: {what} {saying.format(**error.get('ctx', {}))}."


def _follows(error: Any, data: Mapping[str, Any]) -> bool:
    """Whether steps are only counted as too few because they are broken."""
    return error["type"] == "too_short" and bool(data.get(error["loc"][0]))


_STEP = re.compile(r"\s*\[\[\s*steps\s*\]\]")
_TABLE = re.compile(r"\s*\[")
_ID = re.compile(r"""\s*id\s*=\s*["']([^"']*)["']""")
_LONG = re.compile(r'"""|\'\'\'')


def _bare(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are no inside of a long text, each with its number."""
    inside = ""
    for number, line in enumerate(source.split("\n"), start=1):
        if not inside:
            yield number, line
        for mark in _LONG.findall(line):
            if mark == inside:
                inside = ""
            elif not inside:
                inside = mark


def _steps(source: str) -> list[tuple[str, int]]:
    """Return every step's id and line: where its id stands, or where it starts without one."""
    found: list[tuple[str, int]] = []
    own = False
    for number, line in _bare(source):
        if _STEP.match(line):
            found.append(("", number))
            own = True
        elif _TABLE.match(line):
            own = False
        elif own and (name := _ID.match(line)):
            found[-1] = (name[1], number)
    return found


def _at(flow: str, source: str, key: str) -> str:
    """Return where a key of the flow itself is: file and line."""
    wanted = re.compile(rf"\s*{re.escape(key)}\s*=")
    line = 1
    for number, text in _bare(source):
        if _TABLE.match(text):
            break
        if wanted.match(text):
            line = number
    return f"{flow}.toml, line {line}"


def _place(flow: str, source: str, number: int, step: object) -> str:
    """Return where the step of that number is, counted from 0: file, step and line."""
    steps = _steps(source)
    line = steps[number][1] if number < len(steps) else 1
    name = step.get("id") if isinstance(step, dict) else None
    return f"{flow}.toml, step {name or f'number {number + 1}'}, line {line}"


def place(flow: str, source: str, step: str) -> str:
    """Return where a step is: file, step and line."""
    line = next((line for name, line in _steps(source) if name == step), 1)
    return f"{flow}.toml, step {step}, line {line}"


_WIDEST = "\N{GRINNING FACE}"
"""A character that counts as two for Telegram, as any of an answer may."""


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
        close = self.flow.close
        over = str(close).startswith(FLOW) and str(close).removeprefix(FLOW) in self.flows
        if close not in {None, END} and not over and self.flow.step(str(close)) is None:
            where = _at(self.flow.id, self.source, "close")
            yield f"{where}: close leads to {close}, which is no step of this flow."
        yield from self._shape()

    def _ids(self) -> Iterator[str]:
        seen: set[str] = set()
        for number, step in enumerate(self.flow.steps):
            if step.id not in seen and step.id != END:
                seen.add(step.id)
                continue
            where = _place(self.flow.id, self.source, number, {"id": step.id})
            if step.id in seen:
                yield f"{where}: two steps have this id; give one of them another."
            if step.id == END:
                yield f"{where}: {END} is the way out; give this step another id."
            seen.add(step.id)

    def _step(self, step: Step) -> Iterator[str]:
        for target in sorted(set(targets(step))):
            yield from self._target(target)
        if isinstance(step, Run):
            yield from self._run(step)
            return
        yield from self._text(step)
        if isinstance(step, Say):
            return
        yield from self._way_on(step)
        yield from self._options(step)

    def _way_on(self, step: Question) -> Iterator[str]:
        if step.next is not None:
            return
        if not step.must:
            yield "needs a next, where skipping leads; or must = true if it cannot be skipped."
        elif isinstance(step, Scale):
            yield "needs a next, where numb, can't tell and numbers in no range lead."
        elif not isinstance(step, Choose) or step.free:
            yield "needs a next, where an answer that is no button leads."
        elif step.offer is not None:
            yield "needs a next, where the offered buttons lead."

    def _target(self, target: str) -> Iterator[str]:
        if target.startswith(FLOW):
            name = target.removeprefix(FLOW)
            if name in self.flows:
                yield from self._stays_open(name)
            elif not self.partial:
                yield f"leads to the flow {name}, which does not exist."
        elif target != END and self.flow.step(target) is None:
            yield f"leads to {target}, which is no step of this flow."

    def _stays_open(self, name: str) -> Iterator[str]:
        """Find a way from what is open before consent into what is not."""
        if self.flow.open and not self.flows[name].open:
            yield f"leads to the flow {name}, which is not open before consent, as this one is."

    def _run(self, step: Run) -> Iterator[str]:
        function = self.functions.get(step.run)
        if function is None:
            yield f"runs {step.run}, which is no function of the coach."
            return
        for outcome in step.goto:
            if outcome not in function.outcomes:
                known = ", ".join(sorted(function.outcomes)) or "none"
                yield f"{step.run} has no outcome {outcome}; it has {known}."
        unmet = ", ".join(sorted(function.outcomes - set(step.goto)))
        if step.next is None and unmet:
            yield f"needs a next, or a goto for {unmet}."
        elif step.next is None and not function.outcomes:
            yield f"needs a next; {step.run} has only one way to come back."

    def _text(self, step: Say | Question) -> Iterator[str]:
        if why := markup.fault(step.text):
            yield f"broken HTML: {why}."
        if not (self.partial and self._visited - self.flows.keys()):
            for name in sorted(names(step.text) - self._known):
                yield f"{{{name}}} is nothing this flow saves, is given or knows."
        if braces := re.search(r"\{[^{}]*\}?|\}", NAME.sub("", step.text)):
            yield f"{braces[0]} is no name in braces, like {{what}}."
        longest = NAME.sub(_WIDEST * CLIP, step.text)
        if markup.units(markup.visible(longest)) > MESSAGE:
            yield f"can be over Telegram's {MESSAGE} characters once its names are filled in."

    def _given(self) -> set[str]:
        """Return the values the flow is opened with or that its functions give."""
        given = set(self.flow.takes)
        for step in self.flow.steps:
            if isinstance(step, Run) and step.run in self.functions:
                given |= self.functions[step.run].values
        return given

    @cached_property
    def _known(self) -> set[str]:
        """Every name that a text of this flow may show."""
        known = {*self.facts, *saved(self.flow), *self._given()}
        for visited in self._visited & self.flows.keys():
            known |= saved(self.flows[visited])
        return known

    @cached_property
    def _visited(self) -> set[str]:
        """The flows that this one walks through, and those that they do."""
        return _closure(
            set(_visits(self.flow)), {n: set(_visits(f)) for n, f in self.flows.items()}
        )

    def _options(self, step: Question) -> Iterator[str]:
        yield from self._alike(step)
        for option in step.options:
            yield from self._option(step, option)
        if isinstance(step, Scale):
            for span in step.ranges:
                if span.least > span.most:
                    yield f"the range from {span.least} to {span.most} holds no number."
        offer = None if isinstance(step, Ask | Scale | Pause) else step.offer
        if isinstance(step, Choose | ChooseMany) and not step.options and offer is None:
            yield "has no buttons; give it options, or an offer made by a function."
        if isinstance(step, Choose) and step.copy_of not in {None, *self._known}:
            yield f"copies {step.copy_of}, which is nothing this flow saves or is given."
        if isinstance(step, Ask) and step.burn and step.save is not None:
            yield "burns what is typed, so it cannot save it; take one of them out."
        if offer is not None and offer not in self._given():
            yield f"offers {offer}, which no function of this flow gives."

    def _alike(self, step: Question) -> Iterator[str]:
        """Find buttons that a person, or the flow, could not tell from another."""
        values: set[str] = set()
        labels: set[str] = set()
        if isinstance(step, Scale):
            values = set(map(str, range(11)))  # numb and can't tell a step may take over
        elif isinstance(step, ChooseMany):
            values, labels = {DONE}, {plain(step.done)}
        for option in step.options:
            if option.value in values or plain(option.text) in labels:
                yield f"two buttons say or mean {option.text}; a person could not tell them apart."
            values.add(option.value)
            labels.add(plain(option.text))

    def _option(self, step: Question, option: Option) -> Iterator[str]:
        if not option.value:
            yield f"{option.text} has no letters a-z to be kept by; give it a value."
        if len(option.value.encode()) > DATA - TURN:
            yield f"the value of {option.text} is over {DATA - TURN} bytes, more than fits."
        if option.text.startswith(TICK):
            yield f"{option.text} starts with the mark of a chosen button."
        if "{" in option.text or "}" in option.text:
            yield f"{option.text} has braces; a button's text cannot show a name."
        if option.next is None and step.next is None and step.must:
            yield f"{option.text} leads nowhere; give it or the step a next."
        if option.visit is not None and option.visit not in self.flows and not self.partial:
            yield f"{option.text} visits the flow {option.visit}, which does not exist."
        elif option.visit is not None and option.visit in self.flows:
            yield from self._stays_open(option.visit)
        if isinstance(step, ChooseMany) and option.answer and (option.next or option.visit):
            yield f"{option.text} only ticks; to lead on it needs answer = false."

    def _shape(self) -> Iterator[str]:
        """Find steps nobody can come to, ways that never end, and circles that never ask."""
        known = {step.id for step in self.flow.steps}
        ways = {  # a target that is not there, or not yet, is a mistake of its own
            step.id: {way if way in known else END for way in targets(step)} or {END}
            for step in self.flow.steps
        }
        reached = _closure({self.flow.first}, ways)
        if self.flow.close in known:
            reached |= _closure({str(self.flow.close)}, ways)
        backwards: dict[str, set[str]] = {}
        for name, leads in ways.items():
            for target in leads:
                backwards.setdefault(target, set()).add(name)
        ending = _closure({END}, backwards)
        silent = self._silent()
        for step in self.flow.steps:
            amiss = []
            if step.id not in reached:
                amiss.append("nothing leads here; link it or take it out.")
            if step.id not in ending:
                amiss.append("from here there is no way to the end.")
            name = f"{self.flow.id}.{step.id}"
            if name in _closure(silent.get(name, set()), silent):
                amiss.append("goes round in a circle without ever asking anything.")
            for what in amiss:
                yield f"{place(self.flow.id, self.source, step.id)}: {what}"

    def _silent(self) -> dict[str, set[str]]:
        """Return where every step that only speaks leads, over all flows: ``flow.step``."""

        def full(flow: Flow, target: str) -> str:
            if target.startswith(FLOW) and (other := self.flows.get(target.removeprefix(FLOW))):
                return f"{other.id}.{other.first}"
            return f"{flow.id}.{target}"

        return {
            f"{flow.id}.{step.id}": {full(flow, step.next)}
            for flow in self.flows.values()
            for step in flow.steps
            if isinstance(step, Say) and step.id != END
        }


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
        if isinstance(step, Ask | Choose | ChooseMany | Scale | Pause) and step.save is not None
    }


def _visits(flow: Flow) -> Iterator[str]:
    for step in flow.steps:
        if isinstance(step, Ask | Choose | ChooseMany | Scale | Pause):
            yield from (option.visit for option in step.options if option.visit is not None)
