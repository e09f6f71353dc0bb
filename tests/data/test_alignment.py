"""A photo, its mask and its true cartoon stay on top of each other whatever is done to them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.data import encoded, transforms
from portrait_cartoons.data.picture import Picture, transformed

SIDES, EDGES = st.integers(24, 160), st.floats(0.3, 0.7)


def person(height: int, width: int, edge: float, upright: bool) -> Picture:
    """White, as are its mask and its true cartoon, on one side of a straight edge, and black on the other."""
    mask = np.zeros((height, width), np.uint8)
    mask[(slice(None), slice(int(edge * width), None)) if upright else slice(int(edge * height), None)] = 255
    image = cv2.merge([mask] * 3)
    return Picture(image, mask, image.copy(), "p")


def distance(image: np.ndarray, mask: np.ndarray, upright: bool) -> float:
    """How many pixels the edges of the two are apart, at most."""
    white = image[..., 0].sum(int(upright), dtype=int) - mask.sum(int(upright), dtype=int)
    return float(np.abs(white).max() / 255)


@given(SIDES, SIDES, EDGES, st.booleans(), st.integers(0, 40), st.booleans(), st.integers(0, 2**31))
def test_a_mask_is_half_a_pixel_off_its_photo_at_most(
    height: int, width: int, edge: float, upright: bool, margin: int, training: bool, seed: int
) -> None:
    transform: Any = transforms.training(32, 32 + margin, True) if training else transforms.evaluation(32)
    transform.set_random_seed(seed)
    found = transformed(person(height, width, edge, upright), transform)
    assert found.mask is not None
    assert found.target is not None
    assert np.array_equal(found.image, found.target)
    assert distance(found.image, found.mask, upright) <= 0.52  # what a mask of two values must round away


@given(SIDES, SIDES, EDGES, st.booleans(), st.sampled_from((2, 4, 8)))
def test_a_mask_fits_a_photo_that_was_decoded_at_a_reduced_size(
    height: int, width: int, edge: float, upright: bool, times: int
) -> None:
    whole = person(height * times, width * times, edge, upright)
    image = cv2.resize(whole.image, (width, height), interpolation=cv2.INTER_AREA)
    mask = encoded._fitted(whole.image[..., 0], image, Path("mask"), Path("photo"))
    assert distance(image, mask, upright) <= 0.52
