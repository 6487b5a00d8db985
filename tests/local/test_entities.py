"""HTML is read as Telegram reads it, with offsets in UTF-16 code units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.local.entities import read_html, write_html

if TYPE_CHECKING:
    from bot.local.guest import Guest

READ: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("plain", "plain", []),
    ("<b>x</b>", "x", [{"type": "bold", "offset": 0, "length": 1}]),
    ("😀<em>x</em>", "😀x", [{"type": "italic", "offset": 2, "length": 1}]),
    ("&lt;b&gt; &amp; &quot;&#39;&#x41;", "<b> & \"'A", []),
    ("fish & chips &nope;", "fish & chips &nope;", []),
    ("  <b> x </b>\n", "x", [{"type": "bold", "offset": 0, "length": 1}]),
    (
        "<b>a<i>b</i></b>",
        "ab",
        [{"type": "bold", "offset": 0, "length": 2}, {"type": "italic", "offset": 1, "length": 1}],
    ),
    (
        '<span class="tg-spoiler">x</span>',
        "x",
        [{"type": "spoiler", "offset": 0, "length": 1}],
    ),
    (
        '<a href="https://example.org/?a=1&amp;b=2">x</a>',
        "x",
        [{"type": "text_link", "url": "https://example.org/?a=1&b=2", "offset": 0, "length": 1}],
    ),
    (
        '<pre><code class="language-py">x</code></pre>',
        "x",
        [{"type": "pre", "language": "py", "offset": 0, "length": 1}],
    ),
    (
        "<blockquote expandable>x</blockquote>",
        "x",
        [{"type": "expandable_blockquote", "offset": 0, "length": 1}],
    ),
    (
        '<tg-time unix="1773523800" format="wDT">later</tg-time>',
        "later",
        [
            {
                "type": "date_time",
                "unix_time": 1773523800,
                "date_time_format": "wDT",
                "offset": 0,
                "length": 5,
            }
        ],
    ),
    (
        "try /sos or <code>/help</code>",
        "try /sos or /help",
        [
            {"type": "bot_command", "offset": 4, "length": 4},
            {"type": "code", "offset": 12, "length": 5},
        ],
    ),
]


@pytest.mark.parametrize(("html", "text", "entities"), READ)
def test_html_becomes_text_and_entities(
    html: str, text: str, entities: list[dict[str, Any]]
) -> None:
    assert read_html(html) == (text, entities)


@pytest.mark.parametrize(
    "html",
    [
        "<b>a<i>b</i></b>c &lt; d",
        '<tg-time unix="5" format="t">x</tg-time>',
        '<a href="https://example.org/">😀</a> <tg-spoiler>x</tg-spoiler>',
        "<blockquote expandable>x</blockquote>",
    ],
)
def test_entities_become_html_again(html: str) -> None:
    assert write_html(*read_html(html)) == html


def test_a_typed_command_carries_its_entity(ada: Guest) -> None:
    ada.send("and/or /summary 7")

    assert ada.chat.posts[ada.last.message_id].message["entities"] == [
        {"type": "bot_command", "offset": 7, "length": 8}
    ]
