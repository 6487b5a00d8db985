"""A new master key: every key inside is wrapped anew, and nothing else is written."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from bot.errors import Misconfigured
from bot.store import disk, keyfile, opening
from bot.store.keys import SIZE, MasterKey, write_key_file
from bot.store.sql import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from bot.clock import Clock


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _pass(_point: str) -> None:
    """Go on; the tests end the process at one of the points instead."""


def rotate(
    database: Path,
    master: MasterKey,
    clock: Clock,
    *,
    say: Callable[[str], None] = _say,
    at: Callable[[str], None] = _pass,
) -> None:
    """Take a new master key, with the bot stopped; after a kill at any point one key opens all.

    The new key is on the disk (or on the screen) before the database takes it, and the old one is
    there until it did; the next start sees which of the two the database is at.
    """
    database = database.absolute()
    with disk.Lock(database):
        if opening.is_new(database):
            raise Misconfigured(f"There is no database {database} whose key could be changed.")
        connection = opening.connect(database)
        try:
            opening.migrate(connection, database, clock.now())
            _, master = opening.unlock(connection, database, master)
            fresh = MasterKey(secrets.token_bytes(SIZE), master.file)
            _announce(fresh, say)
            at("announced")
            _rewrap(connection, database, master, fresh, at)
            at("committed")
            if fresh.file:
                disk.move(opening.next_file(fresh.file), fresh.file)
            at("renamed")
            # What the old key opens must not wait in the WAL, nor in the keys file.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            at("cleared")
            keyfile.refresh(connection, clock.now())
        finally:
            connection.close()
        if fresh.file:
            say(f"The key file {fresh.file} holds the new key.")
        else:
            say("The database takes this key and no other from now on.")


def _announce(fresh: MasterKey, say: Callable[[str], None]) -> None:
    if fresh.file:
        write_key_file(opening.next_file(fresh.file), fresh)
        return
    say("Set this in place of the old one, before the bot starts again:")
    say(f"BOT_MASTER_KEY={fresh.text}")


def _rewrap(
    connection: sqlite3.Connection,
    database: Path,
    old: MasterKey,
    fresh: MasterKey,
    at: Callable[[str], None],
) -> None:
    with opening.plainly(database), opening.transaction(connection):
        for owner, wrapped in opening.live_keys(connection).items():
            try:
                secret = old.unwrap(owner, wrapped)
            except ValueError:
                raise Misconfigured(
                    f"A key in {database} is damaged, so nothing was changed."
                ) from None
            values = {"owner": owner, "wrapped": fresh.wrap(owner, secret)}
            connection.execute(SQL["rewrap_key"], values)
        # Keys files hold them as the old key wrapped them: after a kill the next start sees to it.
        keyfile.leave_traces(connection.execute)
        at("rewrapped")
