"""Formatted text as Telegram reads it: HTML in, plain text and entities out, and back again."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from html import escape
from typing import Any

from bot.local.refusal import Refusal

JSON = dict[str, Any]

SIMPLE_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
OTHER_TAGS = {"a", "span", "tg-emoji", "tg-time"}
SURROGATES = range(0xD800, 0xE000)
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}

_REFERENCE = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|([a-zA-Z]+));")
_PLAIN = re.compile(r"[^<&]+")
_TAG_NAME = re.compile(r"[^\s<>/=\"']+")
_ATTRIBUTE = re.compile(r"([^\s=>/\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"'/]+)))?")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?<![\w/<>])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?)(?![\w/])"
    r"|(?<![\w])(?P<mention>@[A-Za-z]\w{3,31})"
)
_VERBATIM = {"code", "pre", "text_link", "url"}


def length(text: str) -> int:
    """Count as Telegram does, in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


@dataclass(slots=True)
class _Open:
    """A tag that waits for its end."""

    name: str
    attributes: dict[str, str]
    start: int


class _Reader:
    """One pass over an HTML text."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.at = 0
        self.parts: list[str] = []
        self.units = 0
        self.open: list[_Open] = []
        self.entities: list[JSON] = []

    def read(self) -> tuple[str, list[JSON]]:
        html = self.html
        while self.at < len(html):
            match html[self.at]:
                case "<" if html.startswith("</", self.at):
                    self._end()
                case "<":
                    self._start()
                case "&":
                    self._reference()
                case _:
                    plain = _PLAIN.match(html, self.at)
                    assert plain is not None  # noqa: S101 - neither sign stands here
                    self._add(plain.group())
                    self.at = plain.end()
        if self.open:
            name = self.open[-1].name
            self._refuse(f'Can\'t find end tag corresponding to start tag "{name}"')
        return "".join(self.parts), self.entities

    def _add(self, text: str) -> None:
        self.parts.append(text)
        self.units += length(text)

    def _refuse(self, why: str) -> None:
        raise Refusal(f"can't parse entities: {why}")

    def _offset(self) -> int:
        return len(self.html[: self.at].encode())

    def _reference(self) -> None:
        found = _REFERENCE.match(self.html, self.at)
        text = "&"
        if found is not None:
            number, hexadecimal, name = found.groups()
            code = int(number) if number else int(hexadecimal, 16) if hexadecimal else 0
            text = NAMED.get(name.lower(), "") if name else _character(code)
        if found is None or not text:
            self._add("&")
            self.at += 1
            return
        self._add(text)
        self.at = found.end()

    def _start(self) -> None:
        offset = self._offset()
        found = _TAG_NAME.match(self.html, self.at + 1)
        close = self._tag_end(found.end()) if found else -1
        name = found.group().lower() if found else ""
        if name not in SIMPLE_TAGS and name not in OTHER_TAGS:
            self._refuse(f'Unsupported start tag "{name}" at byte offset {offset}')
        if close < 0 or found is None:
            self._refuse(f"Unclosed start tag at byte offset {offset}")
            return
        inside = self.html[found.end() : close].rstrip("/")
        attributes = {
            match.group(1).lower(): _decode(
                match.group(2) or match.group(3) or match.group(4) or ""
            )
            for match in _ATTRIBUTE.finditer(inside)
        }
        if name == "span" and attributes.get("class") != "tg-spoiler":
            self._refuse(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
        if name == "tg-time" and not attributes.get("unix", "").lstrip("-").isdigit():
            self._refuse(f'Tag "tg-time" must have a valid "unix" at byte offset {offset}')
        if name == "tg-time" and not _TIME_FORMAT.fullmatch(attributes.get("format", "")):
            self._refuse(f'Tag "tg-time" has an invalid "format" at byte offset {offset}')
        if name == "tg-emoji" and not attributes.get("emoji-id", "").isdigit():
            self._refuse(f"Invalid custom emoji identifier specified at byte offset {offset}")
        self.open.append(_Open(name, attributes, self.units))
        self.at = close + 1

    def _tag_end(self, start: int) -> int:
        quote = ""
        for index in range(start, len(self.html)):
            char = self.html[index]
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == ">":
                return index
        return -1

    def _end(self) -> None:
        offset = self._offset()
        close = self.html.find(">", self.at)
        if not self.open:
            self._refuse(f"Unexpected end tag at byte offset {offset}")
        if close < 0:
            self._refuse(f"Unclosed end tag at byte offset {offset}")
        name = self.html[self.at + 2 : close].strip().lower()
        opened = self.open.pop()
        if name and name != opened.name:
            self._refuse(
                f"Unmatched end tag at byte offset {offset}, "
                f'expected "</{opened.name}>", found "</{name}>"'
            )
        size = self.units - opened.start
        if size > 0:
            text = "".join(self.parts)
            entity = _entity(opened, text)
            if entity is not None:
                self.entities.append({**entity, "offset": opened.start, "length": size})
                self._merge_language(opened)
        self.at = close + 1

    def _merge_language(self, opened: _Open) -> None:
        # <pre><code class="language-x"> is one entity, a pre with a language.
        if opened.name != "pre" or len(self.entities) < 2:  # noqa: PLR2004 - itself and the inner one
            return
        inner, outer = self.entities[-2:]
        same = all(inner[key] == outer[key] for key in ("offset", "length"))
        if inner["type"] == "code" and same:
            del self.entities[-2]
            if "language" in inner:
                outer["language"] = inner["language"]


def _character(code: int) -> str:
    # Surrogates are halves of a character; Telegram leaves such a reference as it is written.
    return chr(code) if 0 < code <= sys.maxunicode and code not in SURROGATES else ""


def _decode(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        number, hexadecimal, name = found.groups()
        if name:
            return NAMED.get(name.lower(), found.group())
        return _character(int(number) if number else int(hexadecimal, 16)) or found.group()

    return _REFERENCE.sub(character, text)


def _entity(tag: _Open, text: str) -> JSON | None:
    told = tag.attributes
    entity: JSON = {}
    match tag.name:
        case "a":
            return _link(tag, text)
        case "span":
            entity = {"type": "spoiler"}
        case "tg-emoji":
            entity = {"type": "custom_emoji", "custom_emoji_id": told["emoji-id"]}
        case "tg-time":
            entity = {"type": "date_time", "unix_time": int(told["unix"])}
            if told.get("format"):
                entity["date_time_format"] = told["format"]
        case "blockquote" if "expandable" in told:
            entity = {"type": "expandable_blockquote"}
        case "code" if told.get("class", "").startswith("language-"):
            entity = {"type": "code", "language": told["class"].removeprefix("language-")}
        case name:
            entity = {"type": SIMPLE_TAGS[name]}
    return entity


def _link(tag: _Open, text: str) -> JSON | None:
    encoded = text.encode("utf-16-le")[tag.start * 2 :].decode("utf-16-le")
    url = tag.attributes.get("href") or encoded
    if "://" not in url and not url.startswith(("tg:", "mailto:")):
        # Telegram drops a link it cannot make sense of and keeps the words.
        if "." not in url or " " in url:
            return None
        url = f"http://{url}"
    return {"type": "text_link", "url": url}


def read_html(html: str) -> tuple[str, list[JSON]]:
    """Read Telegram's HTML, refusing what Telegram refuses."""
    text, entities = (html, []) if "<" not in html and "&" not in html else _Reader(html).read()
    for entity in entities:
        if entity["type"] == "code":
            entity.pop("language", None)
    return finish(text, entities)


def finish(text: str, entities: list[JSON]) -> tuple[str, list[JSON]]:
    """Trim as Telegram does and add the entities it finds by itself."""
    trimmed = text.strip()
    if len(trimmed) != len(text) and entities:
        lead = length(text[: len(text) - len(text.lstrip())])
        size = length(trimmed)
        moved = []
        for entity in entities:
            start = max(0, entity["offset"] - lead)
            end = min(size, entity["offset"] + entity["length"] - lead)
            if end > start:
                moved.append({**entity, "offset": start, "length": end - start})
        entities = moved
    if "/" in trimmed or "@" in trimmed:
        entities = entities + _found(trimmed, entities)
    if len(entities) > 1:
        entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return trimmed, entities


def _found(text: str, known: list[JSON]) -> list[JSON]:
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in known
        if entity["type"] in _VERBATIM
    ]
    found = []
    for hit in _FOUND.finditer(text):
        start = length(text[: hit.start()])
        size = length(hit.group())
        if not any(start < end and begin < start + size for begin, end in taken):
            found.append({"type": hit.lastgroup, "offset": start, "length": size})
    return found


def given(text: str, entities: Any) -> tuple[str, list[JSON]]:
    """Take entities a caller wrote out itself instead of a parse mode."""
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise Refusal("can't parse entities: expected an Array of MessageEntity")
    size = length(text)
    kept = []
    for entity in entities:
        kind, start, long = (entity.get(key) for key in ("type", "offset", "length"))
        if not isinstance(kind, str) or not isinstance(start, int) or not isinstance(long, int):
            raise Refusal("can't parse MessageEntity: wrong field types")
        if start < 0 or long < 0 or start + long > size:
            raise Refusal(
                f"entity beginning at UTF-16 offset {start} ends after the end of the text"
            )
        kept.append(dict(entity))
    return finish(text, kept)


_BACK = {
    "bold": ("<b>", "</b>"),
    "italic": ("<i>", "</i>"),
    "underline": ("<u>", "</u>"),
    "strikethrough": ("<s>", "</s>"),
    "spoiler": ("<tg-spoiler>", "</tg-spoiler>"),
    "code": ("<code>", "</code>"),
    "pre": ("<pre>", "</pre>"),
    "blockquote": ("<blockquote>", "</blockquote>"),
    "expandable_blockquote": ("<blockquote expandable>", "</blockquote>"),
}


def _tags(entity: JSON) -> tuple[str, str] | None:
    match entity["type"]:
        case "text_link":
            return f'<a href="{escape(entity["url"])}">', "</a>"
        case "date_time":
            shape = entity.get("date_time_format")
            extra = f' format="{shape}"' if shape else ""
            return f'<tg-time unix="{entity["unix_time"]}"{extra}>', "</tg-time>"
        case "custom_emoji":
            return f'<tg-emoji emoji-id="{entity["custom_emoji_id"]}">', "</tg-emoji>"
        case "pre" if "language" in entity:
            return f'<pre><code class="language-{escape(entity["language"])}">', "</code></pre>"
        case kind:
            return _BACK.get(kind)


def write_html(text: str, entities: list[JSON]) -> str:
    """Write text and entities as HTML again, for a test that wants to see the formatting."""
    if not entities:
        return escape(text, quote=False)
    units = text.encode("utf-16-le")
    begins: dict[int, list[str]] = {}
    ends: dict[int, list[str]] = {}
    for entity in entities:
        tags = _tags(entity)
        if tags is not None:
            begins.setdefault(entity["offset"], []).append(tags[0])
            ends.setdefault(entity["offset"] + entity["length"], []).insert(0, tags[1])
    written = []
    last = 0
    for point in sorted({*begins, *ends}):
        written.append(escape(units[last * 2 : point * 2].decode("utf-16-le"), quote=False))
        written.extend(ends.get(point, []))
        written.extend(begins.get(point, []))
        last = point
    written.append(escape(units[last * 2 :].decode("utf-16-le"), quote=False))
    return "".join(written)
