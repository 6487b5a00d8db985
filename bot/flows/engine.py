"""The one small machine that runs every flow: (session, input, facts) to (session, effects).

It is pure: it asks no clock, rolls no dice and touches nothing. What only the outside can do it
names as an effect and stops there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.errors import LostStep
from bot.flows.model import (
    END,
    FLOW,
    NAME,
    NUMB,
    UNKNOWN,
    Ask,
    Choose,
    ChooseMany,
    Flow,
    Library,
    Option,
    Pause,
    Question,
    Rank,
    Run,
    Say,
    Scale,
    Step,
)
from bot.flows.session import DEPTH, Frame, How, Session

HOPS = 60
"""More steps than this without a question is a circle; the loader finds them, this stops them."""

CLIP = 160
"""Characters of an answer that a question repeats; the whole is shown where the step is long."""

WIDTHS = {2: 16, 3: 10}
"""Characters that fit a button on a phone, where a row has two or three of them."""

HELD = "held"
"""The value that names an answer which was held while something else came first."""

SKIP = "skip"
DONE = "done"
"""Values of the buttons that the engine itself adds."""


# --- inputs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """The person typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Tap:
    """The person tapped a button of the open question."""

    value: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The person wants out of what is open."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A ``run`` function is through: its values, and which way to go on."""

    values: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    goto: str | None = None
    settled: bool = False
    """Something was kept: *back* does not lead before this point."""
    refused: bool = False
    """What was answered last cannot be used: it is no answer, and skipping it leads on."""


@dataclass(frozen=True, slots=True)
class Rang:
    """The timer of the pause that is open rang."""


Input = Text | Tap | Stop | Returned | Rang


# --- effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tell:
    """Say something that asks nothing."""

    text: str


Rows = tuple[tuple[tuple[str, str], ...], ...]
"""Rows of buttons, each a label and its value."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Ask the open question."""

    text: str
    rows: Rows
    copy: str = ""
    """What a button beside them puts on the clipboard."""


@dataclass(frozen=True, slots=True)
class Redraw:
    """Show the same question with other buttons."""

    rows: Rows


@dataclass(frozen=True, slots=True)
class Chosen:
    """The open question got its answer; ``label`` is what a button said, empty when typed."""

    label: str


@dataclass(frozen=True, slots=True)
class Do:
    """Await the named function, then come back with ``Returned``."""

    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The typed words fit none of the buttons; ``why`` names a phrase, the question stays open."""

    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A flow is over: finished, or stopped with answers worth keeping as a draft."""

    frame: Frame
    finished: bool


Effect = Tell | Pose | Redraw | Chosen | Do | Refused | Closed


# --- the machine -----------------------------------------------------------------------------

_RANKS = {"talk": 0, "moment": 1, "card": 2}


def open_flow(
    library: Library,
    session: Session,
    flow: str,
    facts: Mapping[str, str],
    values: Mapping[str, Any] | None = None,
) -> tuple[Session, list[Effect]]:
    """Open a flow by right of way.

    A higher rank and an aside lie down on what is open and go back to it; anything else takes its
    place, and what it takes the place of is closed as a draft.
    """
    machine = _Machine(library, session, facts)
    machine.open(flow, values or {})
    return machine.session, machine.out


def resume(
    library: Library, session: Session, frame: Frame, facts: Mapping[str, str]
) -> tuple[Session, list[Effect]]:
    """Take a draft up where it was left; raises LostStep when the step is gone."""
    _question(library, frame)
    machine = _Machine(library, session, facts)
    machine.clear_way(frame.flow)
    how: How = "interrupting" if machine.session.frames else "opened"
    machine.push(replace(frame, how=how, resume="", shrugs=0))
    machine.pose()
    return machine.session, machine.out


def ask_again(
    library: Library, session: Session, facts: Mapping[str, str], lead: str = ""
) -> tuple[Session, list[Effect]]:
    """Ask the open question once more."""
    machine = _Machine(library, session, facts)
    machine.pose(lead)
    return machine.session, machine.out


def give_way(library: Library, session: Session) -> tuple[Session, list[Effect]]:
    """Close what is on top unfinished and ask nothing; answers become a draft."""
    machine = _Machine(library, session, {})
    machine.drop()
    return machine.session, machine.out


def abandon(library: Library, session: Session) -> tuple[Session, list[Effect]]:
    """Close everything that is open, asking nothing; answers become drafts."""
    machine = _Machine(library, session, {})
    while machine.session.frames:
        machine.drop()
    return machine.session, machine.out


def answer(
    library: Library, session: Session, given: Input, facts: Mapping[str, str]
) -> tuple[Session, list[Effect]]:
    """Take one input at the open step.

    Raises LostStep when the content no longer has that step.
    """
    machine = _Machine(library, session, facts)
    match given:
        case Stop():
            machine.drop()
            machine.surface()
        case Returned():
            machine.returned(given)
        case Rang():
            machine.rang()
        case Tap(value):
            machine.tapped(value)
        case Text(text):
            machine.typed(text)
    return machine.session, machine.out


def waits_for_words(library: Library, session: Session) -> bool:
    """Whether the open question takes any words as its answer."""
    match _open_step(library, session):
        case Ask():
            return True
        case Choose(free=free) | ChooseMany(free=free):
            return free
        case _:
            return False


def burns(library: Library, session: Session) -> bool:
    """Whether what is typed now is to be kept nowhere."""
    step = _open_step(library, session)
    return isinstance(step, Ask) and step.burn


def pauses(library: Library, session: Session) -> bool:
    """Whether the open question goes on by itself when a timer rings."""
    return isinstance(_open_step(library, session), Pause)


def is_lost(library: Library, session: Session) -> bool:
    """Whether something is open at a step that the content does not have as a question."""
    step = _open_step(library, session)
    return session.top is not None and (step is None or isinstance(step, Say | Run))


def at_rest(library: Library, session: Session) -> bool:
    """Whether the open question may as well stay unanswered."""
    step = _open_step(library, session)
    return step is None or (not isinstance(step, Say | Run) and step.rest)


def hold(library: Library, session: Session, text: str) -> Session | None:
    """Save words as the open question's answer without going on; None if it takes no words."""
    step = _open_step(library, session)
    frame = session.top
    if frame is None or isinstance(step, Say | Run | None) or step.save is None:
        return None
    if not waits_for_words(library, session):
        return None
    if isinstance(step, ChooseMany):
        values = {**frame.values, HELD: step.save}
        return session.with_top(replace(frame, picked=(*frame.picked, text), values=values))
    said = f"{frame.answers[step.save]}\n{text}" if step.save in frame.answers else text
    reads = {name: label for name, label in frame.shown.items() if name != step.save}
    answers = {**frame.answers, step.save: said}
    values = {**frame.values, HELD: step.save}
    return session.with_top(replace(frame, answers=answers, shown=reads, values=values))


def open_rows(library: Library, session: Session) -> Rows:
    """Return the open question's buttons as they are drawn; none when nothing is open."""
    step = _open_step(library, session)
    frame = session.top
    if frame is None or isinstance(step, Say | Run | None):
        return ()
    return rows(step, frame, library)


def fill(text: str, frame: Frame, facts: Mapping[str, str], *, clip: int | None = CLIP) -> str:
    """Return the text with its ``{names}`` filled in and escaped for Telegram's HTML."""

    def one(found: re.Match[str]) -> str:
        name = found[1]
        for source in (frame.values, frame.shown, frame.answers, facts):
            if name in source:
                return html.escape(clipped(shown(source[name]), clip), quote=False)
        return ""

    return NAME.sub(one, text)


def shown(value: object) -> str:
    """Return a value as a person reads it."""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


def clipped(text: str, clip: int | None) -> str:
    """Return the text, cut to so many characters with an ellipsis."""
    return text if clip is None or len(text) <= clip else text[: clip - 1].rstrip() + "…"


def _flow(library: Library, name: str) -> Flow:
    flow = library.flows.get(name)
    if flow is None:
        raise LostStep(f"there is no flow {name}")
    return flow


def _open_step(library: Library, session: Session) -> Step | None:
    frame = session.top
    flow = library.flows.get(frame.flow) if frame else None
    return flow.step(frame.step) if frame and flow else None


def _question(library: Library, frame: Frame) -> Question:
    step = _flow(library, frame.flow).step(frame.step)
    if step is None or isinstance(step, Say | Run):
        raise LostStep(f"{frame.flow} has no question {frame.step}")
    return step


def _lies_on(rank: Rank, below: Rank) -> bool:
    """Whether a flow may interrupt another and go back to it."""
    return below != "aside" and (rank == "aside" or _RANKS[rank] > _RANKS[below])


def _merged(frames: Iterable[Frame]) -> Frame:
    """Return a flow with what the flows visited on its behalf were answered."""
    host, *guests = frames
    for guest in guests:
        host = replace(
            host,
            answers={**host.answers, **guest.answers},
            shown={**host.shown, **guest.shown},
        )
    return host


class _Machine:
    """One move: the session as it changes and the effects so far."""

    __slots__ = ("_drawn", "facts", "hops", "library", "out", "session")

    def __init__(self, library: Library, session: Session, facts: Mapping[str, str]) -> None:
        self.library = library
        self.session = session
        self.facts = facts
        self.hops = 0
        self.out: list[Effect] = []
        self._drawn: tuple[Frame, dict[str, str]] | None = None

    @property
    def frame(self) -> Frame:
        if self.session.top is None:
            raise LostStep("nothing is open")
        return self.session.top

    @frame.setter
    def frame(self, frame: Frame) -> None:
        self.session = self.session.with_top(frame)

    # --- the stack ---

    def open(self, name: str, values: Mapping[str, Any]) -> None:
        self.clear_way(name)
        first = _flow(self.library, name).first
        how: How = "interrupting" if self.session.frames else "opened"
        self.push(Frame(name, first, values=values, how=how))
        self.walk(first)

    def clear_way(self, name: str) -> None:
        """Close what has to give way to the flow; stop at what it may lie down on.

        A flow at rest has what it needs: nobody has to be led back to it.
        """
        rank = _flow(self.library, name).rank
        while self.session.frames:
            if at_rest(self.library, self.session):
                self.drop()
                continue
            base = self.session.base
            below = self.library.flows.get(base.flow) if base else None
            if below is not None and below.id != name and _lies_on(rank, below.rank):
                return
            self.drop()

    def push(self, frame: Frame) -> None:
        frames = (*self.session.frames, frame)
        if len(frames) > DEPTH:
            last = 1
            while frames[last].how == "visited" and frames[last] is not frame:
                last += 1
            self.out.append(Closed(_merged(frames[:last]), finished=False))
            frames = frames[last:]
        self.session = replace(self.session, frames=frames)

    def pop(self) -> Frame:
        frame = self.frame
        self.session = replace(self.session, frames=self.session.frames[:-1])
        return frame

    def drop(self) -> None:
        """Close what is on top unfinished, together with the flows visiting on its behalf."""
        closing = [self.pop()]
        while closing[0].how == "visited" and self.session.frames:
            closing.insert(0, self.pop())
        self.out.append(Closed(_merged(closing), finished=False))

    def surface(self) -> None:
        """Go back to the question that was interrupted, if one was and is still there."""
        while self.session.frames:
            try:
                self.pose(self.library.phrases.say["back_to"] + "\n")
            except LostStep:  # what lies on top was finished; that must not be lost with it
                self.drop()
            else:
                return

    # --- walking ---

    def walk(self, target: str, lead: str = "") -> None:
        """Go from step to step until a question waits, a function is due or nothing is open."""
        while self.hops < HOPS:
            self.hops += 1
            if lead and target.startswith(FLOW):
                lead = self._say(lead)
            if target.startswith(FLOW):
                self._go_over(target.removeprefix(FLOW))
                return
            if target == END:
                guest = self.pop()
                over = guest.how != "visited" or not self.session.frames
                if over:
                    lead = self._say(lead)
                self.out.append(Closed(guest, finished=True))
                if over:
                    self.surface()
                    return
                self.frame = _merged((self.frame, guest))
                target = guest.resume
                continue
            frame = self.frame = replace(self.frame, step=target, picked=())
            match _flow(self.library, frame.flow).step(target):
                case None:
                    raise LostStep(f"{frame.flow} has no step {target}")
                case Say() as step:
                    clip = None if step.long else CLIP
                    self.out.append(Tell(lead + fill(step.text, frame, self.facts, clip=clip)))
                    lead, target = "", step.next
                case Run() as step:
                    self._say(lead)
                    self.out.append(Do(step.run))
                    return
                case _:
                    self.pose(lead)
                    return
        raise LostStep(f"{self.frame.flow} runs in a circle at {target}")

    def _say(self, lead: str) -> str:
        """Say by itself what no text was left to say it with."""
        if lead:
            self.out.append(Tell(lead.rstrip()))
        return ""

    def _go_over(self, name: str) -> None:
        """Close this flow and open another with what it takes from this one."""
        last = self.pop()
        self.out.append(Closed(last, finished=True))
        known = {**last.answers, **last.values}
        self.open(name, {k: known[k] for k in _flow(self.library, name).takes if k in known})

    def pose(self, lead: str = "") -> None:
        step = _question(self.library, self.frame)
        self.session = replace(self.session, turn=self.session.turn + 1)
        clip = None if isinstance(step, Choose) and step.long else CLIP
        text = lead + fill(step.text, self.frame, self.facts, clip=clip)
        self.out.append(Pose(text, rows(step, self.frame, self.library), self._copied(step)))

    def _copied(self, step: Question) -> str:
        """Return what the question offers to the clipboard."""
        if not isinstance(step, Choose) or step.copy_of is None:
            return ""
        return shown({**self.frame.answers, **self.frame.values}.get(step.copy_of))

    def returned(self, given: Returned) -> None:
        frame = self.frame
        step = _flow(self.library, frame.flow).step(frame.step)
        if not isinstance(step, Run):
            raise LostStep(f"{frame.flow} runs nothing at {frame.step}")
        if given.refused:
            frame = self._unanswered(frame)
        self.frame = replace(
            frame,
            answers={**frame.answers, **given.answers},
            values={**frame.values, **given.values},
        )
        if given.settled:
            self._settle()
        goto = given.goto
        if goto is not None and not goto.startswith(FLOW):
            goto = step.goto.get(goto)
        target = goto or step.next
        if target is None:
            raise LostStep(f"{frame.flow}.{frame.step} has no way on for {given.goto}")
        self.walk(target)

    def _unanswered(self, frame: Frame) -> Frame:
        """Take the last answer out."""
        last = _flow(self.library, frame.flow).step(frame.trail[-1]) if frame.trail else None
        if not isinstance(last, Question):
            return frame
        answers = {name: said for name, said in frame.answers.items() if name != last.save}
        reads = {name: label for name, label in frame.shown.items() if name != last.save}
        return replace(frame, answers=answers, shown=reads)

    def _settle(self) -> None:
        """Forget the way here, and that of the flows on whose behalf this one is open."""
        frames = list(self.session.frames)
        for at in range(len(frames) - 1, -1, -1):
            frames[at] = replace(frames[at], trail=())
            if frames[at].how != "visited":
                break
        self.session = replace(self.session, frames=tuple(frames))

    def rang(self) -> None:
        step = _question(self.library, self.frame)
        if not isinstance(step, Pause):
            raise LostStep(f"{self.frame.flow}.{self.frame.step} waits for no timer")
        self.out.append(Chosen(""))
        self.walk(step.rings)

    # --- answers ---

    def typed(self, text: str) -> None:
        step = _question(self.library, self.frame)
        phrases = self.library.phrases
        word = plain(text)
        if (label := self._labelled(step, word)) is not None:
            self.tapped(label)
        elif (words := self._copied(step)) and word == plain(phrases.say["copy"]):
            # Typing reaches no clipboard: the words come alone, to be held and copied.
            self.out.append(Chosen(""))
            self.out.append(Tell(html.escape(words, quote=False)))
            self.pose()
        elif word in phrases.back:
            self.back()
        elif word in phrases.stop:
            self.out.append(Chosen(""))
            self.drop()
            self.surface()
        elif (value := self._valued(step, text)) is not None:
            self.tapped(value)
        elif word in phrases.skip or (self._shrugs(text) and not isinstance(step, Ask)):
            self._skipped(step, text)
        else:
            self._own_words(step, text)

    def _labelled(self, step: Question, word: str) -> str | None:
        """Return the value of the button whose label was typed."""
        labels = self._typeable(step)
        return next((value for value, label in labels.items() if word == plain(label)), None)

    def _valued(self, step: Question, text: str) -> str | None:
        """Return the value of a button, if that was typed."""
        value = text.strip().casefold()
        return next((v for v in self._typeable(step) if v.casefold() == value), None)

    def _typeable(self, step: Question) -> dict[str, str]:
        """Return the buttons that one typed word stands for.

        Toggles are typed as a list, and a number is read as one: -3 is not the button 3.
        """
        labels = self._labels(step)
        match step:
            case ChooseMany():
                moves = {DONE, *_moves(step)}
                return {value: label for value, label in labels.items() if value in moves}
            case Scale():
                return {value: label for value, label in labels.items() if not value.isdigit()}
            case _:
                return labels

    def _shrugs(self, text: str) -> bool:
        shrugs = self.library.phrases.shrugs
        return plain(text) in shrugs or text.strip() in shrugs

    def _skipped(self, step: Question, text: str) -> None:
        if self.frame.picked:
            self.tapped(DONE)  # what was ticked before is the answer
            return
        if step.must:
            self.out.append(Refused("must", text))
            return
        self.out.append(Chosen(""))
        self._advance(shrug=self._shrugs(text))

    def _own_words(self, step: Question, text: str) -> None:
        match step:
            case Ask() if len(text) > step.most:
                self.out.append(Refused("too_long", text))
            case Ask():
                self.out.append(Chosen(""))
                self._advance(save=text, shrug=self._shrugs(text))
            case Scale():
                value = self._number(text)
                if value is None or str(value) not in self._labels(step):
                    self.out.append(Refused("scale" if value is None else "range", text))
                else:
                    self.tapped(str(value))
            case Choose(free=True):
                self.out.append(Chosen(""))
                self._advance(save=text)
            case ChooseMany():
                self._typed_many(step, text)
            case _:
                self.out.append(Refused("buttons", text))

    def _number(self, text: str) -> int | None:
        """Read a strength out of ``7``, ``7/10``, ``about 7`` or ``seven``; None if not one."""
        phrases = self.library.phrases
        if len(text) > CLIP:
            return None
        digits = _NUMBER.findall(text)
        words = plain(text).split()
        named = [phrases.numbers[word] for word in words if word in phrases.numbers]
        if len(digits) + len(named) != 1:
            return None
        if digits:
            return int(digits[0]) if _WHOLE.fullmatch(digits[0]) else None
        return named[0] if len(words) <= _FEW and phrases.shrugs.isdisjoint(words) else None

    def _typed_many(self, step: ChooseMany, text: str) -> None:
        labels = self._labels(step)
        toggles = {v: label for v, label in labels.items() if v not in {DONE, *_moves(step)}}
        by_word = {value.casefold(): value for value in toggles}
        by_word |= {plain(label): value for value, label in toggles.items()}
        by_word[plain(labels[DONE])] = ""  # said at the end of a list, it adds nothing
        parts = [text] if plain(text) in by_word else re.split(r"[,;\n]", text)
        found = [by_word.get(plain(part)) for part in parts if part.strip()]
        picked = list(self.frame.picked)
        if found and None not in found:
            picked += [value for value in dict.fromkeys(found) if value and value not in picked]
        elif step.free:
            picked.append(text)  # own words stay whole, commas and all
        else:
            self.out.append(Refused("buttons", text))
            return
        self.out.append(Chosen(""))
        self._pick(picked, labels)

    def tapped(self, value: str) -> None:
        step = _question(self.library, self.frame)
        labels = self._labels(step)
        if value not in labels:
            raise LostStep(f"{self.frame.flow}.{self.frame.step} has no button {value}")
        option = next((o for o in step.options if o.value == value), None)
        if isinstance(step, ChooseMany) and (option is None or option.answer):
            if value == DONE and step.must and not self.frame.picked:
                self.out.append(Refused("must", ""))
            elif value == DONE:
                picked = self.frame.picked
                self.out.append(
                    Chosen(", ".join(labels.get(v, v) for v in picked) or labels[value])
                )
                self._pick(list(picked), labels)
            else:
                self._toggle(step, value)
            return
        self.out.append(Chosen(labels[value]))
        if isinstance(step, Scale):
            self._measured(step, value, labels[value], option)
        elif option is None and value == SKIP:
            self._advance()
        else:
            save = value if option is None or option.answer else None
            self._advance(save=save, reads=labels[value], option=option)

    def _toggle(self, step: ChooseMany, value: str) -> None:
        before = self.frame.picked
        after = tuple(item for item in before if item != value)
        self.frame = replace(self.frame, picked=after if after != before else (*before, value))
        self.out.append(Redraw(rows(step, self.frame, self.library)))

    def _pick(self, picked: list[str], labels: Mapping[str, str]) -> None:
        reads = ", ".join(labels.get(value, value) for value in picked)
        self._advance(save=picked or None, reads=reads)

    def _measured(self, step: Scale, value: str, label: str, option: Option | None) -> None:
        if value in {NUMB, UNKNOWN}:
            self._advance(save=value, reads=label.lower(), option=option)
        elif option is not None:
            self._advance(option=option)  # a word among numbers is a way out, no strength
        else:
            number = int(value)
            span = next((r for r in step.ranges if r.least <= number <= r.most), None)
            self._advance(save=number, target=span.next if span else None)

    def _advance(
        self,
        *,
        save: object = None,
        reads: str = "",
        option: Option | None = None,
        target: str | None = None,
        shrug: bool = False,
    ) -> None:
        """Save the answer, remember the way and go on."""
        frame = self.frame
        flow = _flow(self.library, frame.flow)
        step = _question(self.library, frame)
        answers, labels = dict(frame.answers), dict(frame.shown)
        values = dict(frame.values)
        if step.save and save is not None:
            if values.pop(HELD, None) == step.save and isinstance(save, str):
                save = f"{answers[step.save]}\n{save}"  # what was held is part of the answer
            answers[step.save] = save
            labels.pop(step.save, None)
            if reads and reads != save:
                labels[step.save] = reads
        shrugs = frame.shrugs + 1 if shrug else 0
        target = target or (option.next if option else None) or step.next
        if shrugs > 1 and flow.close and flow.close != frame.step:
            target, shrugs = flow.close, 0
        if target is None:
            raise LostStep(f"{frame.flow}.{frame.step} has no way on")
        self.frame = replace(
            frame,
            answers=answers,
            shown=labels,
            values=values,
            picked=(),
            trail=(*frame.trail, frame.step),
            shrugs=shrugs,
        )
        if option is not None and option.visit is not None:
            visited = _flow(self.library, option.visit)
            self.push(Frame(visited.id, visited.first, how="visited", resume=target))
            target = visited.first
        self.walk(target, self.library.phrases.say["ok"] + " " if shrug else "")

    def back(self) -> None:
        frame = self.frame
        below = self.session.frames[-2] if len(self.session.frames) > 1 else None
        flow = _flow(self.library, frame.flow)
        trail = [name for name in frame.trail if isinstance(flow.step(name), Question)]
        if trail:
            step = trail.pop()
            self.frame = replace(frame, step=step, trail=tuple(trail), picked=(), shrugs=0)
        elif frame.how == "visited" and below is not None and below.trail:
            self.pop()
            self.frame = replace(self.frame, trail=self.frame.trail[:-1])
        else:
            self.out.append(Refused("first", ""))
            return
        self.out.append(Chosen(""))
        self.pose()

    def _labels(self, step: Question) -> dict[str, str]:
        """Return the buttons as value to label, without the ticks of what is chosen."""
        # One move asks several times, and what is drawn changes only with the frame.
        if self._drawn is None or self._drawn[0] is not self.frame:
            drawn = rows(step, self.frame, self.library)
            labels = {value: label.removeprefix(TICK) for row in drawn for label, value in row}
            self._drawn = self.frame, labels
        return self._drawn[1]


_MARKS = re.compile(r"[^\w\s]+")


def plain(text: str) -> str:
    """Return words as they are compared: lower case, one space, no marks around them.

    What is only marks stays itself, once: ``??`` is ``?``, and one emoji is not another.
    """
    bare = text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "").replace("'", "")
    words = " ".join(_MARKS.sub(" ", bare).split())
    return words or re.sub(r"(.)\1+", r"\1", "".join(text.split()))


_NUMBER = re.compile(r"([-\N{MINUS SIGN}]?\d+(?:[.,]\d+)*)(?:\s*/\s*10(?![\d.,]*\d))?")
_WHOLE = re.compile(r"\d{1,4}")
_FEW = 3
"""Words around a number word: ``about seven`` is one, ``not one of them cares`` is not."""


# --- buttons ---------------------------------------------------------------------------------

TICK = "✓ "


def _moves(step: ChooseMany) -> list[str]:
    """Return the values of the buttons that only move on."""
    return [option.value for option in step.options if not option.answer]


def rows(step: Question, frame: Frame, library: Library) -> Rows:
    """Lay the question's buttons out in rows that fit a phone."""
    say = library.phrases.say
    pairs = [(option.text, option.value) for option in step.options]
    match step:
        case Scale():
            numbers = [(str(n), str(n)) for n in range(11)]
            # A step may send numb or can't tell somewhere of its own; they stay where they are.
            own = {NUMB: say["numb"], UNKNOWN: say["unknown"]}
            own.update({value: text for text, value in pairs if value in own})
            rest = [pair for pair in pairs if pair[1] not in own]
            measured = [(text, value) for value, text in own.items()]
            return (tuple(numbers[:6]), tuple(numbers[6:]), *pack([*measured, *rest]))
        case Ask():
            if not step.must and not pairs:
                pairs = [(say["skip"], SKIP)]
        case Choose():
            pairs = _offered(step.offer, frame) + pairs
            if not step.must and not pairs:
                pairs = [(say["skip"], SKIP)]
        case ChooseMany():
            every = _offered(step.offer, frame) + pairs
            moves = [pair for pair in every if pair[1] in _moves(step)]
            ticked = [
                (TICK + text if value in frame.picked else text, value)
                for text, value in every
                if (text, value) not in moves
            ]
            return (*pack(ticked), *pack([*moves, (step.done, DONE)]))
    return pack(pairs)


def _offered(name: str | None, frame: Frame) -> list[tuple[str, str]]:
    items: Iterable[Any] = frame.values.get(name, ()) if name else ()
    return [(clipped(str(item["text"]), 40), str(item["value"])) for item in items]


def pack(pairs: Iterable[tuple[str, str]]) -> Rows:
    """Lay buttons into rows, in order, as many as fit; those of a row are equally wide."""
    packed: list[list[tuple[str, str]]] = []
    for pair in pairs:
        row = [*packed[-1], pair] if packed else [pair]
        if packed and max(len(label) for label, _ in row) <= WIDTHS.get(len(row), 0):
            packed[-1] = row
        else:
            packed.append([pair])
    return tuple(tuple(row) for row in packed)
