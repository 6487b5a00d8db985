"""Conversations as they look: each file is the script and what is expected, at once.

``> words`` is typed, ``> [Button]`` is tapped, ``* 3 hours`` lets time pass, ``= edited: words``
changes the person's last message, ``+ voice`` sends something that is no text. What the bot
answers stands indented; a toast stands behind ``~``. ``# `` is a remark.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chat import Chat, chatting, drawn

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.txt"))

_SPAN = re.compile(r"(\d+) (minute|hour|day)s?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_transcript(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    script = path.read_text(encoding="utf-8")
    async with chatting(tmp_path) as chat:
        happened = await _play(chat, script)
    if request.config.getoption("--update"):
        path.write_text(happened, encoding="utf-8")
    assert "!!" not in happened, "a button was tapped that is not there"
    assert happened == script, "run `make transcripts` and read the difference"


async def _play(chat: Chat, script: str) -> str:
    lines: list[str] = []
    for line in script.splitlines():
        if line.startswith("#"):
            lines.append(line)
            continue
        if line[:1] not in {">", "*", "=", "+"}:
            continue  # what was expected; what happens is written anew
        lines.append(line)
        try:
            bubbles = await _act(chat, line[0], line[2:])
        except LookupError as error:
            lines.append(f"  !! {error}")
            continue
        for bubble in bubbles:
            lines += [f"  {shown}" for shown in drawn(bubble) if shown]
        lines += [f"  ~ {toast}" for toast in chat.toasts()]
    return "\n".join(lines) + "\n"


async def _act(chat: Chat, kind: str, what: str) -> list:  # type: ignore[type-arg]
    if kind == "*":
        span = _SPAN.fullmatch(what)
        assert span, f"not a span of time: {what}"
        return await chat.skip(timedelta(**{f"{span[2]}s": int(span[1])}))
    if kind == "=":
        mine = [b for b in chat.guest.messages if b.mine][-1]
        chat.guest.edit(mine.message_id, what.removeprefix("edited: "))
        return await chat.news()
    if kind == "+":
        if what == "forward":
            chat.guest.forward("something someone else wrote")
        else:
            getattr(chat.guest, "send_voice" if what == "voice" else what)()
        return await chat.news()
    if what.startswith("[") and what.endswith("]"):
        return await chat.tap(what[1:-1])
    return await chat.type(what.replace("\\n", "\n"))
