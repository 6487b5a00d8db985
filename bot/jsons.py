"""JSON as bytes, fast: what is sealed, what Telegram sends and what it is sent.

What people type may hold half of a surrogate pair, which is no Unicode and which the fast library
refuses: that is left to Python's own, which writes it with ASCII alone.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

# Only what is JSON by itself: the library would also write times and dataclasses.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def dump(value: object) -> bytes:
    """Write a value; TypeError for one that is not JSON."""
    try:
        return orjson.dumps(value, option=_STRICT)
    except TypeError:
        return json.dumps(value).encode()


def load(payload: bytes) -> Any:
    """Read a value; ValueError where there is none."""
    try:
        return orjson.loads(payload)
    except ValueError:
        return json.loads(payload.decode("utf-8", "replace"))
