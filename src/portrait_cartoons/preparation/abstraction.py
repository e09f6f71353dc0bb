"""Cartoons without training: video abstraction (Winnemöller, Olsen and Gooch 2006) with XDoG lines (2012).

The numbers hold for a picture of 256 pixels; lengths grow with it. They were chosen by looking at portraits.
"""

import cv2
import numpy as np

_STEPS = 10  # of luminance
_DARKEST = 0.15  # what a line leaves of a colour


def abstraction(photo: np.ndarray) -> np.ndarray:
    """The cartoon of uint8 H x W x 3, RGB: flat areas, fewer tones, stronger colours, dark lines."""
    scale = min(photo.shape[:2]) / 256
    colours = _quantised(_flattened(photo, scale))
    return np.rint(colours * _lines(photo, scale)[..., None]).clip(0, 255).astype(np.uint8)


def _flattened(photo: np.ndarray, scale: float) -> np.ndarray:
    """Without texture: four bilateral filters, the first the strongest, then mean shift."""
    diameter = 2 * round(4.5 * scale) + 1
    for sigma_colour in (40, 25, 25, 25):
        photo = cv2.bilateralFilter(photo, diameter, sigma_colour, 9 * scale)
    return cv2.pyrMeanShiftFiltering(photo, 10 * scale, 18)


def _quantised(photo: np.ndarray) -> np.ndarray:
    """Luminance in soft steps and slightly raised, colours a quarter stronger. Floats, 0 to 255."""
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    steps = lab[..., 0] * _STEPS / 255
    nearest = np.round(steps)
    lab[..., 0] = 1.06 * (nearest + np.tanh(2 * (steps - nearest)) / 2) * 255 / _STEPS + 6
    lab[..., 1:] = 1.25 * (lab[..., 1:] - 128) + 128
    return cv2.cvtColor(np.rint(lab).clip(0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB).astype(np.float32)


def _lines(photo: np.ndarray, scale: float) -> np.ndarray:
    """H x W, from 1 down to `_DARKEST` where a difference of Gaussians finds an edge's dark side."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    calm = cv2.bilateralFilter(grey, 5, 50, 5).astype(np.float32) / 255
    difference = cv2.GaussianBlur(calm, (0, 0), scale) - 0.98 * cv2.GaussianBlur(calm, (0, 0), 1.6 * scale)
    return _DARKEST + (1 - _DARKEST) * (1 + np.minimum(0, np.tanh(60 * difference)))
