"""What one bot hands out another takes in: nothing lost, nothing twice, nothing from a bad file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.chat import Chat, chatting

IN = ("/start", "[Look around first]", "[Mine]", "[Yes, I'm 18 or older]", "[Both]")


async def say(chat: Chat, *acts: str) -> str:
    """Type or tap each; return the last bubble's text."""
    for act in acts:
        if act.startswith("["):
            await chat.tap(act[1:-1])
        else:
            await chat.type(act)
    return chat.guest.answers[-1].text


async def exported(chat: Chat) -> dict[str, Any]:
    """Ask for the export and return the JSON file's document."""
    files = [b.document for b in await chat.type("/export") if b.document is not None]
    named = {file.name.rpartition(".")[2]: file.content for file in files}
    document: dict[str, Any] = json.loads(named["json"])
    return document


def told(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries in an order of their own."""
    return sorted(document["entries"], key=lambda entry: str(entry["id"]))


def stopped(document: dict[str, Any]) -> list[str]:
    """Return the drafts' ids; what is open at the moment is none."""
    return [draft["id"] for draft in document["drafts"] if draft["id"] != "open"]


async def test_an_export_of_one_bot_is_whole_in_another_and_twice_changes_nothing(
    tmp_path: Path,
) -> None:
    async with chatting(tmp_path / "one") as chat:
        await say(chat, *IN, "/log saw them <online> at 2am", "8", "[Write it anyway]", "wrote 🙈")
        await say(chat, "[Add the story]", "they're done & gone\nwith me", "[That's all]")
        await say(chat, "/checkin", "wobbly", "[Further]", 'a line with "quotes"')
        await say(chat, "/log half a thought", "stop")
        first = await exported(chat)
    async with chatting(tmp_path / "other", name="Bo") as chat:
        await say(chat, *IN)
        content = json.dumps(first).encode()
        chat.guest.document("notes.json", content)
        await chat.news()
        assert "2 new" in chat.guest.answers[-1].text
        second = await exported(chat)
        chat.guest.document("notes.json", content)
        await chat.news()
        assert "0 new" in chat.guest.answers[-1].text
        third = await exported(chat)
    assert told(first) == told(second) == told(third)
    assert stopped(first) == stopped(second) == stopped(third) != []
    assert "half a thought" in json.dumps(second["drafts"])
    assert second["words"] == first["words"]


async def test_a_file_that_is_no_export_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *IN, "/log one moment", "3", "waited")
        before = told(await exported(chat))
        for content in (b"", b"{", b"[]", b'{"schema": 99}', b"\xff\xfe", b'{"entries": "x"}'):
            chat.guest.document("notes.json", content)
            await chat.news()
            assert "Nothing was changed." in chat.guest.answers[-1].text, content
        assert told(await exported(chat)) == before


async def test_a_stale_button_is_refused_kindly_and_changes_nothing(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *IN, "/log late again")
        question = chat.guest.answers[-1]
        data = question.buttons[0][5].data
        assert data is not None
        await say(chat, "3", "nothing much")
        chat.guest.tap_data(question.message_id, data)
        assert await chat.news() == []
        assert chat.toasts() == ["That one has passed. The newest question is at the bottom."]
        (entry,) = told(await exported(chat))
        assert entry["fields"]["intensity_before"] == 3


async def test_the_same_update_twice_is_heard_once(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await say(chat, *IN)
        update = {
            "update_id": 77_000_000,
            "message": {
                "message_id": 4_000,
                "date": int(chat.clock.now().timestamp()),
                "chat": {"id": chat.guest.id, "type": "private", "first_name": "Ada"},
                "from": {"id": chat.guest.id, "is_bot": False, "first_name": "Ada"},
                "text": "/log only once",
            },
        }
        chat.standin.raw(update)
        chat.standin.raw(update)
        said = await chat.news()
        assert [bubble.text.splitlines()[0] for bubble in said] == ["“only once”"]


async def test_four_thousand_characters_in_every_field_come_back_whole(tmp_path: Path) -> None:
    long = "ä" * 2000 + " <b>&" + "🙈" * 900
    async with chatting(tmp_path) as chat:
        await say(chat, *IN, "/log", long, "5", long, "[The rest]", long, long, long, long, long)
        await say(chat, long, "6")
        shown = await chat.tap("Show it")
        assert "".join(b.text for b in shown).count("🙈" * 900) >= 6
        (entry,) = told(await exported(chat))
    fields = entry["fields"]
    assert {fields[name] for name in ("trigger", "did", "story", "urge", "after", "with")} == {long}
    assert fields["body"] == f"{long}: {long}"
