"""Run by tests as a process of its own: the stand-in with numbers too large to occur by chance."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from bot.clock import ShiftedClock
from bot.local.guest import Guest
from bot.local.server import build, serve
from bot.local.standin import Standin

PERSON = 7_234_567_890_123
MESSAGE = 812_345_678_901_234


class Far(Standin):
    """Telegram as it may be one day: every number needs more than forty bits."""

    def join(self, name: str, *, language_code: str = "en") -> Guest:
        guest = super().join(name, language_code=language_code)
        chat = self.chats.pop(guest.id)
        number = PERSON + 1_000_003 * len(self.chats)
        chat.face["id"] = number
        if chat.user is not None:
            chat.user["id"] = number
        self.chats[number] = chat
        return guest


async def main(clock: Path, token: str) -> None:
    shifted = ShiftedClock(clock)
    standin = Far(shifted, token=token)
    standin.next_message = MESSAGE
    server = serve(build(standin, skip=shifted.skip, control=True))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.leave)
    sys.stdout.write(json.dumps({"port": server.port}) + "\n")
    sys.stdout.flush()
    await server.serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--port", "--token", "--clock"):
        parser.add_argument(name)
    parser.add_argument("--control", action="store_true")
    told = parser.parse_args()
    asyncio.run(main(Path(told.clock), told.token))
