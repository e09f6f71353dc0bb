"""Pictures that lie encoded somewhere, as files or as parts of larger ones, each with its mask and its true cartoon."""

import io
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from portrait_cartoons.data.picture import Picture, Pictures
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import ImageError, load_mask, load_rgb

Kind = Literal["image", "mask", "target"]
KINDS: tuple[Kind, ...] = ("image", "mask", "target")


class DataError(UserError):
    """Data that cannot be trained on: one sentence per problem, a line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Part(io.BytesIO):
    """The bytes of one picture out of a larger file; as text its `name`."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name

    def __str__(self) -> str:
        return self.name


class EncodedPictures(Pictures):
    """Pictures read when asked for; big JPEGs at a reduced size not below `min_side`.

    Masks and targets are brought to the size of their pictures. Reading raises ImageError, and DataError for a mask or
    target of another aspect ratio, which must be of another picture.
    """

    min_side: int

    @abstractmethod
    def encoded(self, index: int, kind: Kind) -> Path | Part | None:
        """Where picture `index`, its mask or its target is to be read; None where there is none. Raises ImageError."""

    @abstractmethod
    def name(self, index: int) -> str:
        """The path of picture `index` relative to its domain's folder."""

    def __getitem__(self, index: int) -> Picture:  # type: ignore[override]
        at, mask_at, target_at = (self.encoded(index, kind) for kind in KINDS)
        if at is None:
            raise ImageError(f"{self.name(index)} is missing; replace it or leave it out")
        image = load_rgb(at, self.min_side)
        mask = None if mask_at is None else _fitted(load_mask(mask_at), image, mask_at, at)
        target = None if target_at is None else _fitted(load_rgb(target_at, self.min_side), image, target_at, at)
        return Picture(image, mask, target, self.name(index))

    def contents(self, index: int) -> Iterator[bytes]:
        """The bytes of picture `index`, of its mask and of its target, as far as there are any and they can be read."""
        for kind in KINDS:
            with suppress(OSError, ImageError):
                at = self.encoded(index, kind)
                if at is not None:
                    yield at.read_bytes() if isinstance(at, Path) else at.getvalue()


def _fitted(companion: np.ndarray, image: np.ndarray, path: Path | Part, owner: Path | Part) -> np.ndarray:
    """A mask or target at the size of its image, which may have been decoded at a reduced one. Raises DataError."""
    (h, w), (height, width) = companion.shape[:2], image.shape[:2]
    if abs(w * height - h * width) > 0.02 * w * height + max(h, w):  # 2 %, and a pixel for rounded sizes
        raise DataError(
            f"{path} is {w} x {h} pixels, but its picture {owner} is {width} x {height}: it seems to be another"
            " picture's; give each mask and target the name and shape of its picture"
        )
    if (h, w) == (height, width):
        return companion
    if companion.ndim == 2:
        return cv2.resize(companion, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return cv2.resize(companion, (width, height), interpolation=cv2.INTER_AREA if h > height else cv2.INTER_CUBIC)
