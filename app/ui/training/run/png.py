"""A chart as a PNG file, for where no SVG is taken; drawn by Pillow, loaded when it is first needed."""

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.ui.theme import FONTS, TEXT_FONT
from app.ui.training.curves import Point
from app.ui.training.run.picture import DASH, HEIGHT, WIDTH, Box, Dot, Shape, Stroke, picture_of
from app.ui.training.run.plots import Plot

if TYPE_CHECKING:
    from PIL import ImageDraw

_SCALE: Final = 2
"""Pixels for a unit: sharp in print and on a slide."""
_FINER: Final = 3
"""Drawn so many times as large and then reduced, as Pillow's own lines have stairs."""
_INK: Final = "#1b2021"
_ANCHORS: Final = {"start": "ls", "middle": "ms", "end": "rs"}


def png_of(plot: Plot, title: str, assets: Path) -> bytes:
    """Black on white, with axes and a legend; what it shows in words is in its metadata."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - some 10 MB that few sessions need
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    size = WIDTH * _SCALE, HEIGHT * _SCALE
    image = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), "white")
    draw = ImageDraw.Draw(image, "RGBA")
    for shape in picture_of(plot, title):
        _draw(draw, shape, assets / FONTS[TEXT_FONT])
    info = PngInfo()
    info.add_itxt("Title", title)
    info.add_itxt("Description", plot.description)
    saved = io.BytesIO()
    image.resize(size, Image.Resampling.BOX).save(saved, "PNG", pnginfo=info, optimize=True)
    return saved.getvalue()


def _draw(draw: "ImageDraw.ImageDraw", shape: Shape, font: Path) -> None:
    from PIL import ImageFont  # noqa: PLC0415

    scale = _SCALE * _FINER
    if isinstance(shape, Stroke):
        for piece in dashes(shape.points) if shape.is_dashed else [shape.points]:
            points = [_scaled(point) for point in piece]
            draw.line(points, fill=shape.color, width=round(shape.width * scale), joint="curve")
    elif isinstance(shape, Dot):
        draw.circle(_scaled(shape.at), shape.radius * scale, fill=shape.color)
    elif isinstance(shape, Box):
        fill = f"{shape.color}{round(255 * shape.opacity):02x}"
        draw.rectangle([_scaled(shape.upper_left), _scaled(shape.lower_right)], fill=fill)
    else:
        letters = ImageFont.truetype(str(font), shape.size * scale)
        draw.text(_scaled(shape.at), shape.text, fill=_INK, font=letters, anchor=_ANCHORS[shape.anchor])


def dashes(points: Sequence[Point]) -> list[list[Point]]:
    """What is drawn of a dashed line, piece by piece: Pillow knows no dashes."""
    pieces: list[list[Point]] = [[*points[:1]]]
    left, is_drawn = float(DASH[0]), True
    for start, end in pairwise(points):
        length, done = math.dist(start, end), 0.0
        while length - done > left:
            done += left
            share = done / length
            turn = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            if is_drawn:
                pieces[-1].append(turn)
            else:
                pieces.append([turn])
            is_drawn = not is_drawn
            left = float(DASH[0 if is_drawn else 1])
        left -= length - done
        if is_drawn:
            pieces[-1].append(end)
    return [piece for piece in pieces if len(piece) > 1]


def _scaled(point: Point) -> Point:
    return point[0] * _SCALE * _FINER, point[1] * _SCALE * _FINER
