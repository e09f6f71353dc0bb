"""The largest face of a picture, by the Haar cascades that come with OpenCV (Viola and Jones 2001)."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from cv2.data import haarcascades

_SEEN_AT = 320  # pixels of the longer side: more finds smaller faces, in more time
_SMALLEST = 0.1  # of the shorter side
_NEIGHBOURS = 6  # detections that must agree


class Box(NamedTuple):
    """A rectangle in shares of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float


def find_face(image: np.ndarray) -> Box | None:
    """The largest face of uint8 H x W x 3, RGB; None where there is none."""
    height, width = image.shape[:2]
    scale = _SEEN_AT / max(height, width)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(cv2.resize(image, small, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    smallest = max(24, round(_SMALLEST * min(small)))
    found = _detector().detectMultiScale(grey, 1.1, _NEIGHBOURS, minSize=(smallest, smallest))
    if len(found) == 0:
        return None
    left, top, side, _ = max((tuple(map(int, box)) for box in found), key=lambda box: (box[2], box))
    return Box(left / small[0], top / small[1], side / small[0], side / small[1])


@cache
def _detector() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(haarcascades, "haarcascade_frontalface_default.xml")))
