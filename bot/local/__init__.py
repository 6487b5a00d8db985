"""Telegram on your own machine: a stand-in for the Bot API and a chat page."""
