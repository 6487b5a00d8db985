"""What updates say: every kind there is, and kinds there are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.coach.heard import (
    Document,
    Edited,
    Elsewhere,
    Heard,
    Left,
    Returned,
    Tapped,
    Typed,
    Unreadable,
)
from bot.telegram.updates import OddUpdate, allowed_updates, read, understand

if TYPE_CHECKING:
    from tests.telegram.conftest import Post

ADA: dict[str, Any] = {
    "id": 5_000_000_001,
    "is_bot": False,
    "first_name": "Ada",
    "language_code": "de",
}
PRIVATE: dict[str, Any] = {"id": 5_000_000_001, "type": "private", "first_name": "Ada"}
GROUP: dict[str, Any] = {"id": -100, "type": "supergroup", "title": "G"}


def message(chat: dict[str, Any] | None = None, **content: Any) -> dict[str, Any]:
    return {"message_id": 3, "from": ADA, "chat": chat or PRIVATE, "date": 1000, **content}


def what(update: dict[str, Any]) -> Any:
    heard = read({"update_id": 1, **update}, 9)
    return None if heard is None else heard.what


def test_text() -> None:
    update = {"update_id": 1, "message": message(text="hello")}
    assert understand(json.dumps(update).encode(), 9) == Heard(
        9,
        PRIVATE["id"],
        ADA["id"],
        Typed("hello", 3),
        1000,
        "de",
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"voice": {}}, Unreadable("voice", 3)),
        ({"photo": [], "caption": "look"}, Unreadable("photo", 3, "look")),
        ({"animation": {}, "document": {"file_id": "x"}}, Unreadable("animation", 3)),
        ({"venue": {}, "location": {}}, Unreadable("venue", 3)),
        ({"dice": {}}, Unreadable("dice", 3)),
        ({"sticker": {}}, Unreadable("sticker", 3)),
        ({"text": "theirs", "forward_origin": {}}, Unreadable("forward", 3, "theirs")),
        ({"photo": [], "caption": "c", "forward_origin": {}}, Unreadable("forward", 3, "c")),
        ({"some_new_thing": {}}, Unreadable("unknown", 3)),
        (
            {"document": {"file_id": "f", "file_name": "a.json", "file_size": 5}, "caption": "c"},
            Document("f", "a.json", 5, 3, "c"),
        ),
        ({"document": {"file_id": "f"}}, Document("f", "", 0, 3)),
        ({"pinned_message": {}}, None),
        ({"chat_shared": {}}, None),
        ({"message_auto_delete_timer_changed": {}}, None),
    ],
)
def test_what_is_not_text(content: dict[str, Any], expected: Any) -> None:
    assert what({"message": message(**content)}) == expected


def test_edits() -> None:
    edited: dict[str, Any] = {"edit_date": 2000}
    assert what({"edited_message": message(text="new", **edited)}) == Edited("new", 3)
    assert what({"edited_message": message(photo=[], caption="c", **edited)}) == Edited("c", 3)
    assert what({"edited_message": message(location={}, **edited)}) is None
    assert what({"edited_message": message(GROUP, text="new")}) is None


def test_taps() -> None:
    tap: dict[str, Any] = {"id": "77", "from": ADA, "chat_instance": "1", "data": "a:1"}
    assert what({"callback_query": {**tap, "message": message()}}) == Tapped("a:1", "77", 3)
    gone = {"message_id": 3, "chat": PRIVATE, "date": 0}
    assert what({"callback_query": {**tap, "message": gone}}) == Tapped("a:1", "77", 3)
    assert what({"callback_query": tap}) == Tapped("a:1", "77", None)
    assert what({"callback_query": {**tap, "message": message(GROUP)}}) == Elsewhere(
        can_write=False
    )


def test_blocking_and_coming_back() -> None:
    def change(old: str, new: str, chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
        return {
            "my_chat_member": {
                "chat": chat,
                "from": ADA,
                "date": 1,
                "old_chat_member": {"status": old},
                "new_chat_member": {"status": new, **more},
            }
        }

    assert what(change("member", "kicked")) == Left()
    assert what(change("kicked", "member")) == Returned()
    assert what(change("member", "member")) is None
    assert what(change("left", "member", GROUP)) == Elsewhere(can_write=True)
    assert what(change("member", "left", GROUP)) == Elsewhere(can_write=False)
    channel = {**GROUP, "type": "channel"}
    assert what(change("left", "administrator", channel)) == Elsewhere(can_write=False)
    posts = change("left", "administrator", channel, can_post_messages=True)
    assert what(posts) == Elsewhere(can_write=True)


def test_elsewhere() -> None:
    assert what({"message": message(GROUP, text="/start")}) == Elsewhere(can_write=True)
    assert what({"message": message(GROUP, new_chat_members=[])}) is None
    anonymous = message(GROUP, text="x", sender_chat=GROUP)
    del anonymous["from"]
    assert what({"message": anonymous}) == Elsewhere(can_write=True)
    assert what({"channel_post": anonymous}) == Elsewhere(can_write=False)


def test_what_nobody_asked_for_is_nothing() -> None:
    assert what({"poll": {}}) is None
    assert what({}) is None
    robot = {**ADA, "is_bot": True}
    assert what({"message": {**message(text="x"), "from": robot}}) is None
    assert "message" in allowed_updates()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"message": 5}',
        b'{"message": {"chat": {}}}',
        b'{"message": {"chat": {"id": "5", "type": "private"}}}',
        b'{"message": {"chat": {"id": 5, "type": "private"}, "text": "x"}}',
        b'{"message": {"chat": {"id": 5, "type": "private"}, "from": {"id": 5}, "text": "x"}}',
        b'{"callback_query": {"from": {"id": 5}, "data": "x"}}',
        b'{"my_chat_member": {"chat": {"id": 5, "type": "private"}, "from": {"id": 5}}}',
    ],
)
def test_odd_updates_are_told_by_one_error(payload: bytes) -> None:
    with pytest.raises(OddUpdate):
        understand(payload, 1)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "from", "chat", "message_id", "text", "date", "data", "message"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from([*allowed_updates(), "channel_post", "other"]), _anything)
def test_no_update_breaks_the_reader(kind: str, value: Any) -> None:
    try:
        heard = read({"update_id": 1, kind: value}, 1)
    except OddUpdate:
        return
    assert heard is None or isinstance(heard, Heard)


async def test_everything_the_stand_in_can_do(post: Post) -> None:
    guest = post.guest()
    guest.photo(caption="c")
    guest.send_voice()
    guest.sticker()
    guest.location()
    guest.contact()
    guest.poll()
    guest.story()
    guest.forward("theirs")
    guest.document("a.json", b"{}", caption="mine")
    guest.edit(guest.send("one"), "two")
    guest.block()
    guest.unblock()
    room = post.standin.group("G")
    room.post("/start", sender=guest)
    async with post.polling():
        await post.until(lambda: len(post.heard) >= 16)
    kinds = [
        one.what.kind if isinstance(one.what, Unreadable) else type(one.what).__name__
        for one in post.heard
    ]
    assert kinds == [
        "Typed",
        "photo",
        "voice",
        "sticker",
        "location",
        "contact",
        "poll",
        "story",
        "forward",
        "Document",
        "Typed",
        "Edited",
        "Left",
        "Returned",
        "Elsewhere",
        "Elsewhere",
    ]
    assert {one.chat for one in post.heard[:-2]} == {guest.id}
