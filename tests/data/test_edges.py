import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.data.edges import smooth_edges

RNG = np.random.default_rng(0)  # draws nothing that is seen where there is no noise


def near_edges(image: np.ndarray) -> np.ndarray:
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200)
    return cv2.dilate(edges, np.ones((5, 5), np.uint8))


def pixel_by_pixel(image: np.ndarray) -> np.ndarray:
    """The recipe as it is commonly written."""
    kernel = cv2.getGaussianKernel(5, 0) @ cv2.getGaussianKernel(5, 0).T
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), "reflect")
    smooth = image.copy()
    for y, x in np.argwhere(near_edges(image)):
        for channel in range(3):
            smooth[y, x, channel] = np.sum(padded[y : y + 5, x : x + 5, channel] * kernel)
    return smooth


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    """Random colours in cells of 1 to 8 pixels: from all edges to few, in any small shape."""
    height, width, cell, seed = (draw(st.integers(low, high)) for low, high in ((1, 20), (1, 20), (1, 8), (0, 2**32)))
    colours = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    return np.ascontiguousarray(colours.repeat(cell, 0).repeat(cell, 1)[:height, :width])


@settings(max_examples=50, deadline=None)
@given(images())
def test_every_byte_is_that_of_the_loop_over_pixels(image: np.ndarray) -> None:
    before = image.copy()
    assert np.array_equal(smooth_edges(image, 0.0, RNG), pixel_by_pixel(image))
    assert np.array_equal(image, before)


@settings(max_examples=50, deadline=None)
@given(images(), st.floats(0, 1))
def test_pixels_away_from_edges_stay_as_they_are(image: np.ndarray, noise: float) -> None:
    away = near_edges(image) == 0
    smooth = smooth_edges(image, noise, RNG)
    assert smooth.dtype == np.uint8
    assert np.array_equal(smooth[away], image[away])


def test_an_image_without_edges_stays_as_it_is() -> None:
    slope = np.arange(64, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2)
    assert np.array_equal(smooth_edges(slope, 0.5, RNG), slope)


def test_noise_has_the_given_deviation_and_comes_from_the_generator() -> None:
    image = np.full((400, 24, 3), 80, np.uint8)
    image[:, 12:] = 180
    near = near_edges(image) > 0
    noisy, again = (smooth_edges(image, 0.05, np.random.default_rng(1)) for _ in range(2))
    noise = noisy[near].astype(float) - smooth_edges(image, 0.0, RNG)[near]
    assert np.array_equal(noisy, again)
    assert abs(noise.mean()) < 1
    assert abs(noise.std() / (0.05 * 255) - 1) < 0.05


def test_noise_beyond_black_and_white_is_cut_off() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    noise = smooth_edges(image, 0.02, RNG).astype(int) - smooth_edges(image, 0.0, RNG)
    assert 0 < np.abs(noise).max() < 128  # a value that wrapped around would be at the other end of the range
