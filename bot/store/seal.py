"""Sealing: how a value becomes bytes that say nothing, and opens only where it belongs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot import jsons

if TYPE_CHECKING:
    from bot.store.records import Json

VERSION = b"\x01"
"""The first byte of every sealed value, so that another scheme can follow this one."""

NONCE = 12
SHORTEST = len(VERSION) + NONCE + 16
"""A sealed nothing: version, nonce and tag."""

STEP = 64


def bound(table: str, row: bytes, person: bytes = b"") -> bytes:
    """Name the one place a value belongs to; moved anywhere else, it does not open."""
    # Row and person ids have a fixed length and a table's name has no zero byte: no two places
    # share a name.
    return b"%b%b\x00%b%b" % (VERSION, table.encode(), row, person)


def seal(box: AESGCM, plain: bytes, place: bytes) -> bytes:
    """Seal bytes for one place."""
    nonce = os.urandom(NONCE)
    return VERSION + nonce + box.encrypt(nonce, plain, place)


def unseal(box: AESGCM, sealed: bytes, place: bytes) -> bytes:
    """Open what was sealed for this place; ValueError for anything else."""
    if sealed[:1] != VERSION or len(sealed) < SHORTEST:
        raise ValueError("not a sealed value of a kind this version knows")
    try:
        return box.decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], place)
    except InvalidTag:
        raise ValueError("a sealed value that was not sealed here, or not with this key") from None


def pack(value: Json) -> bytes:
    """Write a JSON value so that its length tells little about it."""
    text = jsons.dump(value)
    # Sealing hides the words but not how many: "hard" and "soft" would differ by their length.
    # Spaces after a JSON value mean nothing, and up to the next step they cost nothing.
    return text + b" " * (-len(text) % STEP)


def unpack(plain: bytes) -> Json:
    """Read what ``pack`` wrote."""
    value: Json = jsons.load(plain)
    return value
