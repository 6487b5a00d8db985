"""Polling: kept before it is confirmed, understood one by one, and never dropped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bot.coach.heard import Typed
from bot.errors import Misconfigured
from bot.telegram.client import call, telegram_bot
from bot.telegram.poll import Handover, Poll

if TYPE_CHECKING:
    from bot.coach.heard import Heard
    from tests.telegram.conftest import Post


def texts(heard: list[Heard]) -> list[str]:
    return [one.what.text for one in heard if isinstance(one.what, Typed)]


class Pauses:
    """Waits that take no time and are written down."""

    def __init__(self) -> None:
        self.spans: list[float] = []

    async def __call__(self, span: float) -> None:
        self.spans.append(span)
        await asyncio.sleep(0)


async def undone(post: Post) -> int:
    return len(await post.store.write(lambda tx: tx.undone(1000)))


async def test_what_is_said_is_heard_in_order(post: Post) -> None:
    guest = post.standin.join("Ada")
    for n in range(250):
        guest.send(f"line {n}")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 250)
        guest.send("live")
        await post.until(lambda: len(post.heard) == 251)
    assert texts(post.heard) == [*(f"line {n}" for n in range(250)), "live"]
    numbers = [one.number for one in post.heard]
    assert numbers == sorted(numbers)


async def test_a_page_is_confirmed_only_when_it_is_kept(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = post.standin.join("Ada")
    kept: list[int] = []
    page = post.standin.queue.page

    def watched(*given: Any) -> Any:
        kept.append(post.committed("inbox"))
        return page(*given)

    monkeypatch.setattr(post.standin.queue, "page", watched)
    for n in range(3):
        guest.send(f"line {n}")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 3 and not post.standin.queue.waiting)
    assert kept[0] == 0
    assert kept[1] == 3
    offsets = [one.get("offset") for one in post.named("getUpdates")]
    assert offsets[0] is None
    assert isinstance(offsets[1], int)


async def test_a_database_that_takes_nothing_leaves_updates_with_telegram(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    guest = post.standin.join("Ada")
    guest.send("MYWORDS")
    pauses = Pauses()
    async with post.full_disk(), post.polling(pause=pauses):
        await post.until(lambda: len(pauses.spans) >= 3)
        assert post.heard == []
        assert len(post.standin.queue.waiting) == 1
    async with post.polling(pause=pauses):
        await post.until(lambda: len(post.heard) == 1)
    assert pauses.spans[:3] == [1.0, 2.0, 4.0]
    assert "could not be kept" in caplog.text
    assert "MYWORDS" not in caplog.text


async def test_an_odd_update_is_set_aside_and_the_rest_goes_on(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    guest = post.standin.join("Ada")
    guest.send("before")
    post.standin.raw({"message": {"message_id": "MYWORDS", "chat": 5, "date": []}})
    async with post.polling():
        await post.until(lambda: len(post.heard) == 1 and bool(post.standin.queue.wakers))
        guest.send("after")
        await post.until(lambda: len(post.heard) == 2)
    assert texts(post.heard) == ["before", "after"]
    assert await undone(post) == 2
    assert "MYWORDS" not in caplog.text


async def test_the_same_update_twice_is_heard_once(post: Post) -> None:
    guest = post.standin.join("Ada")
    guest.send("once")
    update = post.standin.queue.waiting[0].update
    async with post.polling():
        await post.until(lambda: bool(post.standin.queue.wakers))
        post.standin.raw(update)
        guest.send("more")
        await post.until(lambda: "more" in texts(post.heard))
    assert texts(post.heard) == ["once", "more"]


async def test_what_was_kept_but_not_done_comes_first_after_a_restart(post: Post) -> None:
    guest = post.standin.join("Ada")
    for n in range(45):
        guest.send(f"line {n}")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 45)
    for one in post.heard[:5]:
        await post.store.write(lambda tx, number=one.number: tx.done_in(number))  # type: ignore[misc]
    post.heard.clear()
    guest.send("new")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 41)
    assert texts(post.heard) == [*(f"line {n}" for n in range(5, 45)), "new"]
    assert [one.attempts for one in post.heard] == [2] * 40 + [1]


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_cut_off_loses_nothing(post: Post, *, after: bool) -> None:
    guest = post.standin.join("Ada")
    guest.send("one")
    guest.send("two")
    pauses = Pauses()
    post.standin.cut("getUpdates", times=3, after_acceptance=after)
    async with post.polling(pause=pauses):
        await post.until(lambda: len(post.heard) == 2)
    assert texts(post.heard) == ["one", "two"]
    assert pauses.spans == [1.0, 2.0, 4.0]


async def test_an_unknown_token_is_said_plainly(post: Post) -> None:
    async with telegram_bot("9:wrong", post.url) as stranger:
        poll = Poll(stranger, post.store, post.clock, Handover(post.store, post.heard.append))
        with pytest.raises(Misconfigured, match="does not know this token"):
            await poll.run()


async def test_another_copy_is_named_once_and_the_loop_goes_on(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    guest = post.standin.join("Ada")
    guest.send("hello")
    pauses = Pauses()
    post.standin.fail(
        "getUpdates",
        status=409,
        description="Conflict: terminated by other getUpdates request",
        times=3,
    )
    async with post.polling(pause=pauses):
        await post.until(lambda: len(post.heard) == 1)
    assert caplog.text.count("Another copy of this bot") == 1
    assert pauses.spans == [15.0] * 3


async def test_telegram_asks_to_wait(post: Post) -> None:
    post.standin.join("Ada").send("hello")
    pauses = Pauses()
    post.standin.fail(
        "getUpdates", status=429, description="Too Many Requests", parameters={"retry_after": 9}
    )
    async with post.polling(pause=pauses):
        await post.until(lambda: len(post.heard) == 1)
    assert pauses.spans == [9.0]


async def test_a_webhook_from_before_is_removed_and_nothing_dropped(post: Post) -> None:
    await call(post.bot, "setWebhook", {"url": "http://127.0.0.1:9/hook"})
    post.standin.join("Ada").send("kept")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 1)
    assert post.named("deleteWebhook")[0].get("drop_pending_updates") in (False, None)


async def test_a_busy_coach_is_given_time(post: Post) -> None:
    guest = post.standin.join("Ada")
    for n in range(250):
        guest.send(f"line {n}")
    poll_most = Handover(post.store, post.heard.append, busy=lambda: len(post.heard), most=100)
    task = asyncio.create_task(Poll(post.bot, post.store, post.clock, poll_most).run())
    await post.until(lambda: len(post.heard) == 100)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(post.heard) == 100
    heard = len(post.heard)
    post.heard.clear()
    await post.until(lambda: len(post.heard) >= 100)
    heard += len(post.heard)
    assert heard == 200
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_ids_that_start_anew_lower_are_heard(post: Post) -> None:
    guest = post.standin.join("Ada")
    guest.send("before")
    async with post.polling():
        await post.until(lambda: len(post.heard) == 1 and bool(post.standin.queue.wakers))
    post.heard.clear()
    chat = {"id": guest.id, "type": "private"}
    low = {
        "update_id": 5,
        "message": {"message_id": 1, "date": 1, "chat": chat, "from": chat, "text": "anew"},
    }
    post.standin.raw(low)
    async with post.polling():
        await post.until(lambda: len(post.heard) >= 1 and "anew" in texts(post.heard))
