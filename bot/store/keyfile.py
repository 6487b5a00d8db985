"""The keys file: wrapped keys beside a backup, of which there is only the newest.

A copy of the database carries no keys. They stand in one file, and the database knows where; when
a person is forgotten, that file is written anew from the keys there still are, so that no copy of
any age opens for them again.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.store import disk, opening
from bot.store.sql import SQL
from bot.store.values import stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

log = logging.getLogger(__name__)

PLACES = "keys files"
UNFINISHED = "unfinished copy"
"""The fact that names a backup's files while they still carry keys."""
TRACES = "traces"
"""The fact that names the keys files which may still hold a key of someone who was forgotten."""

_HEAD = 200
"""Bytes within which a keys file says whose it is."""
_WHOSE = re.compile(rb'^\{\s*"database":\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class KeysFile:
    """The wrapped keys of one database at one moment."""

    database: str
    written_at: int
    keys: dict[bytes, bytes]

    @property
    def content(self) -> bytes:
        """The file's content."""
        return b"".join(_lines(self.database, self.written_at, self.keys.items()))


def _lines(database: str, written_at: int, keys: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Write a keys file key by key: there may be more of them than should be in memory."""
    head = json.dumps({"database": database, "written_at": written_at, "keys": {}}, indent=0)
    yield head.removesuffix("{}\n}").encode()
    before = "{"
    for owner, wrapped in keys:
        yield f'{before}\n"{owner.hex()}": "{wrapped.hex()}"'.encode()
        before = ","
    yield b"{}\n}" if before == "{" else b"\n}\n}"


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


def database_of(path: Path) -> str | None:
    """Return whose keys a file holds; None for anything else, and for none."""
    try:
        with path.open("rb") as file:
            found = _WHOSE.match(file.read(_HEAD))
    except OSError:
        return None
    return found[1].decode(errors="replace") if found else None


def write(connection: sqlite3.Connection, place: Path, now: datetime) -> None:
    """Write the database's keys as they are now."""
    name = opening.fact(connection, "id") or ""
    disk.put(place, _lines(name, stamp(now), connection.execute(SQL["keys"])))


def places(connection: sqlite3.Connection) -> list[Path]:
    """Return where keys files of this database lie (two of them only during a backup)."""
    return [Path(place) for place in json.loads(opening.fact(connection, PLACES) or "[]")]


def remember(connection: sqlite3.Connection, paths: list[Path]) -> None:
    """Note where keys files lie."""
    opening.set_fact(connection, PLACES, json.dumps([str(path) for path in paths]))


def leave_traces(execute: Callable[..., object]) -> None:
    """Note, beside a forgetting, that the keys files are behind until they are refreshed."""
    execute(SQL["leave_traces"], {"traces": TRACES, "places": PLACES})


def refresh(connection: sqlite3.Connection, now: datetime) -> None:
    """Write the keys files anew that may still hold a key of someone who was forgotten."""
    noted = opening.fact(connection, TRACES)
    if noted is None:
        return
    name, known, away = opening.fact(connection, "id"), places(connection), []
    for place in map(Path, json.loads(noted)):
        # A folder that is not there now (a disk in a drawer) is met at a later start; a file that
        # the operator took away is not made again.
        if not place.exists():
            away += [str(place)] if place in known else []
        elif database_of(place) in {name, None}:
            write(connection, place, now)
    # Only now: after a kill, or when one of them could not be written, it is all done again.
    if away:
        opening.set_fact(connection, TRACES, json.dumps(away))
    else:
        connection.execute(SQL["drop_fact"], {"name": TRACES})


def remove_others(folder: Path, keep: Path, database: str) -> None:
    """Remove the database's other keys files in a folder."""
    for path in folder.glob("*.keys"):
        if path != keep and database_of(path) == database:
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
