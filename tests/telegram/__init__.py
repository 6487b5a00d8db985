"""Telegram at the door: the real client over the stand-in, the real store in a folder."""
