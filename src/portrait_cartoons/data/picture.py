"""What every data source offers: pictures, as read or drawn, before any transform, in splits."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np

from portrait_cartoons.image import ImageError


class Picture(NamedTuple):
    """One picture of a domain; all its arrays share height and width.

    image: uint8 H x W x 3, RGB.
    mask: uint8 H x W, 0 (background) to 255 (person); None where unknown.
    target: uint8 H x W x 3, RGB, the true cartoon of this picture; None where unknown.
    name: unique within the source, fit for a file name.
    """

    image: np.ndarray
    mask: np.ndarray | None
    target: np.ndarray | None
    name: str


Transform = Callable[..., dict[str, np.ndarray]]  # of albumentations: arrays by name in and out


def transformed(picture: Picture, transform: Transform) -> Picture:
    """The picture with its image, and its mask and target if it has them, transformed alike."""
    arrays = {"image": picture.image, "mask": picture.mask, "target": picture.target}
    moved = transform(**{name: array for name, array in arrays.items() if array is not None})
    return Picture(moved["image"], moved.get("mask"), moved.get("target"), picture.name)


class Pictures(Sequence[Picture]):
    """Pictures of a domain, made when asked for."""

    drawn: ClassVar[bool] = False  # whether making one takes less time than bringing it here from another process

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """These pictures and then the others, with the masks and targets that both have."""

    @abstractmethod
    def without(self, mask: bool = False, target: bool = False) -> Self:
        """The same pictures without their masks or targets, which then take no time."""

    @abstractmethod
    def identity(self, index: int) -> bytes:
        """What tells picture `index` from all others, whatever its name and its size here. Raises OSError."""


@dataclass(frozen=True)
class Splits:
    """Pictures to train on, to choose by while training, and to measure in the end.

    Photos may have a `target`, their true cartoon. A source may have no training pictures: such data can be measured.
    """

    train_photos: Pictures
    train_cartoons: Pictures
    val_photos: Pictures
    val_cartoons: Pictures
    test_photos: Pictures
    test_cartoons: Pictures


def read(pictures: Sequence[Picture], index: int, unreadable: list[str]) -> Picture:
    """Picture `index`, or the first readable one after it; the sentences about the others go to `unreadable`."""
    for n in range(len(pictures)):
        try:
            return pictures[(index + n) % len(pictures)]
        except ImageError as error:
            unreadable.append(str(error))
    raise ImageError(f"none of its {len(pictures)} images can be read; {unreadable[0]}")
