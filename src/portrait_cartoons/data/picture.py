"""What every data source offers: pictures, as read or drawn, before any transform, in splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from portrait_cartoons.image import ImageError


class Picture(NamedTuple):
    """One picture of a domain; all its arrays share height and width.

    image: uint8 H x W x 3, RGB.
    mask: uint8 H x W, 0 (background) to 255 (person); None where unknown.
    target: uint8 H x W x 3, RGB, the true cartoon of this picture; None where unknown.
    name: unique within the source, fit for a file name.
    """

    image: np.ndarray
    mask: np.ndarray | None
    target: np.ndarray | None
    name: str


@dataclass(frozen=True)
class Splits:
    """What every data source offers: pictures to train on, to choose by while training, and to measure in the end.

    Photos may have a `target`, their true cartoon. A source may have no training pictures: such data can be measured.
    """

    train_photos: Sequence[Picture]
    train_cartoons: Sequence[Picture]
    val_photos: Sequence[Picture]
    val_cartoons: Sequence[Picture]
    test_photos: Sequence[Picture]
    test_cartoons: Sequence[Picture]


def read(pictures: Sequence[Picture], index: int, unreadable: list[str]) -> Picture:
    """Picture `index`, or the first readable one after it; the sentences about the others go to `unreadable`."""
    for n in range(len(pictures)):
        try:
            return pictures[(index + n) % len(pictures)]
        except ImageError as error:
            unreadable.append(str(error))
    raise ImageError(f"none of its {len(pictures)} images can be read; {unreadable[0]}")
