"""Files that are whole or not there: private, flushed, put in place by one rename."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Self

from bot.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].db"
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


def beside(path: Path, ending: str) -> Path:
    """Name a file beside another one by adding to its whole name."""
    return path.with_name(path.name + ending)


def flush_folder(folder: Path) -> None:
    """Make a rename or removal in this folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def flush(path: Path) -> None:
    """Make a file's content survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def put(path: Path, content: Iterable[bytes]) -> None:
    """Write a private file: after a kill at any point it is the old one or the new one."""
    part = beside(path, ".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(fd, "wb") as file:
        file.writelines(content)
        file.flush()
        os.fsync(fd)
    move(part, path)


def move(source: Path, target: Path) -> None:
    """Rename within a folder, for good."""
    source.replace(target)
    flush_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def remove_all(paths: Iterable[Path]) -> None:
    """Remove the files of these that are there."""
    for path in paths:
        remove(path)


def restoring(database: Path) -> list[Path]:
    """Name what a restore that was cut short may leave beside a database."""
    coming, aside = beside(database, ".restoring"), beside(database, ".before-restore")
    return [
        coming,
        *(beside(coming, ending) for ending in ("-wal", "-shm", "-journal")),
        beside(aside, ".full"),
        beside(aside, ".part"),
    ]


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only its owner may enter."""
    if folder.is_dir():
        return
    # Not ``parents=True``: it would give the folders above the usual, readable mode.
    make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def nightly_folder(database: Path) -> Path:
    """Name the folder of a database's nightly copies."""
    return database.parent / "nightly"


def newest_nightly(folder: Path) -> Path | None:
    """Return the newest nightly copy in a folder, if there is one."""
    return max(folder.glob(DATED), default=None, key=lambda copy: copy.name)


class Lock:
    """The sign on the door: while one process holds it, no other opens the database.

    The kernel takes it back when the process ends, however it ends, so it never needs clearing.
    """

    def __init__(self, database: Path) -> None:
        path = beside(database, ".lock")
        try:
            make_folder(database.parent)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as trouble:
            raise Misconfigured(
                f"The folder {database.parent} of the database cannot be written: "
                f"{trouble.strerror}."
            ) from trouble
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            copy = newest_nightly(nightly_folder(database))
            hint = f" Its newest nightly copy is {copy}." if copy else ""
            raise Misconfigured(
                f"The database {database} is in use by a running bot: stop that one first.{hint}"
            ) from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
