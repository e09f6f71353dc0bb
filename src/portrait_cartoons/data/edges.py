"""Cartoons without clear edges, which edge-promoting discriminators learn to call false."""

import cv2
import numpy as np

GAUSSIAN = np.array((1, 4, 6, 4, 1), np.float32) / 16
NEIGHBOURHOOD = np.ones((5, 5), np.uint8)


def smooth_edges(image: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """The image, uint8 H x W x 3, RGB, blurred near its edges and the same elsewhere; CartoonGAN's recipe.

    `noise` is the standard deviation, 1 being the full range, of Gaussian noise on the blurred pixels.
    """
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 100, 200)
    near = cv2.dilate(edges, NEIGHBOURHOOD) > 0
    # In floats, where these sums are exact: blurring bytes would round what the recipe truncates.
    blurred = cv2.sepFilter2D(image, cv2.CV_32F, GAUSSIAN, GAUSSIAN)[near]
    noisy = blurred + 255 * noise * rng.standard_normal(blurred.shape, np.float32)
    smooth = image.copy()
    smooth[near] = noisy.clip(0, 255).astype(np.uint8)
    return smooth
