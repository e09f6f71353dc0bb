"""Albumentations pipelines that bring a picture, its mask and its true cartoon to the size the networks see."""

import os
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for its newest version at import otherwise

import albumentations as A  # noqa: N812
import cv2

EVALUATION_RESIZE = "shorter side to size, by area when reducing and bicubic when enlarging, then the central square"


TARGET: Any = {"additional_targets": {"target": "image"}}  # a true cartoon moves with its photo


def training(size: int, load_size: int, flip: bool) -> A.Compose:
    """Shorter side to `load_size`, a random `size` x `size` crop, and a flip half of the time.

    This is CycleGAN's augmentation (286, 256, flip), except that pictures that are not square keep their proportions.
    """
    return A.Compose(
        [_shorter_side(load_size), A.RandomCrop(size, size), A.HorizontalFlip(p=0.5 if flip else 0.0)], **TARGET
    )


def loaded(load_size: int) -> A.Compose:
    """The first part of `training`, which is the same every time."""
    return A.Compose([_shorter_side(load_size)], **TARGET)


def evaluation(size: int) -> A.Compose:
    """The central square, `size` x `size`."""
    return A.Compose([_shorter_side(size), A.CenterCrop(size, size)], **TARGET)


def _shorter_side(size: int) -> A.SmallestMaxSize:
    # Bicubic has no low-pass filter in OpenCV: reducing needs area averaging to be free of aliases.
    # OpenCV's plain nearest neighbours lie up to a pixel beside those of the other ways.
    return A.SmallestMaxSize(
        size,
        interpolation=cv2.INTER_CUBIC,
        mask_interpolation=cv2.INTER_NEAREST_EXACT,
        area_for_downscale="image",
    )
