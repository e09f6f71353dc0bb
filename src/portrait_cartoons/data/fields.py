"""What batches can hold of a pair of pictures, by the names that models ask for it."""

from collections.abc import Collection
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.picture import Picture
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8

Domain = Literal["photo", "cartoon"]

FIELDS = {
    "photo": "the photo",
    "cartoon": "a cartoon, of anyone",
    "target": "the photo's true cartoon",
    "photo_mask": "the person in the photo, 1 x H x W in [0, 1]",
    "cartoon_mask": "the person in the cartoon, likewise",
    "photo_outline": "the photo's outlines, |dilation - erosion| of each channel",
    "cartoon_outline": "the cartoon's outlines, likewise",
    "cartoon_grey": "the cartoon in grey, in all three channels",
    "cartoon_smooth": "the cartoon with blurred edges, see `smooth_edges`",
}


def known(fields: Collection[str]) -> tuple[str, ...]:
    """The fields. Raises UserError for one that does not exist."""
    for field in fields:
        if field not in FIELDS:
            raise UserError(
                f"the model's inputs name {field}, which no batch can hold; choose from {', '.join(FIELDS)}"
            )
    return tuple(fields)


def domain(field: str) -> Domain:
    """Whether the field is made of the photo or of the cartoon."""
    return "cartoon" if field.startswith("cartoon") else "photo"


def make(field: str, picture: Picture, smooth_noise: float, rng: np.random.Generator) -> Tensor:
    """A field of its domain's picture: a mask, or an image 3 x H x W in [-1, 1]. Raises UserError where it has none."""
    match field.partition("_")[2] or field:
        case "mask":
            mask = _there(picture.mask, field, picture)
            return torch.from_numpy(np.ascontiguousarray(mask)).float().div(255).unsqueeze(0)
        case "target":
            return from_uint8(_there(picture.target, field, picture))
        case "outline":
            return from_uint8(outline(picture.image))
        case "grey":
            return from_uint8(cv2.cvtColor(cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
        case "smooth":
            return from_uint8(smooth_edges(picture.image, smooth_noise, rng))
        case _:
            return from_uint8(picture.image)


def outline(image: np.ndarray) -> np.ndarray:
    """The difference of the 3 x 3 dilation and erosion, uint8 of the image's shape: bright lines on black."""
    return cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))


def _there(array: np.ndarray | None, field: str, picture: Picture) -> np.ndarray:
    if array is None:
        raise UserError(
            f"the model needs the {field} of each picture, but {picture.name} has none: name the folder,"
            f" data.source.{field}=<folder>"
        )
    return array
