"""What one picture of a finished data set looks like, in numbers that tell photos from cartoons."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from portrait_cartoons.image import ImageError, load_rgb
from portrait_cartoons.preparation.examine import examine
from portrait_cartoons.preparation.manifest import Facts
from portrait_cartoons.preparation.sources import Source, sha256

BINS = 32
_SEEN_AT = 256  # pixels of the shorter side, so that sizes do not change what is measured


@dataclass(frozen=True)
class Look:
    """The file `name` below `root`, as one sees it: `reason` says why it cannot be read, and then the rest is empty.

    values: by name, as `MEASURES` explains them.
    histograms: of lightness and of saturation, shares of the pixels in `BINS` bins.
    """

    root: Path
    name: str
    folder: str
    split: str
    bytes: int
    sha256: str
    reason: str
    facts: Facts | None
    values: dict[str, float]
    histograms: dict[str, np.ndarray]


MEASURES = {
    "lightness": "0 black to 100 white",
    "contrast": "standard deviation of lightness",
    "saturation": "distance from grey in Lab",
    "edges": "% of the pixels on a Canny edge",
    "flat": "% of the pixels that hardly differ from their neighbours",
    "dark lines": "% of the pixels much darker than their surroundings",
}


def look(item: tuple[Source, Path, str, str]) -> Look:
    """What the file of a source, in a folder and split of the set below the path, shows."""
    source, root, folder, split = item
    name = source.path.relative_to(root).as_posix()
    digest, reason = sha256(source)
    facts = examine(source, with_face=False) if digest else reason
    size = source.path.stat().st_size if digest else 0
    if isinstance(facts, str):
        return Look(root, name, folder, split, size, digest, facts, None, {}, {})
    try:
        values, histograms = measure(load_rgb(source.path, _SEEN_AT))
    except ImageError as error:
        return Look(root, name, folder, split, size, digest, str(error), None, {}, {})
    return Look(root, name, folder, split, size, digest, "", facts, values, histograms)


def measure(image: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The values of `MEASURES`, and histograms, of uint8 H x W x 3, RGB."""
    scale = _SEEN_AT / min(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    lightness, *ab = cv2.split(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    saturation = np.hypot(*ab)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    step = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    values = {
        "lightness": lightness.mean(),
        "contrast": lightness.std(),
        "saturation": saturation.mean(),
        "edges": 100 * (cv2.Canny(grey, 100, 200) > 0).mean(),
        "flat": 100 * (step <= 3).mean(),
        "dark lines": 100 * (lightness < cv2.GaussianBlur(lightness, (0, 0), 4) - 12).mean(),
    }
    histograms = {
        name: np.histogram(channel.clip(0, 100), BINS, (0, 100))[0] / channel.size
        for name, channel in (("lightness", lightness), ("saturation", saturation))
    }
    return {name: float(value) for name, value in values.items()}, histograms
