"""A talk with a few flows: every turn's session goes through JSON, as the bot's own does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from bot.flows import engine
from bot.flows.load import load
from bot.flows.model import Function, Library
from bot.flows.session import Frame, Session

PHRASES = """
back = ["back", "go back"]
skip = ["skip"]
stop = ["stop", "cancel"]
shrugs = ["ok", "fine", "no", "nah", "idk", "whatever", "nothing", "meh", "?", "don't know"]

[numbers]
zero = 0
one = 1
two = 2
three = 3
four = 4
five = 5
six = 6
seven = 7
eight = 8
nine = 9
ten = 10

[say]
ok = "OK."
skip = "Skip"
numb = "Numb"
unknown = "Can't tell"
back_to = "Where we were:"
copy = "Copy"
"""

FUNCTIONS = {
    "find": Function(frozenset({"some", "none"}), frozenset({"found"})),
    "keep": Function(frozenset(), frozenset({"kept_at"})),
}
"""What the functions of these houses can come back with."""


def write(folder: Path, flows: Mapping[str, str], phrases: str = PHRASES, **files: str) -> Path:
    """Lay a content folder out: each flow a file, and the files beside them."""
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    for name, text in flows.items():
        (folder / "flows" / f"{name}.toml").write_text(dedent(text).lstrip(), encoding="utf-8")
    for name, text in {"phrases": phrases, **files}.items():
        (folder / f"{name}.toml").write_text(dedent(text).lstrip(), encoding="utf-8")
    return folder


def house(
    folder: Path,
    flows: Mapping[str, str],
    facts: Iterable[str] = ("first_name",),
    functions: Mapping[str, Function] | None = None,
) -> Library:
    """Write flows down and read them as the bot does."""
    return load(write(folder, flows), FUNCTIONS if functions is None else functions, facts)


def told(effects: Iterable[engine.Effect]) -> list[str]:
    """Write effects the way they look: a question after ?, a choice after →."""
    return [_told(effect) for effect in effects]


def _told(effect: engine.Effect) -> str:  # noqa: PLR0911 - one for each kind
    match effect:
        case engine.Tell(text):
            return text
        case engine.Pose(text):
            return f"? {text}"
        case engine.Redraw(rows):
            return "redrawn: " + ", ".join(label for row in rows for label, _ in row)
        case engine.Chosen(label):
            return f"→ {label}".rstrip()
        case engine.Refused(why):
            return f"refused: {why}"
        case engine.Closed(frame, finished):
            return f"{'finished' if finished else 'draft'}: {frame.flow}"
        case engine.Do(name):
            return f"does {name}"


@dataclass
class Talk:
    """One person's conversation; each method is one turn and returns how it looks."""

    library: Library
    session: Session = field(default_factory=Session)
    facts: Mapping[str, str] = field(default_factory=lambda: {"first_name": "Kim"})
    does: dict[str, list[engine.Returned]] = field(default_factory=dict)
    """What each function comes back with, call after call."""
    rows: engine.Rows = ()
    effects: list[engine.Effect] = field(default_factory=list)

    def open(self, flow: str, **values: object) -> list[str]:
        return self._turn(
            lambda s: engine.open_flow(self.library, s, flow, self.facts, values or None)
        )

    def type(self, text: str) -> list[str]:
        return self._answer(engine.Text(text))

    def tap(self, value: str) -> list[str]:
        return self._answer(engine.Tap(value))

    def cancel(self) -> list[str]:
        return self._answer(engine.Stop())

    def resume(self, frame: Frame) -> list[str]:
        return self._turn(lambda s: engine.resume(self.library, s, frame, self.facts))

    def again(self, lead: str = "") -> list[str]:
        return self._turn(lambda s: engine.ask_again(self.library, s, self.facts, lead))

    def abandon(self) -> list[str]:
        return self._turn(lambda s: engine.abandon(self.library, s))

    def move_house(self, library: Library) -> None:
        """Go on under edited content."""
        self.library = library

    @property
    def frame(self) -> Frame:
        assert self.session.top is not None
        return self.session.top

    @property
    def answers(self) -> dict[str, object]:
        return dict(self.frame.answers)

    @property
    def stack(self) -> list[str]:
        """The open flows, lowest first."""
        return [frame.flow for frame in self.session.frames]

    @property
    def labels(self) -> list[str]:
        """What the buttons of the last question say."""
        return [label for row in self.rows for label, _ in row]

    @property
    def closed(self) -> list[Frame]:
        """The flows that the last turn closed."""
        return [e.frame for e in self.effects if isinstance(e, engine.Closed)]

    def _answer(self, given: engine.Input) -> list[str]:
        return self._turn(lambda s: engine.answer(self.library, s, given, self.facts))

    def _turn(self, move: Callable[[Session], tuple[Session, list[engine.Effect]]]) -> list[str]:
        session, effects = move(through_json(self.session))
        self.effects = []
        while effects:
            effect, *effects = effects
            self.effects.append(effect)
            if isinstance(effect, engine.Pose | engine.Redraw):
                self.rows = effect.rows
            if isinstance(effect, engine.Do):
                back = self.does[effect.name].pop(0)
                session, more = engine.answer(self.library, through_json(session), back, self.facts)
                effects = [*effects, *more]
        self.session = session
        return told(self.effects)


def through_json(session: Session) -> Session:
    """Write the session down and read it back; nothing may get lost on the way."""
    back = Session.from_json(json.loads(json.dumps(session.to_json())))
    assert back == session
    return back
