"""Telegram's HTML as far as texts here use it: is it whole, and how long is what one sees."""

from __future__ import annotations

import html
from html.parser import HTMLParser

TAGS = frozenset(
    {
        *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre"),
        *("a", "blockquote", "tg-spoiler", "tg-time"),
    }
)
"""Tags that Telegram's HTML mode knows and that texts may use."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.fault: str | None = None
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in TAGS:
            self.fault = self.fault or f"<{tag}> is no tag that Telegram shows"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.fault = self.fault or f"</{tag}> closes what is not open"

    def handle_data(self, data: str) -> None:
        if "<" in data or "&" in data:
            self.fault = self.fault or "a bare < or & must be written &lt; or &amp;"
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        if name not in {"lt", "gt", "amp", "quot"}:
            self.fault = self.fault or f"&{name}; is not known to Telegram, only lt, gt, amp, quot"
        self.text.append(html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.text.append(html.unescape(f"&#{name};"))

    def handle_comment(self, data: str) -> None:
        del data
        self.fault = self.fault or "a comment is not shown by Telegram"

    def handle_pi(self, data: str) -> None:
        del data
        self.fault = self.fault or "a bare < or & must be written &lt; or &amp;"

    def unknown_decl(self, data: str) -> None:
        self.handle_pi(data)

    def handle_decl(self, decl: str) -> None:
        self.handle_pi(decl)


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.open and reader.fault is None:
        reader.fault = f"<{reader.open[-1]}> is never closed"
    return reader


def fault(text: str) -> str | None:
    """Say what Telegram would refuse about this HTML; None if it is fine."""
    return _read(text).fault


def visible(text: str) -> str:
    """Return what a person sees of this HTML."""
    return "".join(_read(text).text)


def escape(text: str) -> str:
    """Return plain text as HTML that shows just that text."""
    return html.escape(text, quote=False)


def units(text: str) -> int:
    """Return the length Telegram counts: UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def split(text: str, limit: int = 4096) -> list[str]:
    """Cut HTML into pieces Telegram takes, at line ends where there are any.

    Meant for texts whose tags open and close within a line; a longer line is cut where it must be.
    """
    pieces: list[str] = []
    current = ""
    for line in text.split("\n"):
        joined = f"{current}\n{line}" if current else line
        if units(visible(joined)) <= limit:
            current = joined
            continue
        if current:
            pieces.append(current)
        while units(visible(line)) > limit:
            head = _head(visible(line), limit)
            pieces.append(escape(head))
            line = escape(visible(line)[len(head) :])  # noqa: PLW2901
        current = line
    seen = [piece for piece in (*pieces, current) if visible(piece).strip()]
    if pieces:  # it was cut, and a tag that spans pieces would be refused; the words matter more
        seen = [html.escape(visible(p), quote=False) if fault(p) else p for p in seen]
    return seen or [text]


def _head(text: str, limit: int) -> str:
    head = text[:limit]
    while units(head) > limit:
        head = head[:-1]
    space = head.rfind(" ")
    return head[: space + 1] if space > limit // 2 else head
