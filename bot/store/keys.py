"""Keys: the master key outside the database, and the ring of keys it opens inside."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from bot.errors import Misconfigured
from bot.store import disk
from bot.store.seal import bound, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

SIZE = 32
LOOKUP = b"look-up"
BOX = b"box"
HOW_TO = "a key is the 43 characters that `python -m bot keys new` prints"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that opens all others, and the file it came from, if it came from one."""

    secret: bytes = field(repr=False)
    file: Path | None = None

    @property
    def text(self) -> str:
        """The key as it stands in its file or in the environment."""
        return base64.urlsafe_b64encode(self.secret).decode().rstrip("=")

    def wrap(self, owner: bytes, secret: bytes) -> bytes:
        """Seal another key under this one."""
        return seal(AESGCM(self.secret), secret, bound("keys", owner))

    def unwrap(self, owner: bytes, wrapped: bytes) -> bytes:
        """Open a key that this one wrapped; ValueError for any other."""
        return unseal(AESGCM(self.secret), wrapped, bound("keys", owner))


def new_key() -> str:
    """Return a fresh master key as text."""
    return MasterKey(secrets.token_bytes(SIZE)).text


def new_id() -> str:
    """Return a fresh id: random, 32 hex digits."""
    return secrets.token_hex(16)


def read_key(text: str, source: str) -> bytes:
    """Read a key's text; ``source`` names where it stands, for the sentence when it is wrong."""
    trimmed = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        secret = base64.b64decode(trimmed + "=" * (-len(trimmed) % 4), "-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != SIZE:
        raise Misconfigured(f"{source} does not hold a master key: {HOW_TO}.")
    return secret


def read_key_file(path: Path) -> MasterKey:
    """Read a key file that is there."""
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except UnicodeDecodeError:
        text, mode = "", 0
    except OSError as trouble:
        raise Misconfigured(f"The key file {path} cannot be read: {trouble.strerror}.") from trouble
    if mode & 0o077:
        log.warning("The key file %s can be read by others: chmod 600 it.", path)
    return MasterKey(read_key(text, f"The key file {path}"), path)


def write_key_file(path: Path, master: MasterKey) -> None:
    """Put a key into a file that only its owner may read."""
    try:
        disk.make_folder(path.parent)
        disk.put(path, [master.text.encode(), b"\n"])
    except OSError as trouble:
        raise Misconfigured(
            f"The key file {path} cannot be written: {trouble.strerror}."
        ) from trouble


def load_master(*, env: str | None, file: Path | None, database_is_new: bool) -> MasterKey:
    """Find the master key, or make its file when there is nothing yet that it would have to open.

    ``file`` is the one that was named, or the default one; a key in the environment goes first.
    """
    if env:
        return MasterKey(read_key(env, "BOT_MASTER_KEY"))
    if file is None:
        raise Misconfigured("There is no master key: set BOT_MASTER_KEY_FILE or BOT_MASTER_KEY.")
    if file.exists():
        return read_key_file(file)
    if not database_is_new:
        # A fresh key would open nothing, and hide that the right one is missing.
        raise Misconfigured(
            f"The key file {file} is missing and nothing else opens the database: put it back, "
            "or name the right one with BOT_MASTER_KEY_FILE."
        )
    master = MasterKey(secrets.token_bytes(SIZE), file)
    write_key_file(file, master)
    return master


class Ring:
    """The keys of one open database."""

    __slots__ = ("_lookup", "_master", "box")

    def __init__(self, master: MasterKey, lookup: bytes, box: bytes) -> None:
        self._master = AESGCM(master.secret)
        self._lookup = HMAC(lookup, SHA256())
        self.box = AESGCM(box)
        """The box key: what belongs to no person, or to none yet."""

    @classmethod
    def opened(cls, master: MasterKey, lookup: bytes, box: bytes) -> Ring:
        """Unwrap a database's own keys; ValueError if the master key is another one's."""
        return cls(master, master.unwrap(LOOKUP, lookup), master.unwrap(BOX, box))

    def mark(self, use: bytes, what: str, person: bytes = b"") -> bytes:
        """Turn something into a mark that is the same every time and cannot be turned back."""
        # A short list of account numbers could be tried one by one against a plain hash.
        # Not the standard library's: that one lets go of the interpreter at each call, and the
        # store's thread would have to wait for it anew.
        mark = self._lookup.copy()
        mark.update(b"%b\x00%b\x00%b" % (use, person, what.encode()))
        return mark.finalize()

    def chat(self, chat: int) -> bytes:
        """Return the mark a person is found by."""
        return self.mark(b"chat", str(chat))

    def row(self, table: str, name: str, person: bytes) -> bytes:
        """Return the row id of something that brings a name of its own."""
        return self.mark(table.encode(), name, person)[:16]

    def fresh(self, person: bytes) -> tuple[AESGCM, bytes]:
        """Make a data key for a person: the key, and how it is kept."""
        secret = os.urandom(SIZE)
        return AESGCM(secret), seal(self._master, secret, bound("keys", person))

    def unwrap(self, person: bytes, wrapped: bytes) -> AESGCM:
        """Open a person's data key."""
        return AESGCM(unseal(self._master, wrapped, bound("keys", person)))
