"""Run by tests as a process of its own: the bot with every logger saying all it has to say.

It has a window: who asks there where someone is gets an answer when the bot has nothing left to do.
"""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio import StreamReader, StreamWriter
from pathlib import Path

from bot import app, log, loop
from bot.app import Running
from bot.flows.session import Session
from bot.settings import read_settings

PORT = Path("window")
"""Where the window's number is written, in the bot's own folder."""


async def main() -> None:
    settings = read_settings()
    with app._until_told() as told:
        async with app.running(settings, app.content(settings), app.clock(), burst=10_000) as house:

            async def answer(reader: StreamReader, writer: StreamWriter) -> None:
                while line := await reader.readline():
                    place = await where(house, int(line))
                    writer.write(json.dumps(place).encode() + b"\n")
                writer.close()

            window = await asyncio.start_server(answer, "127.0.0.1", 0)
            PORT.write_text(str(window.sockets[0].getsockname()[1]), encoding="ascii")
            await told.wait()
            window.close()


async def where(house: Running, who: int) -> str | None:
    """Let what is due come, and return the question that is open then."""
    await house.settled()
    for _ in range(2):  # the second ring is for what the first one planned anew
        await house.ring()
        await house.settled()
    loaded = await house.store.read(lambda tx: tx.load(who))
    top = Session.from_json((loaded and loaded[1]) or {}).top
    return f"{top.flow}.{top.step}" if top else None


if __name__ == "__main__":
    log.set_up()
    logging.getLogger().setLevel(logging.DEBUG)
    for name in (log.ROOM, *log.QUIET):
        logging.getLogger(name).setLevel(logging.DEBUG)
    loop.run(main())
