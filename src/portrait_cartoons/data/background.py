"""Photos with another background, so that it cannot become part of the style."""

from typing import Literal

import cv2
import numpy as np

from portrait_cartoons.data.picture import Picture
from portrait_cartoons.errors import UserError

Background = Literal["keep", "white", "random", "blur"]

BLUR = 0.05  # standard deviation of the blur, in image heights


def replace_background(picture: Picture, background: Background, rng: np.random.Generator) -> Picture:
    """The picture on white, on one random colour, or on its background out of focus, blended where the mask is soft.

    Raises UserError for a picture without a mask, unless its background is to `keep`.
    """
    if background == "keep":
        return picture
    if picture.mask is None:
        raise UserError(
            f"data.background={background} needs person masks, but {picture.name} has none: name the folder of the"
            " photos' masks, data.source.photo_mask=<folder>, or use data.background=keep"
        )
    person = picture.mask[..., None] / np.float32(255)
    image = person * picture.image + (1 - person) * _backdrop(picture.image, 1 - person, background, rng)
    return picture._replace(image=np.rint(image).astype(np.uint8))


def _backdrop(image: np.ndarray, share: np.ndarray, background: Background, rng: np.random.Generator) -> np.ndarray:
    """What broadcasts to the image, 0 to 255; `share` is the background's in each pixel, H x W x 1."""
    match background:
        case "random":
            return rng.integers(256, size=3)
        case "blur":
            # The mean of the background alone: the person's colours would glow around them.
            blurred = cv2.GaussianBlur(np.dstack([share * image, share]), (0, 0), BLUR * len(image))
            return blurred[..., :3] / blurred[..., 3:].clip(1e-6)
        case _:
            return np.array(255)
