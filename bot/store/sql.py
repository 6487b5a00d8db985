"""The statements of this room by name, as the ``.sql`` files beside it have them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import aiosql


def _statements() -> dict[str, str]:
    # aiosql's own call costs a few microseconds each time, as much as SQLite needs for the
    # statement: it is asked once for the text.
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "queries").glob("*.sql")):
        queries = aiosql.from_path(path, "sqlite3")
        for name in queries.available_queries:
            if not name.endswith("_cursor"):
                found[name] = getattr(queries, name).sql
    return found


SQL: Final[dict[str, str]] = _statements()
