"""Procedural portraits, a pure function of (seed, index) each: noisy, shaded photos and flat, outlined cartoons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from portrait_cartoons.data.picture import Picture, Splits
from portrait_cartoons.data.toy_face import random_face
from portrait_cartoons.data.toy_paint import paint_cartoon, paint_photo
from portrait_cartoons.errors import UserError

Domain = Literal["photo", "cartoon"]

MIN_SIZE = 16


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


def toy_pictures(train: int, test: int, size: int, seed: int) -> Splits:
    """`train` photos and as many cartoons of other faces, `test` photos with their true cartoons and `test` cartoons of
    yet others, all `size` pixels wide."""
    first_test = 2 * train
    return Splits(
        ToyImages("photo", train, size, seed),
        ToyImages("cartoon", train, size, seed, train),
        ToyImages("photo", test, size, seed, first_test, paired=True),
        ToyImages("cartoon", test, size, seed, first_test + test),
    )


class ToyImages(Sequence[Picture]):
    """The faces `offset` to `offset + count - 1` of a seed, as photos or as cartoons, `size` pixels wide and high.

    `paired` adds the true cartoon of each as its target. Raises UserError for a size below 16 or a negative seed.
    """

    def __init__(self, domain: Domain, count: int, size: int, seed: int, offset: int = 0, paired: bool = False) -> None:
        if size < MIN_SIZE:
            raise UserError(f"toy portraits cannot be {size} pixels wide: set their size to {MIN_SIZE} or more")
        if seed < 0:
            raise UserError(f"toy portraits cannot be drawn from the seed {seed}: set it to 0 or more")
        self.domain = domain
        self.size = size
        self.seed = seed
        self.faces = range(offset, offset + count)
        self.paired = paired

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, item: int) -> Picture:  # type: ignore[override]
        index = self.faces[item]
        rng = np.random.default_rng([self.seed, index])
        face = random_face(rng)
        image, mask = paint_photo(face, self.size, rng) if self.domain == "photo" else paint_cartoon(face, self.size)
        target = paint_cartoon(face, self.size)[0] if self.paired else None
        return Picture(image, mask, target, f"toy-{self.domain}-{index:06d}")
