"""The bot's face: set when it changed, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.telegram.face import Face, put_on

if TYPE_CHECKING:
    from tests.telegram.conftest import Post

FACE = Face("For hard moments with people.", "A quiet bot.", (("log", "write a moment down"),))


async def test_it_is_set_once_and_again_when_it_changes(post: Post) -> None:
    guest = post.guest()
    assert await put_on(post.bot, post.store, [FACE])
    assert post.standin.face("description") == "For hard moments with people."
    assert post.standin.face("short_description") == "A quiet bot."
    assert [one["command"] for one in post.standin.commands_for(post.standin.chats[guest.id])] == [
        "log"
    ]
    before = len(post.standin.calls)
    assert await put_on(post.bot, post.store, [FACE])
    assert len(post.standin.calls) == before
    german = Face("Für schwere Momente.", "Ein stiller Bot.", FACE.commands, "de")
    assert await put_on(post.bot, post.store, [FACE, german])
    assert post.standin.face("description", "de") == "Für schwere Momente."


async def test_a_failure_is_not_fatal_and_tried_again(post: Post) -> None:
    post.standin.fail("setMyCommands", status=500, description="Internal Server Error")
    assert not await put_on(post.bot, post.store, [FACE])
    assert await put_on(post.bot, post.store, [FACE])
