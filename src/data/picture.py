"""What every data source hands to a dataset: one picture, as read or drawn, before any transform."""

from typing import NamedTuple

import numpy as np


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
