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
from bot.coach.coach import Coach, Ports
from bot.coach.house import FACTS, House
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
