"""What Telegram refuses, the stand-in refuses: a bot that passes here is not surprised there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.local.params import Upload
from bot.local.refusal import Refusal
from tests.local.conftest import StillClock, call
from tests.local.pictures import GIF, png

if TYPE_CHECKING:
    from bot.local.guest import Guest
    from bot.local.standin import Standin


def keys(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


SENT: list[tuple[dict[str, Any], int, str]] = [
    ({"text": ""}, 400, "Bad Request: message text is empty"),
    ({"text": " \n "}, 400, "message text is empty"),
    ({"text": "<b></b>", "parse_mode": "HTML"}, 400, "message text is empty"),
    ({"text": "x" * 4097}, 400, "Bad Request: message is too long"),
    ({"text": "😀" * 2049}, 400, "message is too long"),
    ({"text": "x", "parse_mode": "Fancy"}, 400, "unsupported parse_mode"),
    ({"text": "a < b", "parse_mode": "HTML"}, 400, 'Unsupported start tag "" at byte offset 2'),
    ({"text": "<p>x</p>", "parse_mode": "HTML"}, 400, 'Unsupported start tag "p"'),
    ({"text": "é<b>x", "parse_mode": "HTML"}, 400, "Can't find end tag corresponding to start tag"),
    ({"text": "<b>x</i>", "parse_mode": "HTML"}, 400, 'expected "</b>", found "</i>"'),
    ({"text": "x</b>", "parse_mode": "HTML"}, 400, "Unexpected end tag at byte offset 1"),
    ({"text": "<b", "parse_mode": "HTML"}, 400, "Unclosed start tag at byte offset 0"),
    ({"text": '<span class="x">x</span>', "parse_mode": "HTML"}, 400, 'must have class "tg-spoi'),
    ({"text": "x", "reply_markup": "{"}, 400, "can't parse reply markup JSON object"),
    ({"text": "x", "reply_markup": [1]}, 400, "object expected as reply markup"),
    ({"text": "x", "reply_markup": {"inline_keyboard": "no"}}, 400, "must be of type Array"),
    ({"text": "x", "reply_markup": {"inline_keyboard": [{}]}}, 400, "Array of Arrays"),
    ({"text": "x", "reply_markup": keys({"text": "a"})}, 400, "Text buttons are unallowed"),
    (
        {
            "text": "x",
            "reply_markup": keys({"text": "a", "callback_data": "a", "url": "https://a"}),
        },
        400,
        "exactly one",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "", "callback_data": "a"})},
        400,
        "BUTTON_TEXT_INVALID",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "a", "callback_data": ""})},
        400,
        "BUTTON_DATA_INVALID",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "a", "callback_data": "é" * 33})},
        400,
        "BUTTON_DATA_INVALID",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "a", "callback_data": 5})},
        400,
        "must be of type String",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "a", "copy_text": {"text": "x" * 257}})},
        400,
        "BUTTON_COPY_TEXT_INVALID",
    ),
    (
        {"text": "x", "reply_markup": keys({"text": "a", "url": "javascript:1"})},
        400,
        "Unsupported URL protocol",
    ),
    (
        {"text": "x", "reply_markup": keys(*[{"text": "a", "callback_data": "a"}] * 101)},
        400,
        "REPLY_MARKUP_TOO_LONG",
    ),
    ({"text": "x", "reply_markup": {"keyboard": []}}, 400, "REPLY_MARKUP_INVALID"),
    ({"text": ["x"]}, 400, 'field "text" must be of type String'),
    ({"text": "x", "reply_parameters": {"message_id": 99}}, 400, "message to be replied not found"),
    ({"text": "x", "chat_id": 12}, 400, "Bad Request: chat not found"),
    ({"text": "x", "chat_id": "@nobody"}, 400, "chat not found"),
    ({"text": "x", "chat_id": ""}, 400, "chat_id is empty"),
]


@pytest.mark.parametrize(("params", "status", "description"), SENT)
def test_a_message_telegram_refuses_is_refused(
    standin: Standin, ada: Guest, params: dict[str, Any], status: int, description: str
) -> None:
    with pytest.raises(Refusal) as refused:
        call(standin, "sendMessage", **{"chat_id": ada.id, **params})

    assert refused.value.status == status
    assert description in refused.value.description
    assert len(ada.messages) == 1


@pytest.mark.parametrize(
    "params",
    [
        {"text": "x" * 4096},
        {"text": "😀" * 2048},
        {"text": f"<b>{'x' * 4096}</b>", "parse_mode": "HTML"},
        {"text": "x", "reply_markup": keys({"text": "a", "callback_data": "x" * 64})},
        {"text": "x", "reply_markup": keys({"text": "a", "copy_text": {"text": "x" * 256}})},
        {"text": "x", "reply_markup": keys(*[{"text": "a", "callback_data": "a"}] * 100)},
        {"text": "x", "reply_markup": '{"remove_keyboard": true}'},
        {"text": "x", "reply_markup": '{"keyboard": [["a", {"text": "b"}]]}'},
        {"text": "x", "something_new": "that the stand-in does not know"},
    ],
)
def test_what_just_fits_is_taken(standin: Standin, ada: Guest, params: dict[str, Any]) -> None:
    call(standin, "sendMessage", chat_id=str(ada.id), **params)

    assert not ada.last.mine


OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("editMessageText", {"text": "x"}, "message identifier is not specified"),
    ("editMessageText", {"text": "x", "message_id": 99}, "message to edit not found"),
    ("editMessageText", {"text": "x", "message_id": 1}, "message can't be edited"),
    ("editMessageText", {"text": "x", "message_id": "one"}, "must be a Number"),
    ("editMessageText", {"text": "Hello", "message_id": 2}, "message is not modified"),
    ("editMessageText", {"text": "", "message_id": 2}, "message text is empty"),
    ("editMessageCaption", {"caption": "x", "message_id": 2}, "no caption in the message to edit"),
    ("editMessageReplyMarkup", {"message_id": 2}, "message is not modified"),
    (
        "editMessageReplyMarkup",
        {"message_id": 2, "reply_markup": {"keyboard": [["a"]]}},
        "inline keyboard expected",
    ),
    ("deleteMessage", {"message_id": 99}, "message to delete not found"),
    ("deleteMessages", {"message_ids": []}, "message identifiers are not specified"),
    ("deleteMessages", {"message_ids": list(range(101))}, "too many message identifiers"),
    ("deleteMessages", {"message_ids": ["x"]}, "invalid message identifier"),
    ("answerCallbackQuery", {"callback_query_id": "5"}, "query is too old and response timeout"),
    ("sendChatAction", {"action": "sleeping"}, "wrong parameter action in request"),
    ("sendPhoto", {}, "there is no photo in the request"),
    ("sendPhoto", {"photo": "nothing-known"}, "wrong remote file identifier"),
    ("sendPhoto", {"photo": "https://example.org/a.png"}, "failed to get HTTP URL content"),
    ("getFile", {}, "file_id not specified"),
    ("getFile", {"file_id": "nothing-known"}, "wrong file_id"),
    ("setWebhook", {"url": "https://example.org/"}, "bad webhook"),
    ("setWebhook", {"url": "http://127.0.0.1:1/", "secret_token": "a b"}, "unallowed characters"),
    ("getUpdates", {"allowed_updates": "message"}, "can't parse allowed updates"),
    ("setMyCommands", {}, "can't parse commands"),
    ("setMyCommands", {"commands": [{"command": "Up", "description": "x"}]}, "BOT_COMMAND_INVALID"),
    (
        "setMyCommands",
        {"commands": [{"command": "x" * 33, "description": "x"}]},
        "BOT_COMMAND_INVALID",
    ),
    (
        "setMyCommands",
        {"commands": [{"command": "a", "description": ""}]},
        "BOT_COMMAND_DESCRIPTION_INVALID",
    ),
    (
        "setMyCommands",
        {"commands": [{"command": "a", "description": "x"}] * 101},
        "BOT_COMMANDS_TOO_MUCH",
    ),
    ("setMyCommands", {"commands": [], "scope": {"type": "moon"}}, "BotCommandScope"),
    ("setMyCommands", {"commands": [], "language_code": "english"}, "invalid language code"),
    ("setMyName", {"name": "x" * 65}, "bot name is too long"),
    ("setMyDescription", {"description": "x" * 513}, "bot description is too long"),
    ("setMyShortDescription", {"short_description": "x" * 121}, "short description is too long"),
    ("setChatMenuButton", {"menu_button": {"type": "moon"}}, "can't parse menu button"),
    ("leaveChat", {}, "can't be changed in private chats"),
]


@pytest.mark.parametrize(("method", "params", "description"), OTHERS)
def test_other_calls_telegram_refuses_are_refused(
    standin: Standin, ada: Guest, method: str, params: dict[str, Any], description: str
) -> None:
    call(standin, "sendMessage", chat_id=ada.id, text="Hello")

    with pytest.raises(Refusal) as refused:
        call(standin, method, **{"chat_id": ada.id, **params})

    assert refused.value.status == 400
    assert description in refused.value.description


def test_a_bot_cannot_speak_first(standin: Standin) -> None:
    stranger = standin.join("Stranger")

    with pytest.raises(Refusal, match="Forbidden: bot can't initiate conversation") as refused:
        call(standin, "sendMessage", chat_id=stranger.id, text="Hello")

    assert refused.value.status == 403


def test_a_blocked_bot_is_told_so_until_it_is_unblocked(standin: Standin, ada: Guest) -> None:
    ada.block()
    with pytest.raises(Refusal, match="Forbidden: bot was blocked by the user") as refused:
        call(standin, "sendMessage", chat_id=ada.id, text="Hello")
    assert refused.value.status == 403

    ada.unblock()
    call(standin, "sendMessage", chat_id=ada.id, text="Hello")

    assert [one.kind for one in standin.queue.waiting] == [
        "message",
        "my_chat_member",
        "my_chat_member",
    ]


def test_messages_older_than_two_days_stay(standin: Standin, ada: Guest, clock: StillClock) -> None:
    clock.skip(timedelta(hours=48, seconds=1))
    fresh = ada.send("still here")

    with pytest.raises(Refusal, match="can't be deleted"):
        call(standin, "deleteMessage", chat_id=ada.id, message_id=1)
    call(standin, "deleteMessages", chat_id=ada.id, message_ids=[fresh, 99])

    assert [one.text for one in ada.messages] == ["/start"]


def test_a_tap_can_be_answered_for_a_quarter_of_an_hour(
    standin: Standin, ada: Guest, clock: StillClock
) -> None:
    call(
        standin,
        "sendMessage",
        chat_id=ada.id,
        text="How strong?",
        reply_markup=keys({"text": "8", "callback_data": "turn:8"}),
    )
    query = ada.tap("8")

    call(standin, "answerCallbackQuery", callback_query_id=query, text="Noted")
    with pytest.raises(Refusal, match="MESSAGE_TOO_LONG"):
        call(standin, "answerCallbackQuery", callback_query_id=query, text="x" * 201)
    clock.skip(timedelta(minutes=16))
    with pytest.raises(Refusal, match="query is too old"):
        call(standin, "answerCallbackQuery", callback_query_id=query)

    assert ada.toasts == ["Noted"]


def test_a_message_with_a_reply_keyboard_cannot_be_edited(standin: Standin, ada: Guest) -> None:
    sent = call(
        standin, "sendMessage", chat_id=ada.id, text="Here", reply_markup={"keyboard": [["Note"]]}
    )
    assert "reply_markup" not in sent
    assert ada.keyboard == (("Note",),)

    with pytest.raises(Refusal, match="message can't be edited"):
        call(standin, "editMessageText", chat_id=ada.id, message_id=sent["message_id"], text="New")


def test_pictures_and_files_have_their_limits(standin: Standin, ada: Guest) -> None:
    def send(kind: str, content: bytes) -> Any:
        return call(
            standin,
            f"send{kind.capitalize()}",
            {kind: Upload("file.bin", content, "application/octet-stream")},
            chat_id=ada.id,
        )

    for content, why in (
        (b"", "file must be non-empty"),
        (b"not a picture", "IMAGE_PROCESS_FAILED"),
        (png(1, 30), "PHOTO_INVALID_DIMENSIONS"),
        (png() + b"\0" * 10 * 1024 * 1024, "too big for a photo"),
    ):
        with pytest.raises(Refusal, match=why):
            send("photo", content)
    with pytest.raises(Refusal, match="Too Large") as refused:
        send("document", b"\0" * (50 * 1024 * 1024 + 1))
    assert refused.value.status == 413

    large = send("document", b"\0" * (20 * 1024 * 1024 + 1))
    with pytest.raises(Refusal, match="file is too big"):
        call(standin, "getFile", file_id=large["document"]["file_id"])


def test_a_file_id_can_be_sent_again_as_the_same_kind_only(standin: Standin, ada: Guest) -> None:
    upload = {"animation": Upload("breath.gif", GIF, "image/gif")}
    first = call(standin, "sendAnimation", upload, chat_id=ada.id)
    file_id = first["animation"]["file_id"]

    again = call(standin, "sendAnimation", chat_id=ada.id, animation=file_id)
    with pytest.raises(Refusal, match="can't use file of type Animation as Photo"):
        call(standin, "sendPhoto", chat_id=ada.id, photo=file_id)

    assert again["animation"] == first["animation"]
    assert ada.last.animation is not None
    assert ada.last.animation.content == GIF


def test_commands_are_seen_by_scope_and_language(standin: Standin, ada: Guest) -> None:
    def put(name: str, **more: Any) -> None:
        call(standin, "setMyCommands", commands=[{"command": name, "description": "x"}], **more)

    put("everyone")
    put("private", scope={"type": "all_private_chats"})
    put("hers", scope={"type": "chat", "chat_id": ada.id}, language_code="de")
    sam = standin.join("Sam", language_code="de")

    assert [one["command"] for one in standin.commands_for(ada.chat)] == ["private"]
    call(standin, "deleteMyCommands", scope={"type": "all_private_chats"})
    assert [one["command"] for one in standin.commands_for(sam.chat)] == ["everyone"]
