"""One turn: load, screen, run, commit; and the functions that flows may run."""

from bot.coach import (  # each registers its functions
    cards,
    curve,
    checkins,
    keeping,
    moment,
    now,
    people,
    practising,
    requests,
    shares,
    waits,
    rituals,
    wishes,
)
from bot.coach.coach import FACTS, Coach, House, Ports
from bot.coach.scene import FUNCTIONS

__all__ = [
    "FACTS",
    "FUNCTIONS",
    "Coach",
    "House",
    "Ports",
    "cards",
    "curve",
    "checkins",
    "keeping",
    "moment",
    "now",
    "people",
    "practising",
    "requests",
    "shares",
    "waits",
    "rituals",
    "wishes",
]
