"""What both bare bots say, so that each of their calls is as big as ours on average."""

from __future__ import annotations

import os

TOKEN = os.environ.get("BENCH_TOKEN", "")
ROOT = os.environ.get("BENCH_ROOT", "")
"""Where the Bot API is."""

QUESTION = "Kept. What else belongs to it? Tap one, or type it."
BUTTONS = (
    ("Add body", "Add the story"),
    ("Add the urge", "With whom"),
    ("What came after", "That's all"),
)
"""Six, which is what our questions have on average in the same conversation."""


def chosen(label: str) -> str:
    """Return the text of a question whose button was tapped."""
    return f"{QUESTION}\n\n→ {label}"


LABEL = 20
"""Characters that a typed label has at most."""


def is_label(text: str) -> bool:
    """Whether a typed text stands for a button: ours then shows it as chosen, as after a tap."""
    return len(text) <= LABEL
