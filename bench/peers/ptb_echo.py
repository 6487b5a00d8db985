"""A bare bot on python-telegram-bot's Application; keeps only the id of each last question."""

import sys
from typing import Any

from common import BUTTONS, QUESTION, ROOT, TOKEN, chosen, is_label
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

KEYBOARD = InlineKeyboardMarkup(
    [[InlineKeyboardButton(label, callback_data=f"1:{label}") for label in row] for row in BUTTONS]
)
asked: dict[int, int] = {}


async def ask(bot: Any, chat: int) -> None:
    """Ask the one question there is."""
    sent = await bot.send_message(chat, QUESTION, parse_mode="HTML", reply_markup=KEYBOARD)
    asked[chat] = sent.message_id


async def typed(update: Update, context: Any) -> None:
    """Take the last keyboard away, showing a label as chosen, and ask again."""
    message = update.message
    if message is None:
        return
    chat, text = message.chat_id, message.text or ""
    if chat in asked and is_label(text):
        await context.bot.edit_message_text(
            chosen(text), chat_id=chat, message_id=asked[chat], parse_mode="HTML"
        )
    elif chat in asked:
        await context.bot.edit_message_reply_markup(chat_id=chat, message_id=asked[chat])
    await ask(context.bot, chat)


async def tapped(update: Update, context: Any) -> None:
    """Answer the tap, show what was chosen and ask again."""
    query = update.callback_query
    if query is None or query.message is None:
        return
    chat = query.from_user.id
    await query.answer()
    await context.bot.edit_message_text(
        chosen((query.data or "").partition(":")[2]),
        chat_id=chat,
        message_id=query.message.message_id,
        parse_mode="HTML",
    )
    await ask(context.bot, chat)


def main() -> None:
    """Poll until stopped; the first argument says how many updates are handled at once."""
    building = Application.builder().token(TOKEN).base_url(f"{ROOT}/bot")
    if len(sys.argv) > 1:
        building = building.concurrent_updates(int(sys.argv[1]))
    application = building.build()
    application.add_handler(MessageHandler(filters.ALL, typed))
    application.add_handler(CallbackQueryHandler(tapped))
    application.run_polling()


if __name__ == "__main__":
    main()
