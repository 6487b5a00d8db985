"""Conversations with the whole bot, as text."""
