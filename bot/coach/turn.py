"""One turn while it happens: what is to be said and written, until one transaction takes it all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.coach.calls import Amend, Button, Call, Rows, Say, to_json
from bot.coach.scene import Write
from bot.flows import engine, markup
from bot.flows.model import Library
from bot.flows.session import Session
from bot.store import Lane, Outbound, Person, Tx

_LANES = {"card": Lane.CARD, "moment": Lane.MOMENT}

_EMOJI = re.compile(r" ?[\u2600-\u27bf\U0001f000-\U0001faff]\ufe0f?(?<!✓)")

COPIED = 256
"""Characters that a button can put on the clipboard."""

NOW = "!now"
NOTE = "!note"
"""Values of the buttons that the coach itself adds."""


@dataclass(slots=True)
class Turn:
    """Everything that one input leads to; nothing of it happens before ``write``."""

    person: Person
    session: Session
    library: Library
    now: datetime
    lane: Lane | None = None
    """Set for what the bot says unasked; otherwise the flows' own right of way decides."""
    calls: list[Call] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    toasts: list[str | None] = field(default_factory=list)
    offers: list[tuple[str, str]] = field(default_factory=list)
    """Buttons of the coach's own for the next question: label and value."""
    rank: Lane = Lane.REPLY
    changed: bool = False
    gone: bool = False
    posed: int | None = None
    """Which of the calls asks the open question."""
    lead: str = ""
    """Said first, in the same message as what comes next."""
    silent: bool = False
    """What is said comes without a sound."""

    def tell(self, text: str) -> None:
        """Say something that asks nothing."""
        self.calls.extend(Say(piece) for piece in markup.split(self._led(text)))

    def pose(self, text: str, rows: engine.Rows, copy: str = "") -> None:
        """Ask the open question; its buttons carry the turn's number.

        Telegram's copy button takes so many characters; longer words are copied from the text.
        """
        *before, last = markup.split(self._led(text))
        self.calls.extend(Say(piece) for piece in before)
        extra = engine.pack(self.offers)
        self.offers = []
        self.posed = len(self.calls)
        buttons = self.buttons((*rows, *extra))
        if 0 < markup.units(copy) <= COPIED:
            label = self.library.phrases.say["copy"]
            buttons = ((Button(label, copy=copy),), *buttons)
        self.calls.append(Say(last, buttons))
        asked = {"text": last, "at": self.now.timestamp(), "extra": [list(r) for r in extra]}
        self.session = replace(self.session, asked=asked)

    def redraw(self, rows: engine.Rows, message_id: int | None) -> None:
        """Show the open question with other buttons."""
        extra = tuple(
            tuple((label, value) for label, value in row)
            for row in self.session.asked.get("extra", ())
        )
        row = self.session.asked.get("row")
        self.calls.append(Amend(None, self.buttons((*rows, *extra)), row, message_id))

    def chosen(self, label: str, message_id: int | None) -> None:
        """Take the open question's keyboard away; after a tap, show what was chosen."""
        asked = self.session.asked
        if not asked:
            return
        text = f"{asked['text']}\n→ {markup.escape(label)}" if label else None
        self.calls.append(Amend(text, row=asked.get("row"), message_id=message_id))
        self.session = replace(self.session, asked={})

    def buttons(self, rows: engine.Rows) -> Rows:
        """Return rows of buttons whose data names this session's turn."""
        turn = self.session.turn
        return tuple(
            tuple(Button(label, f"{turn}:{value}") for label, value in row) for row in rows
        )

    @property
    def age(self) -> timedelta:
        """How long the open question has been open."""
        now = self.now.timestamp()
        return timedelta(seconds=now - float(self.session.asked.get("at", now)))

    def change(self, person: Person) -> None:
        """Take what is new about the person, to be kept at the end."""
        self.person = person
        self.changed = True

    def touch(self, flow: str | None) -> None:
        """Remember that a flow took part: the most urgent one decides the lane."""
        known = self.library.flows.get(flow) if flow else None
        if known is not None:
            self.rank = min(self.rank, _LANES.get(known.rank, Lane.REPLY))

    def write(self, tx: Tx) -> list[Outbound]:
        """Write all of it; runs inside the turn's one transaction."""
        for write in self.writes:
            write(tx)
        owner = None if self.gone else self.person.id
        if self.changed and not self.gone:
            tx.save_person(self.person)
        lane = self.lane or self.rank
        rows = [
            tx.queue(owner, self.person.chat, lane, to_json(self._voiced(call)), now=self.now)
            for call in self.calls
        ]
        if not self.gone:
            if self.posed is not None and self.session.asked:
                asked = {**self.session.asked, "row": rows[self.posed].id}
                self.session = replace(self.session, asked=asked)
            tx.save_session(self.person.id, self.session.to_json(), self.now)
        return rows

    def _voiced(self, call: Call) -> Call:
        return replace(call, silent=True) if self.silent and isinstance(call, Say) else call

    def _led(self, text: str) -> str:
        lead, self.lead = self.lead, ""
        return self._plain(f"{lead}\n{text}" if lead else text)

    def _plain(self, text: str) -> str:
        return text if self.person.emoji else _EMOJI.sub("", text)
