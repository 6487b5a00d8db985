"""Draws the breathing circles of the practices: grows while one breathes in, shrinks while out.

Run it by hand when the look should change, ``python tools/breath.py``; it needs Pillow, the bot
does not. The pictures are part of the content. A GIF has whole hundredths of a second a frame:
5 of them are 20 frames a second, and the loop is exactly its pace.
"""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent.parent / "content" / "en" / "practices"

SIZE = 184
FINER = 4
"""Drawn so many times larger, then made small, so that edges are soft."""

FRAMES = 20
"""A second."""

SMALL, LARGE = 26, 76
"""Radius of the circle, empty and full."""

PAPER = (247, 244, 238)
RING = (214, 208, 196)
CIRCLE = (98, 142, 140)
"""A card of its own colour: it reads the same on a light and on a dark chat."""


def fullness(second: float, breath_in: int, breath_out: int) -> float:
    """Return how full the circle is: 0 empty, 1 full; it turns softly at both ends."""
    if second < breath_in:
        return (1 - math.cos(math.pi * second / breath_in)) / 2
    return (1 + math.cos(math.pi * (second - breath_in) / breath_out)) / 2


def frame(full: float, turned: float, count: int, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw one frame: the circle, the second in it, and a dot that goes round once a breath.

    The dot never rests, so no two frames are the same and none is left out of the file.
    """
    wide = SIZE * FINER
    image = Image.new("RGB", (wide, wide), PAPER)
    draw = ImageDraw.Draw(image)
    middle = wide / 2

    def circle(radius: float, **colours: object) -> None:
        reach = radius * FINER
        draw.ellipse((middle - reach, middle - reach, middle + reach, middle + reach), **colours)

    circle(LARGE + 7, outline=RING, width=2 * FINER)
    circle(SMALL + (LARGE - SMALL) * full, fill=CIRCLE)
    draw.text((middle, middle), str(count), fill=PAPER, font=font, anchor="mm")
    angle = 2 * math.pi * turned - math.pi / 2
    track = (LARGE + 6) * FINER
    x, y, dot = middle + track * math.cos(angle), middle + track * math.sin(angle), 4 * FINER
    draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=CIRCLE)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def palette() -> Image.Image:
    """Return few colours, from paper to circle and ring: flat pictures stay small."""
    colours: list[int] = []
    for other in (CIRCLE, RING):
        for step in range(5):
            colours += [round(a + (b - a) * step / 4) for a, b in zip(PAPER, other, strict=True)]
    image = Image.new("P", (1, 1))
    image.putpalette(colours + colours[:3] * (256 - len(colours) // 3))
    return image


def draw(breath_in: int, breath_out: int) -> Path:
    """Draw one whole breath."""
    colours = palette()
    font = ImageFont.load_default(28 * FINER)
    images = []
    for number in range((breath_in + breath_out) * FRAMES):
        second = number / FRAMES
        into = second if second < breath_in else second - breath_in
        full = fullness(second, breath_in, breath_out)
        turned = number / ((breath_in + breath_out) * FRAMES)
        drawn = frame(full, turned, int(into) + 1, font)
        images.append(drawn.quantize(palette=colours, dither=Image.Dither.NONE))
    path = HERE / f"breath-{breath_in}-{breath_out}.gif"
    images[0].save(
        path,
        save_all=True,
        append_images=images[1:],
        duration=1000 // FRAMES,
        loop=0,
        optimize=False,
        disposal=1,
    )
    return path


if __name__ == "__main__":
    for pace in ((4, 6), (4, 8)):
        made = draw(*pace)
        print(made.name, made.stat().st_size)  # noqa: T201
