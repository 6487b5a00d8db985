"""Words that mean danger, and what is to be done about them; pure."""

from bot.safety.load import load
from bot.safety.report import report, screen_file
from bot.safety.screen import Screener
from bot.safety.verdict import Tier, Verdict

__all__ = ["Screener", "Tier", "Verdict", "load", "report", "screen_file"]
