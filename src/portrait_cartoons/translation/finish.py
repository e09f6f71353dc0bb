"""What is done with a cartoon before it is written. Pictures are uint8 H x W x 3, masks uint8 H x W."""

from collections.abc import Callable

import cv2
import numpy as np

Finish = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of a photo and its cartoon

_MOST = 4.0  # times the cartoon's deviation: a grey cartoon's noise is not to become colours
_BLUR = 0.03  # of the picture's longer side: the standard deviation of the blur


def finisher(
    background: str, find: Callable[[np.ndarray], np.ndarray] | None, preserve_color: bool, side_by_side: bool
) -> Finish:
    """Everything that is asked for, in its order; `find` gives a photo's mask where a background is asked for."""

    def finish(photo: np.ndarray, cartoon: np.ndarray) -> np.ndarray:
        if preserve_color:
            cartoon = recoloured(photo, cartoon)
        if find is not None:
            cartoon = behind(background, photo, cartoon, find(photo))
        return beside(photo, cartoon) if side_by_side else cartoon

    return finish


def behind(background: str, photo: np.ndarray, cartoon: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The person of the cartoon, where `mask` is 255, before another background."""
    person = mask[..., None].astype(np.float32) / 255
    other = {
        "white": lambda: np.full_like(photo, 255),
        "blur": lambda: cv2.GaussianBlur(cartoon, (0, 0), max(1.0, _BLUR * max(cartoon.shape))),
        "original": lambda: photo,
    }[background]()
    return np.rint(person * cartoon + (1 - person) * other).astype(np.uint8)


def recoloured(photo: np.ndarray, cartoon: np.ndarray) -> np.ndarray:
    """The cartoon in its photo's colours: its lightness, and both chroma channels with the photo's mean and deviation.

    This is Reinhard et al.'s transfer of 2001, on the chroma of CIELAB alone, so that lines and shades stay.
    """
    lab = cv2.cvtColor(cartoon.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    wanted = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    for channel in (1, 2):
        own, other = lab[..., channel], wanted[..., channel]
        spread = other.std() / max(float(own.std()), 1e-3)
        lab[..., channel] = (own - own.mean()) * min(spread, _MOST) + other.mean()
    return np.rint(255 * cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)).clip(0, 255).astype(np.uint8)


def beside(photo: np.ndarray, cartoon: np.ndarray) -> np.ndarray:
    """Both in one picture, H x 2 W x 3, the photo to the left."""
    return np.concatenate([photo, cartoon], axis=1)
