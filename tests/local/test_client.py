"""The real client library is content with what the stand-in says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import telegram
from telegram import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaAnimation,
    MenuButtonCommands,
    ReplyKeyboardMarkup,
)

from tests.local.pictures import GIF, png

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.local.guest import Guest
    from bot.local.standin import Standin
    from tests.local.conftest import Line


@pytest.fixture
async def bot(line: Line) -> AsyncIterator[telegram.Bot]:
    client = telegram.Bot(
        "1:local", base_url=f"{line.root}/bot", base_file_url=f"{line.root}/file/bot"
    )
    async with client:
        yield client


async def test_messages_are_sent_edited_and_deleted(bot: telegram.Bot, ada: Guest) -> None:
    buttons = InlineKeyboardMarkup(
        [[InlineKeyboardButton(str(n), callback_data=f"s:{n}") for n in range(11)]]
    )
    sent = await bot.send_message(
        ada.id, "<b>How</b> strong?", parse_mode="HTML", reply_markup=buttons
    )
    assert sent.text_html == "<b>How</b> strong?"
    assert ada.last.labels == [str(n) for n in range(11)]
    assert ada.last.html == "<b>How</b> strong?"

    query_id = ada.tap("8")
    updates = await bot.get_updates(timeout=1)
    query = updates[-1].callback_query
    assert query is not None
    assert query.id == query_id
    assert query.data == "s:8"
    assert await query.answer("8")
    assert ada.toasts == ["8"]

    await bot.edit_message_text("How strong? 8", ada.id, sent.message_id)
    assert ada.last.text == "How strong? 8"
    assert ada.last.edited
    assert ada.last.buttons == ()
    await bot.edit_message_reply_markup(ada.id, sent.message_id, reply_markup=buttons)
    assert await bot.delete_messages(ada.id, [1, sent.message_id])
    assert ada.messages == []


async def test_keyboards_and_actions_are_seen(bot: telegram.Bot, ada: Guest) -> None:
    await bot.send_chat_action(ada.id, "typing")
    busy = [ada.typing]
    keyboard = ReplyKeyboardMarkup([["Right now", "Note"]], resize_keyboard=True)
    await bot.send_message(ada.id, "Here.", reply_markup=keyboard)
    busy.append(ada.typing)
    assert busy == [True, False]

    ada.tap("Note")

    assert ada.last.text == "Note"
    assert ada.last.mine


async def test_files_go_both_ways(bot: telegram.Bot, ada: Guest) -> None:
    photo = await bot.send_photo(ada.id, png(), caption="<i>a</i>", parse_mode="HTML")
    assert (photo.photo[-1].width, photo.photo[-1].height) == (40, 30)
    moving = await bot.send_animation(ada.id, GIF, filename="breath.gif")
    assert moving.animation is not None
    again = await bot.send_animation(ada.id, moving.animation.file_id)
    document = await bot.send_document(ada.id, b"{}", filename="notes.json", caption="Yours.")
    assert document.document is not None
    assert document.document.file_name == "notes.json"
    await bot.edit_message_caption(ada.id, photo.message_id, caption="b")
    await bot.edit_message_media(
        InputMediaAnimation(moving.animation.file_id), ada.id, photo.message_id
    )
    assert again.animation is not None
    assert ada.answers[0].animation == ada.answers[1].animation

    ada.document("back.json", b'{"schema": 1}')
    told = (await bot.get_updates())[-1].message
    assert told is not None
    assert told.document is not None
    file = await bot.get_file(told.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b'{"schema": 1}'


async def test_the_face_is_set_and_read(bot: telegram.Bot, ada: Guest) -> None:
    commands = [BotCommand("log", "Note")]
    scope = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands(commands, scope=scope)
    assert list(await bot.get_my_commands(scope=scope)) == commands
    await bot.delete_my_commands(scope=scope)
    await bot.set_my_name("Quiet")
    await bot.set_my_description("A quiet place.")
    await bot.set_my_short_description("Quiet.")
    await bot.set_chat_menu_button(menu_button=MenuButtonCommands())

    assert (await bot.get_my_name()).name == "Quiet"
    assert (await bot.get_my_description()).description == "A quiet place."
    assert (await bot.get_my_short_description()).short_description == "Quiet."
    assert (await bot.get_me()).first_name == "Quiet"
    assert (await bot.get_chat(ada.id)).first_name == "Ada"


async def test_errors_have_their_own_types(
    bot: telegram.Bot, standin: Standin, ada: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # the client warns about its own future otherwise
    with pytest.raises(telegram.error.BadRequest, match="Message text is empty"):
        await bot.send_message(ada.id, "")
    ada.block()
    with pytest.raises(telegram.error.Forbidden):
        await bot.send_message(ada.id, "x")
    standin.fail(
        "getMe", status=429, description="Too Many Requests", parameters={"retry_after": 2}
    )
    with pytest.raises(telegram.error.RetryAfter):
        await bot.get_me()


async def test_every_kind_of_message_can_be_read(
    bot: telegram.Bot, standin: Standin, ada: Guest
) -> None:
    ada.send_voice()
    ada.photo(caption="this")
    ada.sticker()
    ada.location()
    ada.contact()
    ada.poll()
    ada.story()
    ada.forward()
    ada.edit(ada.send("one"), "two")
    ada.tap_data(12345, "long gone")
    ada.block()
    standin.group("A group").post("Hello", sender=ada)
    standin.channel("A channel").post("News")

    updates = await bot.get_updates()

    assert len(updates) == 17
    assert updates[11].callback_query is not None
    assert updates[11].callback_query.message is not None
    assert not updates[11].callback_query.message.is_accessible


async def test_a_group_can_be_left(bot: telegram.Bot, standin: Standin) -> None:
    group = standin.group("A group")
    await bot.send_message(group.id, "Private chats only.")
    await bot.leave_chat(group.id)

    assert group.left
    with pytest.raises(telegram.error.Forbidden):
        await bot.send_message(group.id, "x")


async def test_webhook_information_can_be_read(bot: telegram.Bot) -> None:
    await bot.set_webhook("http://127.0.0.1:9/", secret_token="s", max_connections=1)
    assert (await bot.get_webhook_info()).url == "http://127.0.0.1:9/"
    await bot.delete_webhook()
    assert not (await bot.get_webhook_info()).url
