"""What the bot remembers; no SQL leaves this room, and nothing lies in it unsealed."""

from bot.store.backup import backup, nightly, restore
from bot.store.disk import newest_nightly, nightly_folder
from bot.store.keys import MasterKey, load_master, new_id, new_key
from bot.store.opening import is_new, plainly
from bot.store.records import (
    Consent,
    Draft,
    Due,
    Entry,
    Event,
    Fields,
    Inbound,
    Json,
    Lane,
    Outbound,
    Person,
    Sighting,
    Timer,
    Word,
)
from bot.store.rotate import rotate
from bot.store.store import Store, open_store
from bot.store.tx import SLICE, Tx

__all__ = [
    "SLICE",
    "Consent",
    "Draft",
    "Due",
    "Entry",
    "Event",
    "Fields",
    "Inbound",
    "Json",
    "Lane",
    "MasterKey",
    "Outbound",
    "Person",
    "Sighting",
    "Store",
    "Timer",
    "Tx",
    "Word",
    "backup",
    "is_new",
    "load_master",
    "new_id",
    "new_key",
    "newest_nightly",
    "nightly",
    "nightly_folder",
    "open_store",
    "plainly",
    "restore",
    "rotate",
]
