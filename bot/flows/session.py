"""Where a person is: a stack of open flows and the answers so far; plain JSON between turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

How = Literal["opened", "visited", "interrupting"]

DEPTH = 3
"""How many flows may lie on each other."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One open flow: the step it waits at and the answers given."""

    flow: str
    step: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    """How an answer reads, where that differs from its value."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What ``run`` functions gave: names for texts, lists for offers."""
    trail: tuple[str, ...] = ()
    """Questions answered on the way here, for *back*."""
    picked: tuple[str, ...] = ()
    """Chosen so far at a choose-many step."""
    shrugs: int = 0
    how: How = "opened"
    resume: str = ""
    """For a visited flow: the step of the flow below to go on with."""


@dataclass(frozen=True, slots=True)
class Session:
    """All of a person's open conversation.

    ``turn`` numbers the questions asked of a person and never restarts, so a button of an earlier
    question is known as stale.
    """

    turn: int = 0
    frames: tuple[Frame, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The open question as it was sent: outbox row, text, moment; kept by the coach."""
    recent: tuple[Mapping[str, Any], ...] = ()
    """The last messages and their moments, for the screener only."""
    loose: tuple[str, ...] = ()
    """Words that no question asked for, until the person says what to do with them."""
    cards: Mapping[str, Any] = field(default_factory=dict)
    """What cards left behind: which was last, what is quiet or closed and till when. No words."""

    @property
    def top(self) -> Frame | None:
        """The flow that is being talked to."""
        return self.frames[-1] if self.frames else None

    @property
    def base(self) -> Frame | None:
        """The topmost flow that was not opened on behalf of another."""
        for frame in reversed(self.frames):
            if frame.how != "visited":
                return frame
        return self.frames[0] if self.frames else None

    def with_top(self, frame: Frame) -> Session:
        """Return the session with its topmost frame replaced."""
        return replace(self, frames=(*self.frames[:-1], frame))

    def to_json(self) -> dict[str, Any]:
        """Return the session as JSON."""
        return {
            "turn": self.turn,
            "frames": [frame_to_json(frame) for frame in self.frames],
            "asked": dict(self.asked),
            "recent": [dict(item) for item in self.recent],
            "loose": list(self.loose),
            "cards": dict(self.cards),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Session:
        """Read a session back; what an older version did not know gets its default."""
        return cls(
            turn=int(value.get("turn", 0)),
            frames=tuple(frame_from_json(frame) for frame in value.get("frames", ())),
            asked=value.get("asked", {}),
            recent=tuple(value.get("recent", ())),
            loose=tuple(value.get("loose", ())),
            cards=value.get("cards", {}),
        )


def frame_to_json(frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON; what is at its default is left out."""
    full: dict[str, Any] = {
        "answers": dict(frame.answers),
        "shown": dict(frame.shown),
        "values": dict(frame.values),
        "trail": list(frame.trail),
        "picked": list(frame.picked),
        "shrugs": frame.shrugs,
        "how": frame.how if frame.how != "opened" else "",
        "resume": frame.resume,
    }
    return {"flow": frame.flow, "step": frame.step, **{k: v for k, v in full.items() if v}}


def frame_from_json(value: Mapping[str, Any]) -> Frame:
    """Read a frame back."""
    return Frame(
        flow=value["flow"],
        step=value["step"],
        answers=value.get("answers", {}),
        shown=value.get("shown", {}),
        values=value.get("values", {}),
        trail=tuple(value.get("trail", ())),
        picked=tuple(value.get("picked", ())),
        shrugs=int(value.get("shrugs", 0)),
        how=value.get("how", "opened"),
        resume=value.get("resume", ""),
    )
