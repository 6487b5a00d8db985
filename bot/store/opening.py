"""Opening a database file: what it must be, its migrations, and the keys inside it."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import Misconfigured
from bot.store import disk
from bot.store.keys import BOX, LOOKUP, SIZE, MasterKey, Ring, read_key_file
from bot.store.sql import SQL
from bot.store.values import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

MIGRATIONS = Path(__file__).parent / "migrations"

PATIENCE = 2.0
"""Seconds to wait for another program that holds the file."""

LOOKED_THROUGH = 64_000_000
"""Up to this size a file is looked through whole at a start; a bigger one in its nightly copy."""


def is_new(database: Path) -> bool:
    """Return whether there is no database here yet."""
    try:
        return database.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError as trouble:
        raise Misconfigured(
            f"The database {database} cannot be reached: {trouble.strerror}."
        ) from trouble


def _code(trouble: sqlite3.Error) -> int:
    return getattr(trouble, "sqlite_errorcode", 0) & 0xFF


def is_damage(trouble: BaseException | None) -> bool:
    """Whether SQLite met something in the file that it did not write."""
    return isinstance(trouble, sqlite3.Error) and _code(trouble) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def damage(path: Path) -> Misconfigured:
    """Say that a file is damaged, and what helps."""
    return Misconfigured(
        f"The file {path} is damaged or not a database: put a copy in its place "
        "with `python -m bot restore FILE`."
    )


def look_through(connection: sqlite3.Connection, path: Path) -> None:
    """Look at every page of a file; Misconfigured when one of them is damaged."""
    with plainly(path):
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise damage(path)


@contextlib.contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a file into one sentence for the operator."""
    try:
        yield
    except sqlite3.Error as trouble:
        if is_damage(trouble):
            raise damage(path) from trouble
        match _code(trouble):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                sentence = f"The database {path} is in use by another program: close that one."
            case sqlite3.SQLITE_FULL:
                sentence = f"There is no room left on the disk for the database {path}."
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                sentence = f"The database {path} cannot be opened for writing."
            case _:
                sentence = f"The database {path} cannot be used: {trouble}."
        raise Misconfigured(sentence) from trouble


def connect(path: Path, patience: float = PATIENCE, *, whole: bool = True) -> sqlite3.Connection:
    """Open the file the way everything in this room needs it.

    It is looked through whole first; without ``whole`` only when that takes no time to speak of.
    """
    try:
        disk.make_folder(path.parent)
        # SQLite would make it readable to whoever the umask lets in; its WAL file follows suit.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.PRIVATE))
    except OSError as trouble:
        raise Misconfigured(
            f"The database {path} cannot be opened for writing: {trouble.strerror}."
        ) from trouble
    with plainly(path):
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=patience, cached_statements=256
        )
        try:
            _prepare(connection)
            if whole or path.stat().st_size <= LOOKED_THROUGH:
                look_through(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    execute = connection.execute
    # One connection is the rule; exclusive locking makes SQLite keep it too, whoever else tries:
    # several versions can damage a WAL file that two connections write.
    execute("PRAGMA locking_mode = EXCLUSIVE")
    execute("PRAGMA secure_delete = ON")
    execute("PRAGMA journal_mode = WAL")
    # FULL: what was committed survives a power cut, and a reply is only sent after that.
    execute("PRAGMA synchronous = FULL")
    # The same few pages are written turn after turn: carried over into the file after 32 MB and
    # not after 4, they are carried an eighth as often: a tenth of all work under load.
    execute("PRAGMA wal_autocheckpoint = 8000")
    execute("PRAGMA foreign_keys = ON")
    # With an exclusive lock the first write takes it for good: a program that holds the file is
    # met here, not in someone's turn.
    execute("BEGIN EXCLUSIVE")
    execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    # Not ``executescript``: that commits whatever is open, and a migration is one transaction.
    statement = ""
    for line in script.splitlines(keepends=True):
        if not statement and (not line.strip() or line.lstrip().startswith("--")):
            continue
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"a migration ends in the middle of a statement: {statement!r}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrate(
    connection: sqlite3.Connection, path: Path, now: datetime, folder: Path = MIGRATIONS
) -> None:
    """Bring the tables up to this version of the bot."""
    steps = {int(file.name[:4]): file for file in sorted(folder.glob("[0-9]*.sql"))}
    with plainly(path):
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if tables and "migrations" not in tables:
            raise Misconfigured(f"The database {path} belongs to another program.")
        if not tables:
            with transaction(connection):
                connection.execute(
                    "CREATE TABLE migrations "
                    "(version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)"
                )
        done = connection.execute("SELECT MAX(version) FROM migrations").fetchone()[0] or 0
        if done > max(steps):
            raise Misconfigured(
                f"The database {path} was written by a newer version of the bot: use that one."
            )
        for version, file in steps.items():
            if version <= done:
                continue
            with transaction(connection):
                for statement in _statements(file.read_text(encoding="utf-8")):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO migrations (version, applied_at) VALUES (?, ?)",
                    (version, stamp(now)),
                )


def fact(connection: sqlite3.Connection, name: str) -> str | None:
    """Return something the database knows about itself."""
    row = connection.execute(SQL["fact"], {"name": name}).fetchone()
    value: str | None = row and row[0]
    return value


def set_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Note something the database should know about itself."""
    connection.execute(SQL["set_fact"], {"name": name, "value": value})


def live_keys(connection: sqlite3.Connection) -> dict[bytes, bytes]:
    """Return all wrapped keys by owner."""
    return dict(connection.execute(SQL["keys"]))


def unlock(connection: sqlite3.Connection, path: Path, master: MasterKey) -> tuple[Ring, MasterKey]:
    """Open the database's own keys, making them for a new one; finish a rotation cut short."""
    with plainly(path):
        if fact(connection, "id") is None:
            _begin(connection, master)
        lookup, box = (_own_key(connection, owner) for owner in (LOOKUP, BOX))
        if lookup is None or box is None:
            raise Misconfigured(
                f"The database {path} is a copy without keys: "
                "put it in place with `python -m bot restore FILE`."
            )
    return _open_ring(path, master, lookup, box)


def _own_key(connection: sqlite3.Connection, owner: bytes) -> bytes | None:
    row = connection.execute(SQL["key"], {"owner": owner}).fetchone()
    wrapped: bytes | None = row and row[0]
    return wrapped


def _begin(connection: sqlite3.Connection, master: MasterKey) -> None:
    with transaction(connection):
        set_fact(connection, "id", secrets.token_hex(16))
        for owner in (LOOKUP, BOX):
            wrapped = master.wrap(owner, secrets.token_bytes(SIZE))
            connection.execute(SQL["add_key"], {"owner": owner, "wrapped": wrapped})


def next_file(key_file: Path) -> Path:
    """Name the file a rotation writes the new key to before the database takes it."""
    return disk.beside(key_file, ".next")


def _open_ring(path: Path, master: MasterKey, lookup: bytes, box: bytes) -> tuple[Ring, MasterKey]:
    waiting = next_file(master.file) if master.file else None
    try:
        ring = Ring.opened(master, lookup, box)
    except ValueError:
        pass
    else:
        if waiting:
            disk.remove(waiting)  # the rotation was cut short before the database took the key
        return ring, master
    if master.file and waiting and waiting.exists():
        fresh = MasterKey(read_key_file(waiting).secret, master.file)
        with contextlib.suppress(ValueError):
            ring = Ring.opened(fresh, lookup, box)
            disk.move(waiting, master.file)  # the rotation was cut short after it did
            return ring, fresh
    source = f"The key file {master.file}" if master.file else "BOT_MASTER_KEY"
    raise Misconfigured(f"{source} does not open the database {path}: it is another one's key.")
