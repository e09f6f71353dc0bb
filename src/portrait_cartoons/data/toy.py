"""Procedural portraits, a pure function of (seed, index) each: noisy, shaded photos and flat, outlined cartoons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from portrait_cartoons.data.picture import Picture, Pictures, Splits
from portrait_cartoons.data.toy_face import random_face
from portrait_cartoons.data.toy_paint import paint_cartoon, paint_photo
from portrait_cartoons.errors import UserError

Domain = Literal["photo", "cartoon"]

MIN_SIZE = 16
PARTS = 6  # photos and cartoons of three splits: each takes every sixth face, so that none is ever in two of them


@dataclass(frozen=True)
class Portrait:
    """Both pictures of one face, uint8 H x W x 3, RGB, and the person mask of both, uint8 H x W, 0 or 255."""

    photo: np.ndarray
    cartoon: np.ndarray
    mask: np.ndarray


def portrait(seed: int, index: int, size: int) -> Portrait:
    """Face `index` (from 0) of `seed`, `size` pixels wide and high, at least 16."""
    rng = np.random.default_rng([seed, index])
    face = random_face(rng)
    cartoon, mask = paint_cartoon(face, size)
    photo, _ = paint_photo(face, size, rng)
    return Portrait(photo, cartoon, mask)


def toy_pictures(train: int, val: int, test: int, size: int, seed: int) -> Splits:
    """Photos and cartoons of so many faces per split, each with its own face, all `size` pixels wide.

    Every photo has its true cartoon. The faces of a split depend on its own length alone.
    """

    def faces(part: int, count: int) -> range:
        return range(part, part + PARTS * count, PARTS)

    return Splits(
        ToyImages("photo", faces(0, train), size, seed, paired=True),
        ToyImages("cartoon", faces(1, train), size, seed),
        ToyImages("photo", faces(2, val), size, seed, paired=True),
        ToyImages("cartoon", faces(3, val), size, seed),
        ToyImages("photo", faces(4, test), size, seed, paired=True),
        ToyImages("cartoon", faces(5, test), size, seed),
    )


@dataclass(frozen=True)
class ToyImages(Pictures):
    """Faces of a seed, as photos or as cartoons, `size` pixels wide and high.

    `paired` adds the true cartoon of each as its target. Raises UserError for a size below 16 or a negative seed.
    """

    drawn: ClassVar[bool] = True

    domain: Domain
    faces: Sequence[int]
    size: int
    seed: int
    paired: bool = False

    def __post_init__(self) -> None:
        if self.size < MIN_SIZE:
            raise UserError(f"toy portraits cannot be {self.size} pixels wide: set their size to {MIN_SIZE} or more")
        if self.seed < 0:
            raise UserError(f"toy portraits cannot be drawn from the seed {self.seed}: set it to 0 or more")

    def __len__(self) -> int:
        return len(self.faces)

    def __add__(self, other: Self) -> Self:
        paired = self.paired and other.paired
        return type(self)(self.domain, [*self.faces, *other.faces], self.size, self.seed, paired)

    def without(self, mask: bool = False, target: bool = False) -> Self:
        return replace(self, paired=self.paired and not target)  # the mask comes with the picture

    def identity(self, index: int) -> bytes:
        """The seed and the number of the face, whether it is a photo or a cartoon."""
        return f"{self.seed} {self.faces[index]}".encode()

    def __getitem__(self, item: int) -> Picture:  # type: ignore[override]
        index = self.faces[item]
        rng = np.random.default_rng([self.seed, index])
        face = random_face(rng)
        image, mask = paint_photo(face, self.size, rng) if self.domain == "photo" else paint_cartoon(face, self.size)
        target = paint_cartoon(face, self.size)[0] if self.paired else None
        return Picture(image, mask, target, f"toy-{self.domain}-{index:06d}")
