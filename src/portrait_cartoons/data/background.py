"""Pictures with another background, so that it cannot become part of the style."""

from typing import Literal

import cv2
import numpy as np

from portrait_cartoons.data.picture import Picture
from portrait_cartoons.errors import UserError

Background = Literal["keep", "white", "random", "blur"]

BLUR = 0.05  # standard deviation of the blur, in image heights


def replace_background(picture: Picture, background: Background, rng: np.random.Generator) -> Picture:
    """The picture on white, on one random colour, or on its background out of focus, blended where the mask is soft.

    Its true cartoon, which shows the same person in the same place, gets the same. Raises UserError for a picture
    without a mask, unless its background is to `keep`.
    """
    if background == "keep":
        return picture
    if picture.mask is None:
        raise UserError(
            f"data.background={background} needs person masks, but {picture.name} has none: name their folder,"
            " data.source.photo_mask=<folder> or data.source.cartoon_mask=<folder>, or use data.background=keep"
        )
    person = picture.mask[..., None] / np.float32(255)
    colour = rng.integers(256, size=3)

    def replaced(image: np.ndarray) -> np.ndarray:
        backdrop = colour if background == "random" else np.array(255)
        if background == "blur":
            backdrop = _blurred(image, 1 - person)
        return np.rint(person * image + (1 - person) * backdrop).astype(np.uint8)

    target = None if picture.target is None else replaced(picture.target)
    return picture._replace(image=replaced(picture.image), target=target)


def _blurred(image: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The background out of focus, 0 to 255; `share` is the background's in each pixel, H x W x 1."""
    # The mean of the background alone: the person's colours would glow around them.
    blurred = cv2.GaussianBlur(np.dstack([share * image, share]), (0, 0), BLUR * len(image))
    return blurred[..., :3] / blurred[..., 3:].clip(1e-6)
