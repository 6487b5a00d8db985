"""What the coach asks the outbox to do; each call is one row, kept as JSON until delivered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button: ``data`` comes back when tapped, ``copy`` goes to the clipboard."""

    text: str
    data: str | None = None
    copy: str | None = None


Rows = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Say:
    """Send a message. ``keyboard``: the reply keyboard's rows, None to leave it as it is."""

    text: str
    """Telegram HTML."""
    buttons: Rows = ()
    keyboard: tuple[tuple[str, ...], ...] | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a message sent earlier: its text (None: as it is) and its buttons (none: gone).

    The message is named by the outbox row that sent it, or by its id where that is known.
    """

    text: str | None
    buttons: Rows = ()
    row: str | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete messages, the person's own included (Telegram allows it for 48 hours).

    ``done`` or ``failed`` is said afterwards, as it really went; nothing where they are empty.
    """

    message_ids: tuple[int, ...]
    done: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Attach:
    """Send a file made at send time: ``render`` names the maker, ``fields`` is what it needs."""

    render: str
    fields: dict[str, Any]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Animate:
    """Send one of the house's own moving pictures, by its name."""

    name: str
    silent: bool = False


Call = Say | Amend | Remove | Attach | Animate

_KINDS: dict[str, type[Any]] = {
    "say": Say,
    "amend": Amend,
    "remove": Remove,
    "attach": Attach,
    "animate": Animate,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _NAMES}


def to_json(call: Call) -> dict[str, Any]:
    """Return the call as the JSON the store seals."""
    # Not ``asdict``: it copies everything deeply, at every turn, for nothing here to share.
    value: dict[str, Any] = {"kind": _NAMES[type(call)]}
    value |= {name: getattr(call, name) for name in _FIELDS[type(call)]}
    if isinstance(call, Say | Amend):
        value["buttons"] = [
            [{"text": one.text, "data": one.data, "copy": one.copy} for one in row]
            for row in call.buttons
        ]
    return value


def from_json(value: dict[str, Any]) -> Call:
    """Read a call back; raises KeyError or TypeError for JSON no version wrote."""
    fields = dict(value)
    kind = _KINDS[fields.pop("kind")]
    if "buttons" in fields:
        fields["buttons"] = tuple(
            tuple(Button(**button) for button in row) for row in fields["buttons"]
        )
    if fields.get("keyboard") is not None:
        fields["keyboard"] = tuple(tuple(row) for row in fields["keyboard"])
    if "message_ids" in fields:
        fields["message_ids"] = tuple(fields["message_ids"])
    call: Call = kind(**fields)
    return call
