"""Walks through the whole bot: nothing crashes, nobody is trapped, every limit is kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bot.flows.model import Pause, Run, Say
from bot.local.guest import Bubble
from bot.local.standin import Call
from tests.chat import Chat, chatting
from tests.shipped import content
from tests.whole.walk import READ, Inside, Place, arrive, roads, step_at

STEPS = 60

TEXTS = (
    *("back", "skip", "stop", "ok", "no", "?", "meh", "7", "0", "11", "numb", "seven", "yes"),
    *("/start", "/log", "/log he is late", "/checkin", "/parts", "/summary 7", "/settings"),
    *("/help", "/privacy", "/cancel", "/sos", "/hide", "/export", "/activated", "/learn", "/x"),
    *("Right now", "Note", "Check in", "Look back", "he still hasnt answered", "21:30", "Berlin"),
    *("<b>&amp;</b>", "{what} %s \\", "\u202e\u0000\ufeff", "👩‍👩‍👧" * 30, "é" * 4096, "a\n\n\nb"),
)

BODY = "How strong is it?"


@pytest.mark.parametrize("seed", range(8))
async def test_a_walk_never_crashes_never_traps_and_keeps_every_limit(
    seed: int, tmp_path: Path
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a walk, no secret
    async with chatting(tmp_path) as chat:
        await chat.type("/start")
        for _ in range(STEPS):
            await _act(chat, dice)
            _sound(chat)
            if dice.random() < 0.05:
                chat.clock.skip_minutes(dice.choice([1, 61, 1500]))
        await _way_out(chat)
        _sound(chat)
    refused = [c for c in chat.standin.calls if not c.ok and not _may_be_refused(c)]
    assert not refused, refused[:3]


def _may_be_refused(call: Call) -> bool:
    """Whether Telegram may refuse this: what was deleted is gone, and a keyboard is taken away.

    A tap that crosses a timer on its way comes to a question whose keyboard just went.
    """
    twice = call.method.lower() == "editmessagereplymarkup" and "not modified" in call.description
    return call.method == "deleteMessages" or twice


async def _act(chat: Chat, dice: random.Random) -> None:
    asked = _newest_question(chat)
    labels = [b for row in asked.buttons for b in row] if asked else []
    if labels and dice.random() < 0.65:
        button = dice.choice(labels)
        if button.data is not None and "Delete everything" not in button.text:
            assert asked is not None
            chat.guest.tap_data(asked.message_id, button.data)
            await chat.news()
            return
    words = dice.choice(TEXTS) or "x"
    chat.guest.send(words)
    said = await chat.news()
    if words in {"/activated", "Right now"}:  # from wherever this is, at once
        assert any(BODY in bubble.text for bubble in said), [bubble.text for bubble in said]


def _newest_question(chat: Chat) -> Bubble | None:
    return next((b for b in reversed(chat.guest.answers) if b.buttons), None)


def _sound(chat: Chat) -> None:
    for bubble in chat.guest.answers[-3:]:
        assert "Something went wrong" not in bubble.text
        assert "{" not in bubble.text.replace("{what}", "")


async def _way_out(chat: Chat) -> None:
    """From wherever the walk ended: the body line comes in one message, and stop leads out."""
    said = await chat.type("/activated")
    assert BODY in said[-1].text
    for _ in range(4):
        said = await chat.type("/cancel")
        if "Nothing is open" in said[-1].text:
            return
    pytest.fail("four times /cancel and still something is open")


@pytest.mark.parametrize(
    "walked",
    [
        pytest.param(sorted(READ), id="read"),
        pytest.param(sorted(roads()), id="all", marks=pytest.mark.long),
    ],
)
async def test_skip_leads_on_from_every_question_even_after_words_that_were_of_no_use(
    walked: list[Place], tmp_path: Path
) -> None:
    library = content().library
    stuck: list[tuple[Place, str]] = []
    async with chatting(tmp_path) as chat:
        first = Inside(chat)
        for place in walked:
            for words in ("", "the lamp in the hall was on", "Argentina"):
                someone = await first.another("Ada")
                await arrive(someone, place)
                if words:
                    await someone.hear(words)
                at = await someone.place()
                asked = step_at(library, at) if at else None
                if asked is None or isinstance(asked, Say | Run | Pause) or asked.must:
                    continue  # what is left out of a wait is no end of it
                said = await someone.hear("skip")
                _sound(someone.chat)
                if await someone.place() == at or not (said or asked.rest):
                    stuck.append((place, words))
    assert not stuck
