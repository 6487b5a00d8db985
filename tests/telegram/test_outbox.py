"""The outbox: order of need, patience with Telegram, nothing lost and nothing said twice."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from bot.coach.calls import Amend, Attach, Button, Remove, Say
from bot.store import Lane

if TYPE_CHECKING:
    from tests.telegram.conftest import Post


async def test_a_chat_is_served_in_order(post: Post) -> None:
    guest = post.guest()
    rows = await post.queue(guest.id, *(Say(f"line {n}") for n in range(12)))
    async with post.sending() as outbox:
        outbox.add(rows)
        await outbox.idle()
    assert post.texts() == [f"line {n}" for n in range(12)]
    assert await post.pending() == []


async def test_what_earlier_runs_left_goes_first_and_once(post: Post) -> None:
    guest = post.guest()
    left = await post.queue(guest.id, *(Say(f"old {n}") for n in range(450)))
    later = await post.queue(guest.id, Say("new"))
    others = [post.guest(f"Guest {n}") for n in range(30)]
    for other in others:
        await post.queue(other.id, Say("hello"), Say("again"))
    async with post.sending() as outbox:
        outbox.add(later)
        outbox.add(left[-3:])
        await post.until(lambda: post.texts().count("again") == 30)
        await post.until(lambda: "old 29" in post.texts())
    said = [text for text in post.texts() if text.startswith(("old", "new"))]
    assert said[:30] == [f"old {n}" for n in range(30)]


async def test_more_urgent_rows_overtake(post: Post) -> None:
    guest = post.guest()
    post.standin.hold("sendMessage")
    replies = await post.queue(guest.id, *(Say(f"reply {n}") for n in range(3)))
    async with post.sending() as outbox:
        outbox.add(replies)
        await post.until(lambda: len(post.texts()) == 1)
        outbox.add(await post.queue(guest.id, Say("timer"), lane=Lane.TIMER))
        outbox.add(await post.queue(guest.id, Say("card"), lane=Lane.CARD))
        outbox.add(await post.queue(guest.id, Say("moment"), lane=Lane.MOMENT))
        post.standin.release()
        await outbox.idle()
    assert post.texts() == ["reply 0", "card", "moment", "reply 1", "reply 2", "timer"]


async def test_one_call_of_a_chat_is_under_way_and_others_go_on(post: Post) -> None:
    ada, ben = post.guest("Ada"), post.guest("Ben")
    post.standin.hold("sendMessage")
    async with post.sending() as outbox:
        outbox.add(await post.queue(ada.id, Say("a1"), Say("a2")))
        outbox.add(await post.queue(ben.id, Say("b1"), Say("b2")))
        await post.until(lambda: len(post.texts()) == 2)
        assert sorted(post.texts()) == ["a1", "b1"]
        post.standin.release()
        await outbox.idle()
    assert sorted(post.texts()) == ["a1", "a2", "b1", "b2"]


async def test_the_mark_is_committed_before_the_chat_goes_on(post: Post) -> None:
    guest = post.guest()
    post.standin.hold("sendMessage")
    async with post.sending() as outbox:
        rows = await post.queue(guest.id, Say("one"), Say("two"))
        outbox.add(rows)
        await post.until(lambda: "one" in post.texts())
        post.standin.release()
        post.standin.hold("sendMessage")
        await post.until(lambda: "two" in post.texts())
        assert [row.id for row in await post.pending()] == [rows[1].id]


async def test_telegram_asks_one_chat_to_wait(post: Post) -> None:
    ada, ben = post.guest("Ada"), post.guest("Ben")
    post.standin.fail(
        "sendMessage", status=429, description="Too Many Requests", parameters={"retry_after": 1}
    )
    loop = asyncio.get_running_loop()
    async with post.sending() as outbox:
        outbox.add(await post.queue(ada.id, Say("a1"), Say("a2")))
        await post.until(lambda: post.standin.counts["sendMessage"] == 1)
        began = loop.time()
        outbox.add(await post.queue(ben.id, Say("b1")))
        await post.until(lambda: post.texts() == ["b1"])
        assert loop.time() - began < 0.9
        await outbox.idle()
        assert loop.time() - began > 0.9
    assert post.texts() == ["b1", "a1", "a2"]


async def test_telegram_asks_bulk_to_wait_and_replies_go_on(post: Post) -> None:
    guests = [post.guest(f"Guest {n}") for n in range(3)]
    post.standin.fail(
        "sendMessage", status=429, description="Too Many Requests", parameters={"retry_after": 1}
    )
    async with post.sending(bulk_rate=8) as outbox:
        for guest in guests:
            outbox.add(await post.queue(guest.id, Say("check-in"), lane=Lane.BULK))
        await post.until(lambda: post.standin.counts["sendMessage"] >= 1)
        outbox.add(await post.queue(guests[0].id, Say("reply")))
        await outbox.idle()
    assert post.texts() == ["reply", *["check-in"] * 3]


async def test_bulk_keeps_to_its_rate(post: Post) -> None:
    guests = [post.guest(f"Guest {n}") for n in range(13)]
    loop = asyncio.get_running_loop()
    async with post.sending(bulk_rate=40) as outbox:
        rows = [
            row
            for guest in guests
            for row in await post.queue(guest.id, Say("check-in"), lane=Lane.BULK)
        ]
        began = loop.time()
        outbox.add(rows)
        await outbox.idle()
        took = loop.time() - began
    assert post.texts() == ["check-in"] * 13
    assert 11 / 40 <= took < 2


async def test_someone_who_blocked_the_bot_is_left_in_peace(post: Post) -> None:
    ada, ben = post.guest("Ada"), post.guest("Ben")
    person = await post.person(ada)
    now = post.clock.now()
    await post.store.write(lambda tx: tx.set_timer(person.id, now, "checkin", "2026-11-21"))
    ada.block()
    async with post.sending() as outbox:
        await outbox.idle()
        replies = await post.queue(ada.id, Say("a1"), Say("a2"), person=person)
        bulk = await post.queue(ada.id, Say("bulk"), lane=Lane.BULK, person=person)
        outbox.add([*replies, *bulk, *await post.queue(ben.id, Say("b1"))])
        await outbox.idle()
    known = await post.store.read(lambda tx: tx.person(person.id))
    assert known is not None
    assert not known.here
    assert await post.store.read(lambda tx: tx.timers(person.id)) == []
    assert await post.pending() == []
    assert post.texts() == ["b1"]
    assert len(post.named("sendMessage")) == 2


async def test_a_refused_call_is_set_aside_without_its_words(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    guest = post.guest()
    caplog.set_level(logging.DEBUG)
    post.standin.fail("sendMessage", status=400, description="Bad Request: odd MYSECRETWORD there")
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("MYSECRETWORD"), Say("next")))
        await outbox.idle()
    assert post.texts() == ["next"]
    assert await post.pending() == []
    assert "is set aside" in caplog.text
    assert "MYSECRETWORD" not in caplog.text
    assert "SECRET-part" not in caplog.text


@pytest.mark.parametrize("after", [False, True])
async def test_a_connection_cut_off_is_tried_again_in_place(post: Post, *, after: bool) -> None:
    guest = post.guest()
    post.standin.cut("sendMessage", after_acceptance=after)
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("one"), Say("two"), Say("three")))
        await outbox.idle()
    assert post.texts() == (["one"] if after else []) + ["one", "two", "three"]


async def test_a_card_does_not_wait_for_what_failed_before_it(post: Post) -> None:
    guest = post.guest()
    post.standin.cut("sendMessage", after_acceptance=False)
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("reply")))
        await post.until(lambda: not post.standin.faults.waiting)
        outbox.add(await post.queue(guest.id, Say("card"), lane=Lane.CARD))
        await outbox.idle()
    assert post.texts() == ["card", "reply"]


async def test_a_check_in_in_doubt_is_not_repeated(post: Post) -> None:
    guest = post.guest()
    post.standin.cut("sendMessage", after_acceptance=True)
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("check-in"), lane=Lane.BULK))
        await outbox.idle()
    assert post.texts() == ["check-in"]


async def test_a_check_in_under_way_at_a_kill_is_not_repeated_but_a_reply_is(post: Post) -> None:
    guest, other = post.guest("Ada"), post.guest("Ben")
    post.standin.hold("sendMessage")
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("check-in"), lane=Lane.BULK))
        outbox.add(await post.queue(other.id, Say("reply")))
        await post.until(lambda: len(post.texts()) == 2)
    post.standin.release()
    async with post.sending() as outbox:
        await outbox.idle()
    assert sorted(post.texts()) == ["check-in", "reply", "reply"]


async def test_telegram_failing_for_ever_at_one_call_does_not_stop_a_chat(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.telegram.outbox._WAITS", (0.0,))
    guest = post.guest()
    post.standin.fail("sendMessage", status=500, description="Internal Server Error", times=12)
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("bad"), Say("good")))
        await outbox.idle()
    assert post.texts() == ["good"]


async def test_markup_telegram_does_not_take_goes_as_plain_text(post: Post) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("<b>You &amp; I</i>")))
        await outbox.idle()
    assert guest.last.text == "You & I"


async def test_keyboards(post: Post) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(
            await post.queue(
                guest.id,
                Say(
                    "<b>Which?</b>",
                    buttons=((Button("One", data="1"), Button("Copy", copy="text")),),
                    silent=True,
                ),
                Say("Here", keyboard=(("Right now", "Stop"),)),
                Say("Gone", keyboard=()),
            )
        )
        await outbox.idle()
    inline, reply, removal = post.named("sendMessage")
    assert inline["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "One", "callback_data": "1"}, {"text": "Copy", "copy_text": {"text": "text"}}]
        ]
    }
    assert inline["parse_mode"] == "HTML"
    assert inline["disable_notification"] is True
    assert inline["link_preview_options"] == {"is_disabled": True}
    assert reply["reply_markup"] == {
        "keyboard": [[{"text": "Right now"}, {"text": "Stop"}]],
        "resize_keyboard": True,
        "is_persistent": True,
    }
    assert removal["reply_markup"] == {"remove_keyboard": True}


async def test_a_message_is_amended_by_its_row(post: Post) -> None:
    guest = post.guest()
    person = await post.person(guest)
    say, *_ = await post.queue(
        guest.id, Say("One?", buttons=((Button("x", data="x"),),)), person=person
    )
    async with post.sending() as outbox:
        outbox.add([say])
        outbox.add(await post.queue(guest.id, Amend("One: yes", row=say.id), person=person))
        await outbox.idle()
    assert [(bubble.text, bubble.labels) for bubble in guest.answers] == [("One: yes", [])]
    # Another process: the message's id comes from the store.
    async with post.sending() as outbox:
        again = Amend(None, buttons=((Button("Back", data="b"),),), row=say.id)
        outbox.add(await post.queue(guest.id, again, person=person))
        await outbox.idle()
    assert [(bubble.text, bubble.labels) for bubble in guest.answers] == [("One: yes", ["Back"])]


async def test_amending_what_is_so_already_or_gone_counts_as_done(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("same")))
        await outbox.idle()
        known = guest.last.message_id
        outbox.add(
            await post.queue(
                guest.id,
                Amend("same", message_id=known),
                Amend("new", message_id=999_999),
                Amend("new", row="ab" * 16),
                Say("on"),
            )
        )
        await outbox.idle()
    assert post.texts() == ["same", "on"]
    assert caplog.text.count("set aside") == 1  # the row nobody knows


async def test_messages_are_removed_by_hundreds_and_one_by_one_when_refused(post: Post) -> None:
    guest = post.guest()
    ids = [guest.send(f"line {n}") for n in range(130)]
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Remove(tuple(ids))))
        await outbox.idle()
        assert [len(call["message_ids"]) for call in post.named("deleteMessages")] == [100, 30]
        assert len(guest.messages) == 1
        more = [guest.send("more"), guest.send("and more")]
        post.standin.fail(
            "deleteMessages", status=400, description="Bad Request: message can't be deleted"
        )
        outbox.add(await post.queue(guest.id, Remove((*more, 999_999)), Say("done")))
        await outbox.idle()
    assert len(post.named("deleteMessage")) == 3
    assert [bubble.text for bubble in guest.messages] == ["/start", "done"]


async def test_a_file_is_made_when_it_is_sent(post: Post) -> None:
    guest = post.guest()
    person = await post.person(guest)
    asked: list[Any] = []

    async def export(who: str, fields: dict[str, Any]) -> list[tuple[str, bytes]]:
        asked.append((who, fields))
        return [("export.json", b"{}"), ("entries.csv", b"a,b")]

    post.standin.cut("sendDocument", after_acceptance=False)
    async with post.sending(export=export) as outbox:
        attach = Attach("export", {"days": 7}, caption="<b>Yours</b>")
        outbox.add(await post.queue(guest.id, attach, Say("next"), person=person))
        await outbox.idle()
    assert asked == [(person.id, {"days": 7})]
    json_file, csv_file, after = guest.answers
    assert json_file.document is not None
    assert json_file.document.name == "export.json"
    assert json_file.document.content == b"{}"
    assert json_file.text == "Yours"
    assert csv_file.document is not None
    assert after.text == "next"
    assert post.named("sendChatAction")[0]["action"] == "upload_document"
    seen = await post.store.read(lambda tx: tx.sightings(person.id))
    assert {one.message_id for one in seen} == {bubble.message_id for bubble in guest.answers}


async def test_a_card_overtakes_a_file_that_is_being_made(post: Post) -> None:
    guest = post.guest()
    made = asyncio.Event()

    async def report(_: str, __: dict[str, Any]) -> tuple[str, bytes]:
        await made.wait()
        return "report.pdf", b"%PDF"

    async with post.sending(report=report) as outbox:
        outbox.add(await post.queue(guest.id, Attach("report", {}), Say("after")))
        await post.until(lambda: guest.typing)
        outbox.add(await post.queue(guest.id, Say("card"), lane=Lane.CARD))
        await post.until(lambda: post.texts() == ["card"])
        made.set()
        await outbox.idle()
    assert [bubble.text for bubble in guest.answers] == ["card", "", "after"]


async def test_a_file_that_cannot_be_made_or_sent_is_set_aside(post: Post) -> None:
    guest = post.guest()

    async def broken(_: str, __: dict[str, Any]) -> tuple[str, bytes]:
        raise RuntimeError("words of theirs")

    async def huge(_: str, __: dict[str, Any]) -> tuple[str, bytes]:
        return "huge", bytes(50_000_001)

    async with post.sending(broken=broken, huge=huge) as outbox:
        outbox.add(
            await post.queue(
                guest.id, Attach("broken", {}), Attach("huge", {}), Attach("none", {}), Say("on")
            )
        )
        await outbox.idle()
    assert post.texts() == ["on"]
    assert post.named("sendDocument") == []


async def test_a_row_nobody_can_read_is_set_aside(post: Post) -> None:
    guest = post.guest()
    now = post.clock.now()
    odd = await post.store.write(
        lambda tx: tx.queue(None, guest.id, Lane.REPLY, {"kind": "dance"}, now=now)
    )
    async with post.sending() as outbox:
        outbox.add([odd, *await post.queue(guest.id, Say("on"))])
        await outbox.idle()
    assert post.texts() == ["on"]
    assert await post.pending() == []


async def test_toasts_go_at_once_and_never_matter(post: Post) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("?", buttons=((Button("x", data="x"),),))))
        await outbox.idle()
        tapped = guest.tap("x")
        assert tapped is not None
        outbox.toast(tapped, "Saved")
        outbox.toast("no such tap")
        await outbox.idle()
    assert guest.toasts == ["Saved"]


async def test_every_tap_is_answered_however_many_come_at_once(post: Post) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, Say("?", buttons=((Button("x", data="x"),),))))
        await outbox.idle()
        for number in range(100):
            tapped = guest.tap("x")
            assert tapped is not None
            outbox.toast(tapped, str(number))
        await outbox.idle()
    assert sorted(map(int, guest.toasts)) == list(range(100))


async def test_the_one_message_that_needs_no_row(post: Post) -> None:
    guest = post.guest()
    post.standin.cut("sendMessage", after_acceptance=False)
    async with post.sending() as outbox:
        assert await outbox.unstored(guest.id, Say("Your local emergency number"))
        guest.block()
        assert not await outbox.unstored(guest.id, Say("again"))
    assert post.texts() == ["Your local emergency number"]


async def test_a_long_burst_in_one_chat_slows_down_but_a_card_does_not(post: Post) -> None:
    guest = post.guest()
    async with post.sending() as outbox:
        outbox.add(await post.queue(guest.id, *(Say(f"line {n}") for n in range(33))))
        await post.until(lambda: len(post.texts()) == 30)
        began = asyncio.get_running_loop().time()
        outbox.add(await post.queue(guest.id, Say("card"), lane=Lane.CARD))
        await post.until(lambda: "card" in post.texts())
        assert asyncio.get_running_loop().time() - began < 0.5
    assert "line 32" not in post.texts()


async def test_draining_sends_replies_and_leaves_bulk(post: Post) -> None:
    guests = [post.guest(f"Guest {n}") for n in range(20)]
    async with post.sending(bulk_rate=0.5) as outbox:
        for guest in guests:
            outbox.add(await post.queue(guest.id, Say("check-in"), lane=Lane.BULK))
            outbox.add(await post.queue(guest.id, Say("one"), Say("two")))
        await outbox.drain()
        assert post.texts().count("two") == 20
        assert len(await post.pending()) >= 18
        outbox.add(await post.queue(guests[0].id, Say("too late")))
    assert "too late" not in post.texts()


async def test_more_rows_than_memory_holds(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.telegram.outbox._ROOM", 20)
    monkeypatch.setattr("bot.telegram.outbox._PAGE", 7)
    guests = [post.guest(f"Guest {n}") for n in range(25)]
    post.standin.hold("sendMessage")
    async with post.sending() as outbox:
        for n in range(6):
            for guest in guests:
                outbox.add(await post.queue(guest.id, Say(f"line {n}")))
        assert len(outbox._known) <= 20
        post.standin.release()
        await outbox.idle()
    for guest in guests:
        assert [bubble.text for bubble in guest.answers] == [f"line {n}" for n in range(6)]
