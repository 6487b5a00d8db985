"""A call's parameters, read as leniently and as strictly as Telegram reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.local import entities
from bot.local.refusal import Refusal

JSON = dict[str, Any]

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LONGEST_DATA = 64
LONGEST_COPY = 256
MOST_BUTTONS = 100
ACTIONS = (
    "callback_data",
    "url",
    "copy_text",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "callback_game",
    "pay",
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a call."""

    name: str
    content: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Params:
    """The values of one call; a form sends all of them as text, JSON sends them typed."""

    values: JSON
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Read a text."""
        value = self.values.get(name, default)
        if isinstance(value, str):
            return value
        if value is None:
            return default
        if isinstance(value, (dict, list, bool)):
            raise Refusal(f'field "{name}" must be of type String')
        return str(value)

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Read a whole number, or nothing when it is not there."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str):
            try:
                return int(value)
            except ValueError:
                pass
        raise Refusal(f'field "{name}" must be a Number')

    def boolean(self, name: str) -> bool:
        """Read a yes or no; what is not there is no."""
        match self.values.get(name):
            case None | False | "" | "false" | "False" | "0" | "no" | 0:
                return False
            case True | "true" | "True" | "1" | "yes" | 1:
                return True
            case _:
                raise Refusal(f'field "{name}" must be of type Boolean')

    def structure(self, name: str) -> Any:
        """Read a nested value: JSON inside a form, or simply there in a JSON call."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            what = name.replace("_", " ")
            raise Refusal(f"can't parse {what} JSON object") from None

    def formatted(self, name: str, entities_name: str) -> tuple[str, list[JSON]]:
        """Read a text with its formatting."""
        text = self.text(name).replace("\r\n", "\n")
        mode = self.text("parse_mode").lower()
        match mode:
            case "html":
                return entities.read_html(text)
            case "":
                written = self.structure(entities_name)
                return entities.given(text, written) if written else entities.finish(text, [])
            case "markdown" | "markdownv2":
                # Telegram takes these; reading them here would be code that nothing uses.
                raise Refusal("the stand-in reads parse_mode HTML only")
            case _:
                raise Refusal("unsupported parse_mode")

    def message_text(self) -> tuple[str, list[JSON]]:
        """Read a message's text, 1 to 4096 characters after entities are parsed."""
        text, found = self.formatted("text", "entities")
        if not text:
            raise Refusal("message text is empty")
        if entities.length(text) > LONGEST_TEXT:
            raise Refusal("message is too long")
        return text, found

    def caption(self) -> tuple[str, list[JSON]]:
        """Read a caption, up to 1024 characters after entities are parsed."""
        text, found = self.formatted("caption", "caption_entities")
        if entities.length(text) > LONGEST_CAPTION:
            raise Refusal("message caption is too long")
        return text, found

    def markup(self) -> JSON | None:
        """Read a reply markup of any of the four kinds, checked."""
        markup = self.structure("reply_markup")
        if markup is None:
            return None
        if not isinstance(markup, dict):
            raise Refusal("object expected as reply markup")
        if "inline_keyboard" in markup:
            return inline_keyboard(markup)
        if "keyboard" in markup:
            return _reply_keyboard(markup)
        if markup and not ({"remove_keyboard", "force_reply"} & markup.keys()):
            raise Refusal("can't parse reply keyboard markup JSON object")
        return markup or None

    def inline(self) -> JSON | None:
        """Read a reply markup where only an inline keyboard may stand."""
        markup = self.markup()
        if markup is not None and "inline_keyboard" not in markup:
            raise Refusal("inline keyboard expected")
        return markup


def inline_keyboard(markup: JSON) -> JSON:
    """Check an inline keyboard; an empty one means none."""
    rows = _rows(markup, "inline_keyboard")
    count = 0
    for row in rows:
        for button in row:
            _inline_button(button)
            count += 1
    if count > MOST_BUTTONS:
        raise Refusal("REPLY_MARKUP_TOO_LONG")
    return {"inline_keyboard": [row for row in rows if row]}


def _rows(markup: JSON, name: str) -> list[list[Any]]:
    rows = markup[name]
    if not isinstance(rows, list):
        raise Refusal(f'field "{name}" of the {_kind(name)} must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise Refusal(f'field "{name}" of the {_kind(name)} must be an Array of Arrays')
    return rows


def _kind(name: str) -> str:
    return "InlineKeyboardMarkup" if name == "inline_keyboard" else "ReplyKeyboardMarkup"


def _inline_button(button: Any) -> None:
    where = "can't parse inline keyboard button"
    if not isinstance(button, dict):
        raise Refusal(f"{where}: InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise Refusal(f'{where}: Field "text" must be of type String')
    if not text.strip():
        raise Refusal("BUTTON_TEXT_INVALID")
    actions = [name for name in ACTIONS if button.get(name) is not None]
    if not actions:
        raise Refusal(f"{where}: Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise Refusal(f"{where}: exactly one action must be specified")
    _inline_action(actions[0], button[actions[0]])


def _inline_action(name: str, value: Any) -> None:
    match name:
        case "callback_data":
            if not 1 <= len(_button_text(name, value).encode()) <= LONGEST_DATA:
                raise Refusal("BUTTON_DATA_INVALID")
        case "copy_text":
            copied = value.get("text") if isinstance(value, dict) else None
            if not 1 <= entities.length(_button_text(name, copied)) <= LONGEST_COPY:
                raise Refusal("BUTTON_COPY_TEXT_INVALID")
        case "url":
            if not _button_text(name, value).startswith(("http://", "https://", "tg://")):
                raise Refusal(
                    f"inline keyboard button URL '{value}' is invalid: Unsupported URL protocol"
                )


def _button_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Refusal(f'can\'t parse inline keyboard button: Field "{name}" must be of type String')
    return value


def _reply_keyboard(markup: JSON) -> JSON:
    rows = _rows(markup, "keyboard")
    shown: list[list[JSON]] = []
    count = 0
    for row in rows:
        line: list[JSON] = []
        for button in row:
            value = {"text": button} if isinstance(button, str) else button
            if not isinstance(value, dict) or not isinstance(value.get("text"), str):
                raise Refusal("can't parse keyboard button: KeyboardButton must be an Object")
            if not value["text"].strip():
                raise Refusal("BUTTON_TEXT_INVALID")
            line.append(value)
            count += 1
        if line:
            shown.append(line)
    if not shown or count > 3 * MOST_BUTTONS:
        raise Refusal("REPLY_MARKUP_INVALID" if not shown else "REPLY_MARKUP_TOO_LONG")
    return {**markup, "keyboard": shown}
