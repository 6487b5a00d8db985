"""One turn: load, screen, run, commit; and the functions that flows may run."""

from bot.coach import (
    cards,
    keeping,
    moment,
    people,
    requests,
    wishes,
)  # each registers its functions
from bot.coach.coach import FACTS, Coach, House, Ports
from bot.coach.scene import FUNCTIONS

__all__ = [
    "FACTS",
    "FUNCTIONS",
    "Coach",
    "House",
    "Ports",
    "cards",
    "keeping",
    "moment",
    "people",
    "requests",
    "wishes",
]
