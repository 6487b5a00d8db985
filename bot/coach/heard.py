"""What can be heard from Telegram, in the coach's own words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Typed:
    """A text message."""

    text: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Tapped:
    """An inline button; ``data`` is what the keyboard carried."""

    data: str
    callback_id: str
    message_id: int | None


@dataclass(frozen=True, slots=True)
class Edited:
    """A text or caption the person changed after sending it."""

    text: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is not text; ``kind`` is Telegram's word for it, a caption may come along."""

    kind: str
    message_id: int
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file sent by the person: an export to take in, or nothing the bot can read."""

    file_id: str
    name: str
    size: int
    message_id: int
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """The person blocked the bot."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The person unblocked the bot."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A group or a channel: not a place for this bot. ``speaks``: it was asked something there."""

    can_write: bool


What = Typed | Tapped | Edited | Unreadable | Document | Left | Returned | Elsewhere


@dataclass(frozen=True, slots=True)
class Heard:
    """One update, understood: where it came from and what it was.

    ``sender`` is the Telegram id of who wrote; in a private chat it equals ``chat``.
    ``sent_at`` is Telegram's own time of the message in unix seconds, None where it has none.
    """

    number: int
    """The inbox's own number of arrival."""
    chat: int
    sender: int
    what: What
    sent_at: int | None = None
    language: str | None = None
    attempts: int = 1
    """How often this update was tried, this time included."""
