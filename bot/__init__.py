"""A quiet Telegram bot for hard moments with people."""
