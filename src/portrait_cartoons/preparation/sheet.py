"""A contact sheet: many pictures at one glance."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from portrait_cartoons.image import ImageError, load_rgb
from portrait_cartoons.preparation.splits import share

_COLUMNS, _ROWS, _SIDE, _GAP = 14, 8, 112, 4  # the last two in pixels


def sample(paths: Iterable[Path], count: int = _COLUMNS * _ROWS) -> list[Path]:
    """So many of the files, always the same ones, in the order of their names."""
    return sorted(sorted(paths, key=lambda path: share("sheet", path.name))[:count])


def contact_sheet(paths: Sequence[Path], columns: int = _COLUMNS) -> np.ndarray:
    """uint8 H x W x 3: the pictures in rows, on white; those that cannot be read stay white."""
    columns = min(columns, len(paths))
    rows = -(-len(paths) // columns)
    step = _SIDE + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, rows * step + _GAP), "white")
    for number, path in enumerate(paths):
        sheet.paste(thumbnail(path, _SIDE), (_GAP + number % columns * step, _GAP + number // columns * step))
    return np.array(sheet)


def thumbnail(path: Path, side: int) -> Image.Image:
    """The picture with its longer side reduced to `side` pixels; a white square where it cannot be read."""
    try:
        picture = Image.fromarray(load_rgb(path, side))
    except ImageError:
        return Image.new("RGB", (side, side), "white")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture
