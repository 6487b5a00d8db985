"""What people see of the bot before they write: its description and its menu of commands."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from telegram.error import InvalidToken, TelegramError

from bot.telegram import client

if TYPE_CHECKING:
    from collections.abc import Iterable

    import telegram

    from bot.store import Store

log = logging.getLogger(__name__)

_META: Final = "face"


@dataclass(frozen=True, slots=True)
class Face:
    """The bot's face in one language; the name stays the operator's, as @BotFather has it."""

    description: str
    """Shown in the empty chat before the first message."""
    short_description: str
    """Shown on the profile."""
    commands: tuple[tuple[str, str], ...]
    """Name without the slash, and what it is for."""
    language: str = ""
    """ISO 639-1; empty for everyone whose language has no face of its own."""


async def put_on(bot: telegram.Bot, store: Store, faces: Iterable[Face]) -> bool:
    """Show these faces if they changed since last time; return whether Telegram has them.

    A bot without a fresh face still helps, so a failure is only written down, and the next start
    tries again.
    """
    faces = tuple(faces)
    told = json.dumps([asdict(face) for face in faces], sort_keys=True)
    digest = hashlib.sha256(f"{bot.token.partition(':')[0]} {told}".encode()).hexdigest()
    try:
        if await store.read(lambda tx: tx.meta(_META)) == digest:
            return True
        for face in faces:
            for method, fields in _calls(face):
                await client.call(bot, method, fields)
        await store.write(lambda tx: tx.set_meta(_META, digest))
    except InvalidToken:
        log.debug("Telegram does not know the token; whoever asks for updates says so.")
    except TelegramError as error:
        log.warning("The bot's description and menu could not be set: %s", error)
    except Exception as error:  # noqa: BLE001 - nothing about its face may stop the bot
        log.warning("The bot's face could not be kept (%s).", type(error).__name__)
    else:
        return True
    return False


def _calls(face: Face) -> list[tuple[str, dict[str, Any]]]:
    language = {"language_code": face.language} if face.language else {}
    menu = [{"command": name, "description": what} for name, what in face.commands]
    return [
        ("setMyDescription", {"description": face.description, **language}),
        ("setMyShortDescription", {"short_description": face.short_description, **language}),
        (
            "setMyCommands",
            {"commands": menu, "scope": {"type": "all_private_chats"}, **language},
        ),
    ]
