"""What Telegram says when it refuses a call: a status, a description, sometimes parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES = {400: "Bad Request", 403: "Forbidden", 409: "Conflict"}


class Refusal(Exception):  # noqa: N818 - it is an answer in Telegram's own words, not a fault
    """A call refused; the server turns it into Telegram's error object."""

    def __init__(
        self, description: str, *, status: int = 400, parameters: Mapping[str, Any] | None = None
    ) -> None:
        title = TITLES.get(status)
        self.status = status
        self.description = f"{title}: {description}" if title else description
        self.parameters = dict(parameters) if parameters else None
        super().__init__(self.description)
