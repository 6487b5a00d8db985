"""Telegram's HTML: what it refuses, what one sees of it, and how it is cut."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flows import markup


@pytest.mark.parametrize(
    "text",
    [
        *("plain", "", "5 > 3", "<b>bold <i>both</i></b>", "&lt;3 &amp; &gt; &quot;", "&#128578;"),
        '<a href="https://example.org/?a=1&amp;b=2">there</a>',
        "<blockquote expandable>long</blockquote>",
        '<tg-time unix="0" format="t">then</tg-time>',
    ],
)
def test_what_telegram_takes_is_no_fault(text: str) -> None:
    assert markup.fault(text) is None


BARE = "a bare < or & must be written &lt; or &amp;"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<b>", "<b> is never closed"),
        ("<b><i></i>", "<b> is never closed"),
        ("</b>", "</b> closes what is not open"),
        ("<b><i></b></i>", "</b> closes what is not open"),
        ("<p>x</p>", "<p> is no tag that Telegram shows"),
        ("line<br/>", "<br> is no tag that Telegram shows"),
        ("i <3 you", BARE),
        ("a < b", BARE),
        ("you & i", BARE),
        ("you &", BARE),
        ("<b", BARE),
        ("<?x ?>", BARE),
        ("<!doctype x>", BARE),
        ("<!-- x -->", "a comment is not shown by Telegram"),
        ("a&nbsp;b", "&nbsp; is not known to Telegram, only lt, gt, amp, quot"),
    ],
)
def test_what_telegram_refuses_is_said(text: str, why: str) -> None:
    assert markup.fault(text) == why


def test_one_sees_neither_tags_nor_entities() -> None:
    assert markup.visible('<b>a</b> &amp; <a href="x">b</a> &#128578;') == "a & b 🙂"


@pytest.mark.parametrize(
    ("text", "units"), [("", 0), ("ab", 2), ("ä", 1), ("🙂", 2), ("👩\N{ZERO WIDTH JOINER}🚀", 5)]
)
def test_length_is_what_telegram_counts(text: str, units: int) -> None:
    assert markup.units(text) == units


@given(st.text())
def test_escaped_text_is_seen_as_it_was(text: str) -> None:
    escaped = html.escape(text, quote=False)
    assert markup.visible(escaped) == text
    assert markup.fault(escaped) is None


# --- cutting ---------------------------------------------------------------------------------


def bare(text: str) -> str:
    """Return the characters that show; where a cut falls, white space may go."""
    return "".join(text.split())


CHARACTERS = st.text(st.sampled_from("ab <&>\n\t🙂ä👩\N{ZERO WIDTH JOINER}"), max_size=120)
LINES = st.lists(
    st.tuples(CHARACTERS, st.sampled_from(["", "b", "code", "blockquote"])), max_size=12
)


@given(LINES, st.integers(10, 60))
def test_no_character_is_lost_and_no_piece_too_long(
    lines: list[tuple[str, str]], limit: int
) -> None:
    marked = [
        f"<{tag}>{html.escape(line, quote=False)}</{tag}>"
        if tag
        else html.escape(line, quote=False)
        for line, tag in lines
    ]
    text = "\n".join(marked)
    pieces = markup.split(text, limit)
    assert bare("".join(map(markup.visible, pieces))) == bare(markup.visible(text))
    assert all(markup.fault(piece) is None for piece in pieces)
    if bare(markup.visible(text)):
        assert all(0 < markup.units(markup.visible(piece)) <= limit for piece in pieces)


def test_a_text_that_fits_stays_one_piece_with_its_tags() -> None:
    text = "<b>" + "x" * 4096 + "</b>"
    assert markup.split(text) == [text]


def test_a_tag_whose_end_is_cut_off_with_nothing_else_leaves_no_broken_piece() -> None:
    text = "x" * 30 + "\n<b>" + "y" * 20 + "\n</b>"
    assert [markup.fault(piece) for piece in markup.split(text, 51)] == [None]


def test_emoji_count_twice() -> None:
    pieces = markup.split("🙂" * 4096)
    assert [markup.units(piece) for piece in pieces] == [4096, 4096]


def test_a_cut_falls_between_lines_where_there_are_any() -> None:
    line = "x" * 1500
    assert markup.split("\n".join([line] * 4)) == [f"{line}\n{line}"] * 2


def test_a_cut_falls_between_words_where_it_must_fall_in_a_line() -> None:
    pieces = markup.split("word " * 2000)
    assert all(markup.units(piece) <= 4096 for piece in pieces)
    assert all(piece.startswith("word ") for piece in pieces)
    assert "".join(pieces) == "word " * 2000


def test_a_word_that_ends_nowhere_is_cut_all_the_same() -> None:
    assert list(map(len, markup.split("x" * 10_000))) == [4096, 4096, 1808]


def test_a_tag_over_several_pieces_goes_before_a_word_does() -> None:
    line = "x" * 3000
    assert markup.split(f"<b>{line}\n{line}</b>") == [line, line]


def test_nothing_to_say_is_still_one_piece() -> None:
    assert markup.split("") == [""]
