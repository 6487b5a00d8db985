"""JSON as bytes: everything that Python's own takes comes back as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import jsons

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert json.loads(jsons.dump(value)) == value
    assert jsons.load(json.dumps(value).encode()) == json.loads(json.dumps(value))


@pytest.mark.parametrize("half", ["\ud83d", "lost \udc00 here"])
def test_half_a_surrogate_pair_survives(half: str) -> None:
    assert jsons.load(jsons.dump({"text": half, half: 1})) == {"text": half, half: 1}


def test_bytes_that_are_no_unicode_are_read_as_far_as_they_go() -> None:
    assert jsons.load(b'{"ok":true,"description":"\xff"}') == {"ok": True, "description": "�"}


@pytest.mark.parametrize("odd", [b"", b"{", b"[1,]", b"nothing"])
def test_what_is_no_json_is_refused(odd: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        jsons.load(odd)


@pytest.mark.parametrize("odd", [datetime(2026, 3, 1, tzinfo=UTC), {1, 2}, object()])
def test_what_is_not_json_is_not_written(odd: object) -> None:
    with pytest.raises(TypeError):
        jsons.dump(odd)
