"""The content that comes with the bot, read once for all tests of a process."""

from __future__ import annotations

import functools

from bot import app
from bot.settings import Settings


@functools.cache
def content() -> app.Content:
    """Return all that is read from the content folder."""
    return app.content(Settings(_env_file=None))
