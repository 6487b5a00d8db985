"""What a practice for the body is: a few lines, cautions, and a wording for after dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["breath", "outward", "contact", "move", "notice"]
"""Breath and noticing turn inward; outward and move never do, contact is in between."""


class Practice(BaseModel):
    """One practice, as its file has it; the file's name is its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1, max_length=28)
    kind: Kind
    order: int = Field(ge=1)
    """The gentlest comes first, as long as nothing is known of what helps this person."""
    text: str = Field(min_length=1)
    after_dark: str = ""
    """The same for the evening and the night, where it differs."""
    caution: str = ""
    moving: str = ""
    """The name of its moving picture."""
    moving_text: str = ""
    """What it says beside the picture."""

    def lines(self, *, dark: bool = False, pictures: bool = True) -> str:
        """Return what is said, cautions last."""
        said = self.after_dark if dark and self.after_dark else self.text
        if self.moving and pictures:
            said = self.moving_text
        return f"{said}\n{self.caution}" if self.caution else said


def practices(texts: Mapping[str, Mapping[str, object]]) -> dict[str, Practice]:
    """Return the practices of a library's texts, the gentlest first."""
    found = [
        Practice.model_validate({"name": name, **data})
        for name, data in texts.get("practices", {}).items()
        if isinstance(data, dict)
    ]
    return {practice.name: practice for practice in sorted(found, key=lambda one: one.order)}
