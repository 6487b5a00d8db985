"""A bare bot on aiogram's default Dispatcher; keeps only the id of each chat's last question."""

import asyncio
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from common import BUTTONS, QUESTION, ROOT, TOKEN, chosen, is_label
from uvloop import new_event_loop

KEYBOARD = InlineKeyboardMarkup(
    inline_keyboard=[
        [InlineKeyboardButton(text=label, callback_data=f"1:{label}") for label in row]
        for row in BUTTONS
    ]
)
asked: dict[int, int] = {}

dispatcher = Dispatcher()


async def ask(bot: Bot, chat: int) -> None:
    """Ask the one question there is."""
    sent = await bot.send_message(chat, QUESTION, parse_mode="HTML", reply_markup=KEYBOARD)
    asked[chat] = sent.message_id


@dispatcher.message()
async def typed(message: Message, bot: Bot) -> None:
    """Take the last keyboard away, showing a label as chosen, and ask again."""
    chat, text = message.chat.id, message.text or ""
    if chat in asked and is_label(text):
        await bot.edit_message_text(
            chosen(text), chat_id=chat, message_id=asked[chat], parse_mode="HTML"
        )
    elif chat in asked:
        await bot.edit_message_reply_markup(chat_id=chat, message_id=asked[chat])
    await ask(bot, chat)


@dispatcher.callback_query()
async def tapped(query: CallbackQuery, bot: Bot) -> None:
    """Answer the tap, show what was chosen and ask again."""
    chat = query.from_user.id
    await query.answer()
    await bot.edit_message_text(
        chosen((query.data or "").partition(":")[2]),
        chat_id=chat,
        message_id=query.message.message_id,
        parse_mode="HTML",
    )
    await ask(bot, chat)


async def main() -> None:
    """Poll until stopped."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(ROOT))
    await dispatcher.start_polling(Bot(TOKEN, session=session))


if __name__ == "__main__":
    # What aiogram's own run_polling does, which takes uvloop when it is installed.
    with asyncio.Runner(loop_factory=new_event_loop if "uvloop" in sys.argv else None) as runner:
        runner.run(main())
