"""The comparison grid of a report: photos in rows; beside each what the systems made of it, and its true cartoon."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from portrait_cartoons.evaluation.report import Report
from portrait_cartoons.image import ImageError, load_rgb

SIDE = 256  # pixels at most of a picture in the grid
_GAP = 8
_TITLE = 40  # height of the titles in pixels
_FONT = 22
_WEBP_QUALITY = 85


@dataclass(frozen=True)
class Comparison:
    """Titles of the columns, and by rows the pictures, RGB of at most SIDE pixels; None where one cannot be read."""

    titles: list[str]
    rows: list[list[Image.Image | None]]


def compare(report: Report, folder: Path, photos: int) -> Comparison:
    """At most so many photos, evenly chosen, and what belongs to each, from the pictures in a report's folder."""
    columns = [("photo", report.photos)]
    columns += [(row.name, row.pictures) for row in report.rows if row.pictures and row.drawn]
    columns += [("target", report.targets)] if report.targets else []
    names = sorted(path.name for path in (folder / report.photos).glob("*.png"))
    chosen = np.linspace(0, len(names) - 1, min(photos, len(names))).round().astype(int)
    rows = [[_picture(folder / place / names[number]) for _, place in columns] for number in chosen]
    return Comparison([title for title, _ in columns], rows)


def draw(comparison: Comparison) -> Image.Image:
    """The grid as one picture on white, under its titles."""
    pitch = SIDE + _GAP
    rows, columns = len(comparison.rows), len(comparison.titles)
    canvas = Image.new("RGB", (columns * pitch + _GAP, _TITLE + rows * pitch), "white")
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_FONT)
    for column, title in enumerate(comparison.titles):
        centre = _GAP + column * pitch + SIDE // 2
        pen.text((centre, _TITLE // 2), _fitted(title, font, pen), "black", font, anchor="mm")
        for row, pictures in enumerate(comparison.rows):
            if (picture := pictures[column]) is not None:
                middle = _TITLE + row * pitch + SIDE // 2
                canvas.paste(picture, (centre - picture.width // 2, middle - picture.height // 2))
    return canvas


def encode(picture: Image.Image, form: Literal["PNG", "WEBP"]) -> bytes:
    """The bytes of the picture's file."""
    file = io.BytesIO()
    picture.save(file, form, quality=_WEBP_QUALITY)
    return file.getvalue()


def _picture(path: Path) -> Image.Image | None:
    """Reduced to SIDE; where it is at most half as large, enlarged by a whole factor, so that its pixels stay sharp."""
    try:
        image = Image.fromarray(load_rgb(path))
    except ImageError:
        return None
    factor = max(1, SIDE // max(image.size))
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return image


def _fitted(title: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, pen: ImageDraw.ImageDraw) -> str:
    """The title, shortened to the width of a picture."""
    shown = title
    while pen.textlength(shown, font) > SIDE:
        title = title[:-1]
        shown = f"{title}…"
    return shown
