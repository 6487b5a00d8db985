"""The stand-in is as strict as Telegram, and its page can be used."""
