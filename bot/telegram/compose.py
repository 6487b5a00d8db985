"""A call of the coach's in Telegram's words: parameters and keyboards; pure."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bot.coach.calls import Amend, Animate, Button, Rows, Say

Parameters = dict[str, Any]

_NO_PREVIEW: Final = {"is_disabled": True}
_TAG: Final = re.compile(r"<[^<>]*>")


def message(chat: int, say: Say) -> Parameters:
    """Return the parameters of sendMessage."""
    parameters: Parameters = {
        "chat_id": chat,
        "text": say.text,
        "parse_mode": "HTML",
        "link_preview_options": _NO_PREVIEW,
    }
    if say.silent:
        parameters["disable_notification"] = True
    if say.buttons:  # a message carries one kind of keyboard, and these belong to its words
        parameters["reply_markup"] = inline(say.buttons)
    elif say.keyboard is not None:
        parameters["reply_markup"] = reply(say.keyboard)
    return parameters


def animation(chat: int, animate: Animate) -> Parameters:
    """Return the parameters of sendAnimation, the picture itself aside."""
    silent = {"disable_notification": True} if animate.silent else {}
    return {"chat_id": chat, **silent}


def amendment(chat: int, message_id: int, amend: Amend) -> tuple[str, Parameters]:
    """Return the method and its parameters; buttons that are not named go away."""
    parameters: Parameters = {"chat_id": chat, "message_id": message_id}
    if amend.buttons:
        parameters["reply_markup"] = inline(amend.buttons)
    if amend.text is None:
        return "editMessageReplyMarkup", parameters
    parameters["text"] = amend.text
    parameters["parse_mode"] = "HTML"
    parameters["link_preview_options"] = _NO_PREVIEW
    return "editMessageText", parameters


def plain(parameters: Parameters) -> Parameters:
    """Return the same call without markup, for a text whose markup Telegram does not take."""
    rest = {key: value for key, value in parameters.items() if key != "parse_mode"}
    for key in ("text", "caption"):
        if key in rest:
            rest[key] = html.unescape(_TAG.sub("", rest[key]))
    return rest


def inline(rows: Rows) -> dict[str, Any]:
    """Return an inline keyboard."""
    return {"inline_keyboard": [[_button(button) for button in row] for row in rows]}


def reply(rows: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """Return a reply keyboard; no rows take the present one away."""
    if not rows:
        return {"remove_keyboard": True}
    return {
        "keyboard": [[{"text": text} for text in row] for row in rows],
        "resize_keyboard": True,
        "is_persistent": True,
    }


def _button(button: Button) -> dict[str, Any]:
    if button.copy is not None:
        return {"text": button.text, "copy_text": {"text": button.copy}}
    return {"text": button.text, "callback_data": button.data or ""}
