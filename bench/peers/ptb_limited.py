"""A bare bot behind python-telegram-bot's AIORateLimiter, which also has notes to send."""

import asyncio
from typing import Any

from common import BUTTONS, QUESTION, ROOT, TOKEN
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import (
    AIORateLimiter,
    Application,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    filters,
)

KEYBOARD = InlineKeyboardMarkup(
    [[InlineKeyboardButton(label, callback_data=f"1:{label}") for label in row] for row in BUTTONS]
)


async def ask(bot: Any, chat: int) -> None:
    """Ask the one question there is."""
    await bot.send_message(chat, QUESTION, parse_mode="HTML", reply_markup=KEYBOARD)


async def due(_: Update, context: Any) -> None:
    """Send a note to each of so many chats from a number on, all of them due now."""
    first, count = map(int, context.args)
    for chat in range(first, first + count):
        context.application.create_task(ask(context.bot, chat))
    await asyncio.sleep(0)


async def typed(update: Update, context: Any) -> None:
    """Ask again; one call, though our reply to a typed answer often takes two."""
    if update.message is not None:
        await ask(context.bot, update.message.chat_id)


async def tapped(update: Update, context: Any) -> None:
    """Answer the tap and ask again."""
    query = update.callback_query
    if query is not None:
        await query.answer()
        await ask(context.bot, query.from_user.id)


def main() -> None:
    """Poll until stopped."""
    building = Application.builder().token(TOKEN).base_url(f"{ROOT}/bot")
    limited = building.rate_limiter(AIORateLimiter()).concurrent_updates(64)
    application = limited.build()
    application.add_handler(CommandHandler("due", due))
    application.add_handler(MessageHandler(filters.ALL, typed))
    application.add_handler(CallbackQueryHandler(tapped))
    application.run_polling()


if __name__ == "__main__":
    main()
