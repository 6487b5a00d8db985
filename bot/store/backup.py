"""Copies of the database that carry no keys, and the way back from one.

A copy is rows only. The keys file beside the newest one (see ``keyfile``) opens copies of any age,
for the people who are still remembered; whoever was forgotten since is in the copy as noise, and
is not even that after a restore. What passes through (inbox, outbox, chats told once) is in no
copy: to say it again days later would be wrong, and some of it belongs to nobody's key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

from bot.errors import Misconfigured
from bot.store import disk, keyfile, opening
from bot.store.keys import BOX, LOOKUP, MasterKey, Ring
from bot.store.sql import SQL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.clock import Clock
    from bot.store.store import Store

PASSING = ("delete_inbox", "delete_outbox", "delete_strangers")


def _pass(_point: str) -> None:
    """Go on; the tests end the process at one of the points instead."""


async def backup(store: Store, file: Path, *, at: Callable[[str], None] = _pass) -> Path:
    """Copy the database through its own connection, while the bot goes on."""
    file = file.absolute()  # noqa: ASYNC240 - a name, not a look at the disk
    if file == store.path:
        raise Misconfigured("A backup needs a file of its own, beside the database or elsewhere.")
    full, part = disk.beside(file, ".full"), disk.beside(file, ".part")
    async with store.copying:
        try:
            # Only the first step needs the connection for long; the rest is done beside it.
            await store.direct(_copy, full, part)
            at("copied")
            await asyncio.to_thread(_strip, full, part, store.path)
            at("stripped")
            await store.direct(_put_in_place, full, part, file, store.clock, at)
        except (OSError, sqlite3.Error, Misconfigured) as trouble:
            with contextlib.suppress(OSError):
                disk.remove_all((full, part))
            if isinstance(trouble, Misconfigured):
                raise
            if opening.is_damage(trouble):
                raise opening.damage(store.path) from trouble
            raise Misconfigured(f"The copy {file} could not be written: {trouble}.") from trouble
    return file


def _copy(connection: sqlite3.Connection, full: Path, part: Path) -> None:
    disk.make_folder(full.parent)
    beside = [disk.beside(full, ending) for ending in ("-wal", "-journal")]
    keyfile.note_unfinished(connection, [full, part, *beside])
    _blank(full)
    # Page by page, as it is: the fastest way to let the connection go again.
    target = sqlite3.connect(full, isolation_level=None)
    try:
        target.execute("PRAGMA synchronous = OFF")  # it can be made again
        connection.backup(target)
    finally:
        target.close()


def _blank(path: Path) -> None:
    # SQLite would make the file as readable as the umask allows; it takes an empty one as it is.
    disk.remove(path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, disk.PRIVATE))


def _strip(full: Path, part: Path, database: Path) -> None:
    """Write the copy again without keys, so that not even an unused page has one.

    Before that it is looked through, as the database itself is not at a start when it is big: a
    damaged one takes no good copy's place.
    """
    connection = sqlite3.connect(full, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # no file beside it but a journal
        opening.look_through(connection, database)
        # No journal: it would be one more file with keys in it, and this copy can be made again.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA secure_delete = ON")
        for name in (keyfile.PLACES, keyfile.TRACES, keyfile.UNFINISHED):
            connection.execute(SQL["drop_fact"], {"name": name})
        for statement in ("delete_keys", *PASSING):
            connection.execute(SQL[statement])
        _blank(part)
        connection.execute("VACUUM INTO ?", (str(part),))
    finally:
        connection.close()
    disk.flush(part)
    disk.remove(full)


def _put_in_place(  # noqa: PLR0913, PLR0917 - all of what a copy is
    connection: sqlite3.Connection,
    full: Path,
    part: Path,
    file: Path,
    clock: Clock,
    at: Callable[[str], None],
) -> None:
    place = keyfile.name_for(file)
    older = [path for path in keyfile.places(connection) if path != place]
    # Known before it is there: whoever is forgotten between the two leaves this file as well.
    keyfile.remember(connection, [*older, place])
    keyfile.write(connection, place, clock.now())
    name = keyfile.database_of(place) or ""
    at("keys written")
    disk.move(part, file)
    at("in place")
    # A file on a disk that is not here now stays remembered, and is met when it comes back.
    away = [path for path in older if not path.exists()]
    for path in older:
        if keyfile.database_of(path) == name:
            disk.remove(path)
    keyfile.remove_others(file.parent, place, name)
    keyfile.remember(connection, [*away, place])
    disk.remove(full)
    connection.execute(SQL["drop_fact"], {"name": keyfile.UNFINISHED})


async def nightly(store: Store, folder: Path | None = None, keep: int = 7) -> Path:
    """Make tonight's copy and let go of the oldest."""
    folder = folder or disk.nightly_folder(store.path)
    copy = await backup(store, folder / f"{store.clock.now():%Y-%m-%d}.db")
    await asyncio.to_thread(_prune, folder, keep)
    return copy


def _prune(folder: Path, keep: int) -> None:
    for old in sorted(folder.glob(disk.DATED))[:-keep]:
        disk.remove(old)


def restore(
    database: Path,
    file: Path,
    master: MasterKey,
    clock: Clock,
    *,
    at: Callable[[str], None] = _pass,
) -> int:
    """Put a copy in the database's place, with the bot stopped; return how many people it has.

    The replaced database stays as ``….before-restore``, without keys like any other copy: with
    them it would still open for someone who is forgotten later. A damaged one cannot be freed of
    its keys and is not kept.
    """
    database, file = database.absolute(), file.absolute()
    coming = disk.beside(database, ".restoring")
    with disk.Lock(database):
        # A WAL file left by a restore that was cut short must not meet another copy.
        disk.remove_all(disk.restoring(database))
        try:
            _fetch(file, coming)
            people = _furnish(database, file, coming, master, clock)
            at("furnished")
            _set_aside(database)
            at("set aside")
            _settle(database)
            at("settled")
            disk.move(coming, database)
        except OSError as trouble:
            raise Misconfigured(f"The copy {file} cannot be restored: {trouble}.") from trouble
        finally:
            disk.remove_all(disk.restoring(database))
    return people


def _fetch(file: Path, coming: Path) -> None:
    if not file.is_file() or not file.stat().st_size:
        raise Misconfigured(f"There is no copy {file}.")
    _blank(coming)
    shutil.copyfile(file, coming)


def _furnish(database: Path, file: Path, coming: Path, master: MasterKey, clock: Clock) -> int:
    """Give the copy the newest keys there are, and take out who has none."""
    with opening.plainly(file):
        connection = opening.connect(coming)
    try:
        opening.migrate(connection, file, clock.now())
        name = opening.fact(connection, "id")
        if name is None:
            raise Misconfigured(f"The file {file} is no copy of a bot's database.")
        keys, places = _newest_keys(database, file, name, master)
        with opening.plainly(file), opening.transaction(connection):
            connection.execute(SQL["delete_keys"])
            for owner, wrapped in keys.items():
                connection.execute(SQL["add_key"], {"owner": owner, "wrapped": wrapped})
            connection.execute(SQL["delete_people_without_key"])
            connection.execute(SQL["delete_keys_without_person"], {"lookup": LOOKUP, "box": BOX})
            for statement in PASSING:
                connection.execute(SQL[statement])
            connection.execute(SQL["drop_fact"], {"name": keyfile.UNFINISHED})
            keyfile.remember(connection, places)
            # The newest keys are of more people than the copy has.
            keyfile.leave_traces(connection.execute)
        people: int = connection.execute(SQL["count_people"]).fetchone()[0]
        _leave_wal(connection)
    finally:
        connection.close()
    disk.flush(coming)
    return people


def _leave_wal(connection: sqlite3.Connection) -> None:
    # One file, with nothing beside it, is what a rename can put in place.
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def _newest_keys(
    database: Path, file: Path, name: str, master: MasterKey
) -> tuple[dict[bytes, bytes], list[Path]]:
    """Find the newest keys of a database: its own if it is there, else a keys file's."""
    own = _own_keys(database, name, master)
    if own is not None:
        return own
    folders = {file.parent, disk.nightly_folder(database)}
    found = [
        (keys.written_at, str(path), path, keys.keys)
        for folder in folders
        for path in folder.glob("*.keys")
        if (keys := keyfile.read(path)) and keys.database == name and _opens(master, keys.keys)
    ]
    if not found:
        raise Misconfigured(
            f"No keys for {file} open with this master key: put its newest .keys file beside it."
        )
    _, _, path, newest = max(found, key=lambda one: one[:2])
    return newest, [path]


def _opens(master: MasterKey, keys: dict[bytes, bytes]) -> bool:
    try:
        Ring.opened(master, keys[LOOKUP], keys[BOX])
    except (KeyError, ValueError):
        return False
    return True


def _own_keys(
    database: Path, name: str, master: MasterKey
) -> tuple[dict[bytes, bytes], list[Path]] | None:
    if opening.is_new(database):
        return None
    try:
        connection = opening.connect(database)
    except Misconfigured:
        return None
    try:
        if opening.fact(connection, "id") != name:
            return None
        # This also finishes a change of the master key that was cut short.
        opening.unlock(connection, database, master)
        return opening.live_keys(connection), keyfile.places(connection)
    except (Misconfigured, sqlite3.Error):
        return None
    finally:
        connection.close()


def _set_aside(database: Path) -> None:
    """Keep the database that is replaced, as a copy without keys."""
    if opening.is_new(database):
        return
    aside = disk.beside(database, ".before-restore")
    full, part = disk.beside(aside, ".full"), disk.beside(aside, ".part")
    try:
        connection = opening.connect(database)
        try:
            _blank(full)
            connection.execute("VACUUM INTO ?", (str(full),))
        finally:
            connection.close()
        _strip(full, part, database)
    except (Misconfigured, sqlite3.Error):
        return
    disk.move(part, aside)


def _settle(database: Path) -> None:
    """Bring all of the old database into its one file, so that a rename replaces it whole."""
    try:
        connection = opening.connect(database)
        try:
            _leave_wal(connection)
        finally:
            connection.close()
    except (Misconfigured, sqlite3.Error):
        pass
    for ending in ("-wal", "-shm", "-journal"):
        disk.remove(disk.beside(database, ending))
