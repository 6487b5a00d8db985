"""One turn: load, screen, run, commit; and the functions that flows may run."""

from bot.coach import (  # each registers its functions
    afterwards,
    cards,
    checkins,
    curve,
    keeping,
    moment,
    now,
    people,
    plans,
    practising,
    requests,
    rituals,
    shares,
    waits,
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
    "afterwards",
    "cards",
    "checkins",
    "curve",
    "keeping",
    "moment",
    "now",
    "people",
    "plans",
    "practising",
    "requests",
    "rituals",
    "shares",
    "waits",
    "wishes",
]
