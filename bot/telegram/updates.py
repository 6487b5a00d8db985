"""What an update says: Telegram's JSON in, what was heard out."""

from __future__ import annotations

from typing import Any, Final

from bot import jsons
from bot.coach.heard import (
    Document,
    Edited,
    Elsewhere,
    Heard,
    Left,
    Returned,
    Tapped,
    Typed,
    Unreadable,
    What,
)
from bot.errors import TelegramTrouble

# Read from the JSON itself: ``Update.de_json`` builds some twenty objects for a tap, takes about
# twenty times as long, and raises for a whole update when a field it does not need is odd.

_ALLOWED: Final = ("message", "edited_message", "callback_query", "my_chat_member")

# In this order: a message with an animation also has a document, one with a venue a location.
_KINDS: Final = (
    "animation",
    "audio",
    "live_photo",
    "paid_media",
    "photo",
    "sticker",
    "story",
    "video",
    "video_note",
    "voice",
    "checklist",
    "contact",
    "dice",
    "game",
    "poll",
    "venue",
    "location",
    "invoice",
    "giveaway",
    "giveaway_winners",
    "rich_message",
)

# Things Telegram says in a chat that nobody there said.
_SERVICE: Final = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "chat_owner_left",
        "chat_owner_changed",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "message_auto_delete_timer_changed",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "pinned_message",
        "successful_payment",
        "refunded_payment",
        "users_shared",
        "chat_shared",
        "gift",
        "unique_gift",
        "gift_upgrade_sent",
        "connected_website",
        "write_access_allowed",
        "passport_data",
        "proximity_alert_triggered",
        "boost_added",
        "chat_background_set",
        "checklist_tasks_done",
        "checklist_tasks_added",
        "direct_message_price_changed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "giveaway_created",
        "giveaway_completed",
        "managed_bot_created",
        "paid_message_price_changed",
        "poll_option_added",
        "poll_option_deleted",
        "suggested_post_approved",
        "suggested_post_approval_failed",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "video_chat_scheduled",
        "video_chat_started",
        "video_chat_ended",
        "video_chat_participants_invited",
        "web_app_data",
    }
)


class OddUpdate(TelegramTrouble):
    """An update that cannot be understood; the text names the place, never what stood there."""


def allowed_updates() -> list[str]:
    """Return the kinds of update to ask Telegram for."""
    return list(_ALLOWED)


def understand(payload: bytes, number: int) -> Heard | None:
    """Read one update as it was kept; None when there is nothing to answer in it."""
    try:
        update = jsons.load(payload)
    except ValueError:
        raise OddUpdate("not JSON") from None
    return read(update, number)


def read(update: Any, number: int) -> Heard | None:
    """Read one update; None when there is nothing to answer in it."""
    if not isinstance(update, dict):
        raise OddUpdate("not an object")
    match update:
        case {"message": message}:
            return _message(message, number)
        case {"callback_query": tap}:
            return _tap(tap, number)
        case {"edited_message": message}:
            return _edit(message, number)
        case {"my_chat_member": change}:
            return _membership(change, number)
        case {"channel_post": message}:
            chat, _ = _place(message, "channel_post")
            return Heard(number, chat, chat, Elsewhere(can_write=False))
        case _:
            return None


def _message(message: Any, number: int) -> Heard | None:
    chat, private = _place(message, "message")
    if not private:
        if not _SERVICE.isdisjoint(message):
            return None
        sender = message.get("from") or message.get("sender_chat") or message["chat"]
        return Heard(
            number, chat, _id(sender, "message.from"), Elsewhere(can_write=True), _date(message)
        )
    sender, language, is_bot = _sender(message.get("from"), "message.from")
    if is_bot:  # two bots that answer each other never stop
        return None
    what = _content(message)
    if what is None:
        return None
    return Heard(number, chat, sender, what, _date(message), language)


def _content(message: dict[str, Any]) -> What | None:
    message_id = _int(message, "message_id")
    text = message.get("text")
    caption = message.get("caption")
    caption = caption if isinstance(caption, str) else None
    if "forward_origin" in message or "forward_date" in message:
        # Somebody else's words, most likely; they are screened, and never taken as an answer.
        return Unreadable("forward", message_id, text if isinstance(text, str) else caption)
    if text is not None:
        if not isinstance(text, str):
            raise OddUpdate("message.text")
        return Typed(text, message_id)
    for kind in _KINDS:
        if kind in message:
            return Unreadable(kind, message_id, caption)
    document = message.get("document")
    if document is not None:
        if not isinstance(document, dict) or not isinstance(document.get("file_id"), str):
            raise OddUpdate("message.document")
        name, size = document.get("file_name"), document.get("file_size")
        return Document(
            document["file_id"],
            name if isinstance(name, str) else "",
            size if isinstance(size, int) else 0,
            message_id,
            caption,
        )
    if not _SERVICE.isdisjoint(message):
        return None
    # A kind of message that Telegram has learned since: better "I can only read text" than
    # silence towards someone who needs an answer.
    return Unreadable("unknown", message_id, caption)


def _edit(message: Any, number: int) -> Heard | None:
    chat, private = _place(message, "edited_message")
    if not private:
        return None
    sender, language, is_bot = _sender(message.get("from"), "edited_message.from")
    text = message.get("text", message.get("caption"))
    if text is None or is_bot:  # a live location moves by edits
        return None
    if not isinstance(text, str):
        raise OddUpdate("edited_message.text")
    edited = message.get("edit_date")
    at = edited if isinstance(edited, int) else _date(message)
    return Heard(number, chat, sender, Edited(text, _int(message, "message_id")), at, language)


def _tap(tap: Any, number: int) -> Heard | None:
    if not isinstance(tap, dict):
        raise OddUpdate("callback_query")
    sender, language, _ = _sender(tap.get("from"), "callback_query.from")
    callback_id, data = tap.get("id"), tap.get("data")
    if not isinstance(callback_id, str):
        raise OddUpdate("callback_query.id")
    if data is None:  # a game's button, and this bot has no games
        return None
    if not isinstance(data, str):
        raise OddUpdate("callback_query.data")
    message = tap.get("message")
    if message is None:  # a message sent by way of another chat; the private one has this number
        return Heard(number, sender, sender, Tapped(data, callback_id, None), None, language)
    chat, private = _place(message, "callback_query.message")
    if not private:
        return Heard(number, chat, sender, Elsewhere(can_write=False), None, language)
    message_id = _int(message, "message_id")
    return Heard(number, chat, sender, Tapped(data, callback_id, message_id), None, language)


def _membership(change: Any, number: int) -> Heard | None:
    chat, private = _place(change, "my_chat_member")
    sender, language, _ = _sender(change.get("from"), "my_chat_member.from")
    new, old = change.get("new_chat_member"), change.get("old_chat_member")
    if not isinstance(new, dict) or not isinstance(new.get("status"), str):
        raise OddUpdate("my_chat_member.new_chat_member")
    status = new["status"]
    was = old.get("status") if isinstance(old, dict) else None
    what: What
    if private:
        if status == was:
            return None
        what = Left() if status in ("kicked", "left") else Returned()
    else:
        match change["chat"].get("type"), status:
            case _, "left" | "kicked":
                can_write = False
            case "channel", _:
                can_write = status == "creator" or new.get("can_post_messages") is True
            case _, "restricted":
                can_write = new.get("can_send_messages") is True
            case _:
                can_write = True
        what = Elsewhere(can_write=can_write)
    return Heard(number, chat, sender, what, _date(change), language)


def _place(message: Any, where: str) -> tuple[int, bool]:
    """Return the chat's id and whether it is a private one."""
    if not isinstance(message, dict):
        raise OddUpdate(where)
    chat = message.get("chat")
    if not isinstance(chat, dict):
        raise OddUpdate(f"{where}.chat")
    return _id(chat, f"{where}.chat"), chat.get("type") == "private"


def _sender(user: Any, where: str) -> tuple[int, str | None, bool]:
    sender = _id(user, where)
    language = user.get("language_code")
    return sender, language if isinstance(language, str) else None, user.get("is_bot") is True


def _id(value: Any, where: str) -> int:
    found = value.get("id") if isinstance(value, dict) else None
    if type(found) is not int:
        raise OddUpdate(f"{where}.id")
    return found


def _int(message: dict[str, Any], key: str) -> int:
    found = message.get(key)
    if type(found) is not int:
        raise OddUpdate(key)
    return found


def _date(message: dict[str, Any]) -> int | None:
    found = message.get("date")
    return found if type(found) is int and found > 0 else None
