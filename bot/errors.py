"""The kinds of error there are; whatever is none of these is met with a calm apology."""

from __future__ import annotations


class ContentError(Exception):
    """A content file has a mistake; the sentence tells its author where and what to do."""


class RefusedAnswer(Exception):  # noqa: N818 - it is an answer to the person, not a fault
    """An answer does not fit the open question; the sentence is shown to the person."""


class LostStep(Exception):  # noqa: N818 - names what happened, as the design does
    """A session points to a step that the content no longer has."""


class TelegramTrouble(Exception):  # noqa: N818 - names what happened, as the design does
    """Telegram refused or could not be reached."""


class Misconfigured(Exception):  # noqa: N818 - the person to act is the operator
    """The bot cannot start as it is set up; one sentence for the operator, exit code 78."""
