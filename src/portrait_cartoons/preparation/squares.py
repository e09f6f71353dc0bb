"""Squares of one size from pictures of any: cropped or padded, then resized without aliases."""

import math

import numpy as np
from PIL import Image

from portrait_cartoons.preparation.faces import Box

_FACES_PER_SIDE = 2.0  # a square around a face is so many times as long as the face


def square(image: np.ndarray, size: int, crop: str, face: Box | None = None) -> np.ndarray:
    """uint8 `size` x `size` x 3 of uint8 H x W x 3.

    `crop`: "centre" takes the central square, "pad" all of the picture on a white square, "face" a square around the
    face, all inside the picture; without a face, the central square.
    """
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    if crop == "pad":
        longest = max(width, height)  # multiplied first: half a pixel then rounds the same way wherever it comes from
        inner = max(1, round(size * width / longest)), max(1, round(size * height / longest))
        canvas = Image.new("RGB", (size, size), "white")
        canvas.paste(picture.resize(inner, Image.Resampling.LANCZOS), ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return np.array(canvas)
    left, top, side = region(width, height, face if crop == "face" else None)
    box = (left, top, left + side, top + side)
    return np.array(picture.resize((size, size), Image.Resampling.LANCZOS, box))


def region(width: int, height: int, face: Box | None) -> tuple[float, float, float]:
    """Left, top and side, in pixels, of the square to take: around the face, or central."""
    side: float = min(width, height)
    if face is None:
        return (width - side) / 2, (height - side) / 2, side
    side = min(side, _FACES_PER_SIDE * max(face.width * width, face.height * height))
    left = (face.left + face.width / 2) * width - side / 2
    top = (face.top + face.height / 2) * height - side / 2
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def needed_side(width: int, height: int, size: int, crop: str, face: Box | None) -> int:
    """How many pixels the shorter side must keep when a large file is decoded at a reduced size."""
    if crop == "pad":
        return math.ceil(size * min(width, height) / max(width, height))
    return math.ceil(size * min(width, height) / region(width, height, face if crop == "face" else None)[2])
