"""Run by tests as a process of its own: the bot with every logger saying all it has to say."""

from __future__ import annotations

import asyncio
import logging

from bot import app, log
from bot.settings import read_settings

if __name__ == "__main__":
    log.set_up()
    logging.getLogger().setLevel(logging.DEBUG)
    for name in (log.ROOM, *log.QUIET):
        logging.getLogger(name).setLevel(logging.DEBUG)
    asyncio.run(app.run(read_settings()))
