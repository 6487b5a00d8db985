"""The Bot API's methods, each with the refusals that Telegram has for it."""

# ruff: noqa: D103 - each function is named after the method of the Bot API that it answers

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.local import pictures
from bot.local.entities import length
from bot.local.params import Params, Upload
from bot.local.refusal import Refusal
from bot.local.standin import TAP_OPEN_FOR, TYPING_LASTS, Chat, Post, Standin, Stored, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

    Method = Callable[[Standin, Params], Any]

JSON = dict[str, Any]

DELETE_FOR = 48 * 3600
MOST_UPLOADED = 50 * 1024 * 1024
MOST_PHOTO = 10 * 1024 * 1024
MOST_FETCHED = 20 * 1024 * 1024
MOST_COMMANDS = 100
MOST_DELETED = 100
LONGEST_TOAST = 200
LONGEST_ABOUT = {"name": 64, "description": 512, "short_description": 120}
ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}
SCOPES = {
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
    "chat",
    "chat_administrators",
    "chat_member",
}
LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
COMMAND = re.compile(r"[a-z0-9_]{1,32}")

METHODS: dict[str, Method] = {}
NAMES: dict[str, str] = {}


def call(standin: Standin, method: str, params: Params) -> Any:
    """Answer one call or raise Refusal; the method's name is in lower case."""
    function = METHODS.get(method)
    if function is None:
        raise Refusal("Not Found", status=404)
    try:
        result = function(standin, params)
    except Refusal as error:
        standin.refused(NAMES[method], params, error)
        raise
    standin.accepted(NAMES[method], params)
    return result


def _method(function: Method) -> Method:
    # send_message → sendMessage; callers may write the name in any case.
    head, *rest = function.__name__.split("_")
    name = head + "".join(part.capitalize() for part in rest)
    METHODS[name.lower()] = function
    NAMES[name.lower()] = name
    return function


# --- where to


def _known_chat(standin: Standin, params: Params, name: str = "chat_id") -> Chat:
    value = params.values.get(name)
    if value is None or value == "":
        raise Refusal(f"{name} is empty")
    try:
        chat = standin.chats.get(int(value))
    except (TypeError, ValueError):
        chat = None
    if chat is None:
        raise Refusal("chat not found")
    return chat


def _open_chat(standin: Standin, params: Params) -> Chat:
    chat = _known_chat(standin, params)
    if not chat.started:
        raise Refusal("bot can't initiate conversation with a user", status=403)
    if chat.blocked:
        if chat.user is not None:
            raise Refusal("bot was blocked by the user", status=403)
        raise Refusal(f"bot was kicked from the {chat.face['type']} chat", status=403)
    return chat


def _sender(standin: Standin, chat: Chat) -> JSON | None:
    if chat.face["type"] == "channel":
        return None
    return {key: standin.bot[key] for key in ("id", "is_bot", "first_name", "username")}


def _send(standin: Standin, chat: Chat, params: Params, content: JSON) -> JSON:
    markup = params.markup()
    if "reply_parameters" in params.values:
        content = {**_quoted(chat, params), **content}
    if markup is not None and markup.get("inline_keyboard"):
        content["reply_markup"] = markup
    if params.boolean("protect_content"):
        content["has_protected_content"] = True
    message = standin.post(chat, content, sender=_sender(standin, chat))
    chat.typing = None
    if markup is not None and "inline_keyboard" not in markup:
        # Telegram lets only messages without markup or with an inline keyboard be edited.
        post = chat.posts[message["message_id"]]
        post.frozen, post.keyboard = True, markup
        _lay_keyboard(chat, markup)
    return message


def _lay_keyboard(chat: Chat, markup: JSON) -> None:
    if "keyboard" in markup:
        chat.keyboard = markup
    elif markup.get("remove_keyboard"):
        chat.keyboard = None


def _quoted(chat: Chat, params: Params) -> JSON:
    wanted = params.structure("reply_parameters")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("message_id"), int):
        raise Refusal("message to be replied is not specified")
    post = chat.posts.get(wanted["message_id"])
    if post is not None:
        quoted = {key: value for key, value in post.message.items() if key != "reply_to_message"}
        return {"reply_to_message": quoted}
    if wanted.get("allow_sending_without_reply"):
        return {}
    raise Refusal("message to be replied not found")


# --- messages


@_method
def get_me(standin: Standin, _: Params) -> JSON:
    return standin.bot


@_method
def send_message(standin: Standin, params: Params) -> JSON:
    chat = _open_chat(standin, params)
    text, found = params.message_text()
    content: JSON = {"text": text, "entities": found} if found else {"text": text}
    return _send(standin, chat, params, content)


def _captioned(params: Params) -> JSON:
    text, found = params.caption()
    content: JSON = {"caption": text} if text else {}
    if found:
        content["caption_entities"] = found
    return content


def _file(standin: Standin, params: Params, kind: str) -> Stored:
    given = params.files.get(kind)
    if given is None:
        name = params.text(kind)
        if name.startswith("attach://"):
            given = params.files.get(name.removeprefix("attach://"))
        elif name.startswith(("http://", "https://")):
            # The stand-in makes no request to anyone.
            raise Refusal("failed to get HTTP URL content")
        elif name:
            return _known_file(standin, name, kind)
    if given is None:
        raise Refusal(f"there is no {kind} in the request")
    return standin.store(kind, _checked(given, kind))


def _known_file(standin: Standin, name: str, kind: str) -> Stored:
    known = standin.files.get(name)
    if known is None:
        raise Refusal("wrong remote file identifier specified: Wrong string length")
    if known.kind != kind:
        wanted, got = kind.capitalize(), known.kind.capitalize()
        raise Refusal(f"can't use file of type {got} as {wanted}")
    return known


def _checked(given: Upload, kind: str) -> Upload:
    size = len(given.content)
    if not size:
        raise Refusal("file must be non-empty")
    if size > MOST_UPLOADED:
        raise Refusal("Request Entity Too Large", status=413)
    if kind == "photo":
        if size > MOST_PHOTO:
            raise Refusal(
                f"file of size {size} bytes is too big for a photo; "
                f"the maximum size is {MOST_PHOTO} bytes"
            )
        picture = pictures.size(given.content)
        if picture is None:
            raise Refusal("IMAGE_PROCESS_FAILED")
        if not pictures.fits(*picture):
            raise Refusal("PHOTO_INVALID_DIMENSIONS")
    return given


def shown(stored: Stored) -> JSON:
    """Describe a file as a message carries it."""
    base: JSON = {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.content),
    }
    named = {**base, "file_name": stored.name, "mime_type": stored.mime}
    match stored.kind:
        case "photo":
            return {"photo": [{**base, "width": stored.width, "height": stored.height}]}
        case "animation":
            moving = {
                **named,
                "width": stored.width or 320,
                "height": stored.height or 320,
                "duration": 0,
            }
            # Telegram sends an animation as a document too, for old bots.
            return {"animation": moving, "document": named}
        case "voice":
            return {"voice": {**base, "duration": 2, "mime_type": stored.mime}}
        case _:
            return {"document": named}


def _send_file(standin: Standin, params: Params, kind: str) -> JSON:
    chat = _open_chat(standin, params)
    content = _captioned(params)
    params.markup()
    return _send(standin, chat, params, {**shown(_file(standin, params, kind)), **content})


@_method
def send_photo(standin: Standin, params: Params) -> JSON:
    return _send_file(standin, params, "photo")


@_method
def send_animation(standin: Standin, params: Params) -> JSON:
    return _send_file(standin, params, "animation")


@_method
def send_document(standin: Standin, params: Params) -> JSON:
    return _send_file(standin, params, "document")


@_method
def send_chat_action(standin: Standin, params: Params) -> bool:
    chat = _open_chat(standin, params)
    action = params.text("action")
    if action not in ACTIONS:
        raise Refusal("wrong parameter action in request")
    chat.typing = (action, standin.now() + TYPING_LASTS)
    standin.changed("typing", chat, text=action)
    return True


# --- edits


def _editable(standin: Standin, params: Params) -> tuple[Chat, Post]:
    if params.values.get("inline_message_id"):
        raise Refusal("message to edit not found")
    chat = _open_chat(standin, params)
    number = params.integer("message_id")
    if number is None:
        raise Refusal("message identifier is not specified")
    post = chat.posts.get(number)
    if post is None:
        raise Refusal("message to edit not found")
    sender = post.message.get("from")
    if post.frozen or (sender is not None and sender["id"] != standin.bot["id"]):
        raise Refusal("message can't be edited")
    return chat, post


def _edit(standin: Standin, chat: Chat, post: Post, content: JSON, gone: set[str]) -> JSON:
    old = post.message
    new = {key: value for key, value in old.items() if key not in gone}
    new.update(content)
    if new == old:
        raise Refusal(
            "message is not modified: specified new message content and reply markup are exactly "
            "the same as a current content and reply markup of the message"
        )
    if {key for key in new | old if new.get(key) != old.get(key)} != {"reply_markup"}:
        # A change of the keyboard alone does not make a message "edited".
        new["edit_date"] = int(standin.now())
    post.message = new
    standin.touch(chat, post)
    return new


def _new_keyboard(params: Params) -> JSON:
    markup = params.inline()
    return {"reply_markup": markup} if markup and markup["inline_keyboard"] else {}


@_method
def edit_message_text(standin: Standin, params: Params) -> JSON:
    chat, post = _editable(standin, params)
    if "text" not in post.message:
        raise Refusal("there is no text in the message to edit")
    text, found = params.message_text()
    content = {"text": text, **_new_keyboard(params)}
    if found:
        content["entities"] = found
    return _edit(standin, chat, post, content, {"entities", "reply_markup"})


@_method
def edit_message_caption(standin: Standin, params: Params) -> JSON:
    chat, post = _editable(standin, params)
    if not {"photo", "animation", "document"} & post.message.keys():
        raise Refusal("there is no caption in the message to edit")
    content = {**_captioned(params), **_new_keyboard(params)}
    return _edit(standin, chat, post, content, {"caption", "caption_entities", "reply_markup"})


@_method
def edit_message_media(standin: Standin, params: Params) -> JSON:
    chat, post = _editable(standin, params)
    media = params.structure("media")
    if not isinstance(media, dict):
        raise Refusal("can't parse media JSON object")
    kind = media.get("type")
    if kind not in {"photo", "animation", "document"}:
        raise Refusal("wrong type of the media")
    inner = Params({**media, kind: media.get("media", "")}, params.files)
    content = {**shown(_file(standin, inner, kind)), **_captioned(inner), **_new_keyboard(params)}
    gone = {
        "text",
        "entities",
        "photo",
        "animation",
        "document",
        "caption",
        "caption_entities",
        "reply_markup",
    }
    return _edit(standin, chat, post, content, gone)


@_method
def edit_message_reply_markup(standin: Standin, params: Params) -> JSON:
    chat, post = _editable(standin, params)
    return _edit(standin, chat, post, _new_keyboard(params), {"reply_markup"})


@_method
def delete_message(standin: Standin, params: Params) -> bool:
    chat = _open_chat(standin, params)
    number = params.integer("message_id")
    if number is None:
        raise Refusal("message identifier is not specified")
    if number not in chat.posts:
        raise Refusal("message to delete not found")
    _delete(standin, chat, [number])
    return True


@_method
def delete_messages(standin: Standin, params: Params) -> bool:
    chat = _open_chat(standin, params)
    numbers = params.structure("message_ids")
    if not isinstance(numbers, list) or not numbers:
        raise Refusal("message identifiers are not specified")
    if len(numbers) > MOST_DELETED:
        raise Refusal("too many message identifiers specified")
    try:
        wanted = [int(number) for number in numbers]
    except (TypeError, ValueError):
        raise Refusal("invalid message identifier specified") from None
    # Those that are gone already are passed over.
    _delete(standin, chat, [number for number in wanted if number in chat.posts])
    return True


def _delete(standin: Standin, chat: Chat, numbers: list[int]) -> None:
    oldest = standin.now() - DELETE_FOR
    if any(chat.posts[number].message["date"] < oldest for number in numbers):
        raise Refusal("message can't be deleted for everyone")
    for number in numbers:
        if chat.posts.pop(number, None) is not None:
            standin.changed("deleted", chat, number)


# --- taps


@_method
def answer_callback_query(standin: Standin, params: Params) -> bool:
    # Answering the same tap twice within its time is let through, as Telegram does.
    chat_id, born = standin.taps.get(params.text("callback_query_id"), (0, 0.0))
    chat = standin.chats.get(chat_id)
    if chat is None or standin.now() - born > TAP_OPEN_FOR:
        raise Refusal(
            "query is too old and response timeout expired or query ID is invalid",
        )
    text = params.text("text")
    if length(text) > LONGEST_TOAST:
        raise Refusal("MESSAGE_TOO_LONG")
    alert = params.boolean("show_alert")
    if text:
        chat.toasts.append(text)
        standin.changed("toast", chat, text=text, alert=alert)
    else:
        standin.changed("answered", chat)
    return True


# --- files


@_method
def get_file(standin: Standin, params: Params) -> JSON:
    name = params.text("file_id")
    if not name:
        raise Refusal("file_id not specified")
    stored = standin.files.get(name)
    if stored is None:
        raise Refusal("wrong file_id or the file is temporarily unavailable")
    if len(stored.content) > MOST_FETCHED:
        raise Refusal("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.content),
        "file_path": stored.path,
    }


# --- updates


@_method
def get_updates(standin: Standin, params: Params) -> list[JSON]:
    """Return a page at once; waiting for one is the server's part."""
    if standin.webhook is not None:
        raise Refusal(
            "can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first",
            status=409,
        )
    limit = params.integer("limit", 100) or 100
    _remember_allowed(standin, params)
    return standin.queue.page(
        params.integer("offset", 0) or 0, min(max(limit, 1), 100), standin.now()
    )


def _remember_allowed(standin: Standin, params: Params) -> None:
    if "allowed_updates" not in params.values:
        return
    allowed = params.structure("allowed_updates")
    if allowed is None:
        return
    if not isinstance(allowed, list) or not all(isinstance(kind, str) for kind in allowed):
        raise Refusal("can't parse allowed updates: expected an Array of String")
    standin.queue.allowed = allowed or None


@_method
def set_webhook(standin: Standin, params: Params) -> bool:
    url = params.text("url")
    if not url:
        return bool(delete_webhook(standin, params))
    if not LOOPBACK.fullmatch(url):
        # Telegram wants HTTPS in public; a stand-in delivers to this machine only.
        raise Refusal("bad webhook: the stand-in delivers to loopback addresses only")
    secret = params.text("secret_token")
    if secret and not SECRET.fullmatch(secret):
        raise Refusal("secret token contains unallowed characters")
    many = params.integer("max_connections", 40) or 40
    _remember_allowed(standin, params)
    if params.boolean("drop_pending_updates"):
        standin.queue.waiting.clear()
    standin.webhook = Webhook(url, secret, min(max(many, 1), 100))
    standin.queue.wake()
    return True


@_method
def delete_webhook(standin: Standin, params: Params) -> bool:
    if params.boolean("drop_pending_updates"):
        standin.queue.waiting.clear()
    standin.webhook = None
    standin.queue.wake()
    return True


@_method
def get_webhook_info(standin: Standin, _: Params) -> JSON:
    hook = standin.webhook
    info: JSON = {
        "url": hook.url if hook else "",
        "has_custom_certificate": False,
        "pending_update_count": len(standin.queue.waiting),
    }
    if hook is not None:
        info["max_connections"] = hook.max_connections
        info["ip_address"] = "127.0.0.1"
        if hook.last_error is not None:
            info["last_error_date"], info["last_error_message"] = hook.last_error
    if standin.queue.allowed:
        info["allowed_updates"] = standin.queue.allowed
    return info


# --- the bot's face


def _scope(standin: Standin, params: Params) -> str:
    scope = params.structure("scope")
    if scope is None:
        return "default"
    if not isinstance(scope, dict) or scope.get("type") not in SCOPES:
        raise Refusal("can't parse BotCommandScope: unsupported type specified")
    if scope["type"].startswith("chat"):
        return f"{scope['type']}:{_known_chat(standin, Params(scope)).id}"
    return str(scope["type"])


def _language(params: Params) -> str:
    code = params.text("language_code")
    if code and not (len(code) == 2 and code.isascii() and code.isalpha() and code.islower()):  # noqa: PLR2004
        raise Refusal("invalid language code specified")
    return code


@_method
def set_my_commands(standin: Standin, params: Params) -> bool:
    commands = params.structure("commands")
    if not isinstance(commands, list):
        raise Refusal("can't parse commands: expected an Array of BotCommand")
    if len(commands) > MOST_COMMANDS:
        raise Refusal("BOT_COMMANDS_TOO_MUCH")
    for one in commands:
        if not isinstance(one, dict):
            raise Refusal("can't parse BotCommand: expected an Object")
        name, about = one.get("command"), one.get("description")
        if not isinstance(name, str) or not COMMAND.fullmatch(name.removeprefix("/")):
            raise Refusal("BOT_COMMAND_INVALID")
        if not isinstance(about, str) or not 1 <= length(about.strip()) <= 256:  # noqa: PLR2004
            raise Refusal("BOT_COMMAND_DESCRIPTION_INVALID")
    key = (_scope(standin, params), _language(params))
    standin.commands[key] = [
        {"command": one["command"].removeprefix("/"), "description": one["description"]}
        for one in commands
    ]
    standin.face_changed()
    return True


@_method
def get_my_commands(standin: Standin, params: Params) -> list[JSON]:
    return standin.commands.get((_scope(standin, params), _language(params)), [])


@_method
def delete_my_commands(standin: Standin, params: Params) -> bool:
    standin.commands.pop((_scope(standin, params), _language(params)), None)
    standin.face_changed()
    return True


def _set_about(standin: Standin, params: Params, what: str) -> bool:
    text = params.text(what).strip()
    if length(text) > LONGEST_ABOUT[what]:
        raise Refusal(f"bot {what.replace('_', ' ')} is too long")
    key = (what, _language(params))
    if text:
        standin.faces[key] = text
    else:
        standin.faces.pop(key, None)
    if key == ("name", ""):
        standin.bot["first_name"] = text or "Bot"
    standin.face_changed()
    return True


def _get_about(standin: Standin, params: Params, what: str) -> JSON:
    return {what: standin.face(what, _language(params))}


@_method
def set_my_name(standin: Standin, params: Params) -> bool:
    return _set_about(standin, params, "name")


@_method
def get_my_name(standin: Standin, params: Params) -> JSON:
    return _get_about(standin, params, "name")


@_method
def set_my_description(standin: Standin, params: Params) -> bool:
    return _set_about(standin, params, "description")


@_method
def get_my_description(standin: Standin, params: Params) -> JSON:
    return _get_about(standin, params, "description")


@_method
def set_my_short_description(standin: Standin, params: Params) -> bool:
    return _set_about(standin, params, "short_description")


@_method
def get_my_short_description(standin: Standin, params: Params) -> JSON:
    return _get_about(standin, params, "short_description")


@_method
def set_chat_menu_button(standin: Standin, params: Params) -> bool:
    button = params.structure("menu_button") or {"type": "default"}
    if not isinstance(button, dict) or button.get("type") not in {"default", "commands", "web_app"}:
        raise Refusal("can't parse menu button: MenuButton has unsupported type")
    chat_id = params.integer("chat_id", 0) or 0
    if chat_id and _known_chat(standin, params).user is None:
        raise Refusal("invalid user identifier specified")
    standin.menu_buttons[chat_id] = button
    standin.face_changed()
    return True


@_method
def get_chat_menu_button(standin: Standin, params: Params) -> JSON:
    number = params.integer("chat_id", 0) or 0
    fallback = standin.menu_buttons.get(0, {"type": "default"})
    return standin.menu_buttons.get(number, fallback)


# --- chats


@_method
def get_chat(standin: Standin, params: Params) -> JSON:
    chat = _known_chat(standin, params)
    if not chat.started:
        raise Refusal("chat not found")
    return {
        **chat.face,
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": False,
            "limited_gifts": False,
            "unique_gifts": False,
            "premium_subscription": False,
            "gifts_from_channels": False,
        },
    }


@_method
def leave_chat(standin: Standin, params: Params) -> bool:
    chat = _known_chat(standin, params)
    if chat.user is not None:
        raise Refusal("chat member status can't be changed in private chats")
    if chat.blocked:
        raise Refusal(f"bot is not a member of the {chat.face['type']} chat", status=403)
    chat.blocked = True
    standin.changed("left", chat)
    return True
