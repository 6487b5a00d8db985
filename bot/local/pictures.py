"""The size of a picture, read from its first bytes, because Telegram refuses odd ones."""

from __future__ import annotations

from itertools import pairwise

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# The marks before a JPEG's parts, and those of the parts that tell its size.
MARKER = 0xFF
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
LONGEST = 10_000
STEEPEST = 20


def size(content: bytes) -> tuple[int, int] | None:
    """Return width and height, or nothing when this is no picture Telegram takes."""
    if content.startswith(PNG) and len(content) >= 24:  # noqa: PLR2004 - the header's length
        return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    if content.startswith((b"GIF87a", b"GIF89a")):
        return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
    if content.startswith(JPEG):
        return _jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    return None


def fits(width: int, height: int) -> bool:
    """Say whether Telegram takes a photo of this size."""
    if width < 1 or height < 1 or width + height > LONGEST:
        return False
    return all(a <= STEEPEST * b for a, b in pairwise((width, height, width)))


def _jpeg(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(content) and content[at] == MARKER:
        kind = content[at + 1]
        if kind in FRAMES:
            height = int.from_bytes(content[at + 5 : at + 7])
            return int.from_bytes(content[at + 7 : at + 9]), height
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    if content[12:16] == b"VP8X":
        return (
            int.from_bytes(content[24:27], "little") + 1,
            int.from_bytes(content[27:30], "little") + 1,
        )
    if content[12:16] == b"VP8 ":
        return (
            int.from_bytes(content[26:28], "little") & 0x3FFF,
            int.from_bytes(content[28:30], "little") & 0x3FFF,
        )
    if content[12:16] == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
