"""The keys file: wrapped keys beside a backup, of which there is only the newest.

A copy of the database carries no keys. They stand in one file, and the database knows where; when
a person is forgotten, that file is written anew from the keys there still are, so that no copy of
any age opens for them again.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.store import disk, opening
from bot.store.sql import SQL
from bot.store.values import stamp

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

log = logging.getLogger(__name__)

PLACES = "keys files"
UNFINISHED = "unfinished copy"
"""The fact that names a backup's files while they still carry keys."""


@dataclass(frozen=True, slots=True)
class KeysFile:
    """The wrapped keys of one database at one moment."""

    database: str
    written_at: int
    keys: dict[bytes, bytes]

    @property
    def content(self) -> bytes:
        """The file's content."""
        return json.dumps(
            {
                "database": self.database,
                "written_at": self.written_at,
                "keys": {owner.hex(): wrapped.hex() for owner, wrapped in self.keys.items()},
            },
            indent=0,
        ).encode()


def name_for(copy: Path) -> Path:
    """Name the keys file of a copy."""
    return disk.beside(copy, ".keys")


def read(path: Path) -> KeysFile | None:
    """Read a keys file; None for anything else, and for none."""
    try:
        data = json.loads(path.read_bytes())
        keys = {bytes.fromhex(owner): bytes.fromhex(key) for owner, key in data["keys"].items()}
        return KeysFile(str(data["database"]), int(data["written_at"]), keys)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def live(connection: sqlite3.Connection, now: datetime) -> KeysFile:
    """Return the database's keys as they are now."""
    return KeysFile(opening.fact(connection, "id") or "", stamp(now), opening.live_keys(connection))


def places(connection: sqlite3.Connection) -> list[Path]:
    """Return where keys files of this database lie (two of them only during a backup)."""
    return [Path(place) for place in json.loads(opening.fact(connection, PLACES) or "[]")]


def remember(connection: sqlite3.Connection, paths: list[Path]) -> None:
    """Note where keys files lie."""
    opening.set_fact(connection, PLACES, json.dumps([str(path) for path in paths]))


def refresh(connection: sqlite3.Connection, now: datetime) -> None:
    """Write the keys files anew, from the keys there are."""
    fresh = live(connection, now)
    for place in places(connection):
        # A folder that is not there now (a disk in a drawer) is met at a later start; a file that
        # the operator took away is not made again.
        if not place.exists():
            continue
        found = read(place)
        if found and found.database != fresh.database:
            continue
        if not found or found.keys != fresh.keys:
            disk.put(place, fresh.content)


def remove_others(folder: Path, keep: Path, database: str) -> None:
    """Remove the database's other keys files in a folder."""
    for path in folder.glob("*.keys"):
        if path != keep and (found := read(path)) and found.database == database:
            disk.remove(path)


def note_unfinished(connection: sqlite3.Connection, paths: list[Path]) -> None:
    """Note a copy that still carries keys, so that a kill does not leave it lying about."""
    opening.set_fact(connection, UNFINISHED, json.dumps([str(path) for path in paths]))


def remove_unfinished(connection: sqlite3.Connection) -> None:
    """Remove a copy that was not finished."""
    paths = opening.fact(connection, UNFINISHED)
    if paths is None:
        return
    try:
        for path in json.loads(paths):
            disk.remove(Path(path))
    except OSError as trouble:
        log.warning("The unfinished copy %s cannot be removed: %s.", paths, trouble.strerror)
        return
    connection.execute(SQL["drop_fact"], {"name": UNFINISHED})
