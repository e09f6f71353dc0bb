"""Training and test samples: pictures read, cropped and turned into tensors, pure functions of (seed, epoch, index)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from src.data.picture import Picture
from src.image import ImageError, from_uint8

if TYPE_CHECKING:
    import albumentations as A  # noqa: N812 - it takes a second to import, which listing pictures does not need

Sample = dict[str, Any]


@dataclass(frozen=True)
class Splits:
    """What every data source offers. Test photos may have a `target`, their true cartoon; training ignores it."""

    train_photos: Sequence[Picture]
    train_cartoons: Sequence[Picture]
    test_photos: Sequence[Picture]
    test_cartoons: Sequence[Picture]


class UnpairedDataset(Dataset[Sample]):
    """Sample (epoch, i) is picture i of the larger domain beside one drawn at random from the other.

    A sample holds `photo` and `cartoon`, 3 x H x W in [-1, 1], and where its pictures have masks `photo_mask` and
    `cartoon_mask`, 1 x H x W in [0, 1]. An unreadable picture is replaced by the next readable one and named in
    `unreadable`.
    """

    def __init__(
        self, photos: Sequence[Picture], cartoons: Sequence[Picture], transform: "A.Compose", seed: int
    ) -> None:
        self.photos, self.cartoons, self.transform, self.seed = photos, cartoons, transform, seed

    def __len__(self) -> int:
        return max(len(self.photos), len(self.cartoons))

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        sample: Sample = {"unreadable": []}
        for domain, pictures in (("photo", self.photos), ("cartoon", self.cartoons)):
            drawn, augmentation = (int(n) for n in rng.integers((len(pictures), 2**31)))
            picture = read(pictures, index if len(pictures) == len(self) else drawn, sample["unreadable"])
            self.transform.set_random_seed(augmentation)
            sample |= tensors(domain, picture, self.transform)
        return sample


class TestDataset(Dataset[Sample]):
    """Pictures of one `domain` in their order: its name as in `UnpairedDataset`, and `target` where there is one."""

    __test__ = False  # not a test case, whatever its name makes pytest think

    def __init__(self, domain: str, pictures: Sequence[Picture], transform: "A.Compose") -> None:
        self.domain, self.pictures, self.transform = domain, pictures, transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = {"unreadable": []}
        picture = read(self.pictures, index, sample["unreadable"])
        sample |= tensors(self.domain, picture, self.transform)
        if picture.target is not None:
            sample["target"] = from_uint8(self.transform(image=picture.target)["image"])
        return sample


def read(pictures: Sequence[Picture], index: int, unreadable: list[str]) -> Picture:
    """Picture `index`, or the first readable one after it; the sentences about the others go to `unreadable`."""
    for n in range(len(pictures)):
        try:
            return pictures[(index + n) % len(pictures)]
        except ImageError as error:
            unreadable.append(str(error))
    raise ImageError(f"none of its {len(pictures)} images can be read; {unreadable[0]}")


def tensors(domain: str, picture: Picture, transform: "A.Compose") -> dict[str, Tensor]:
    """The transformed picture, and its mask if it has one, under the names that batches use."""
    if picture.mask is None:
        return {domain: from_uint8(transform(image=picture.image)["image"])}
    moved = transform(image=picture.image, mask=picture.mask)
    mask = torch.from_numpy(np.ascontiguousarray(moved["mask"])).float().div(255).unsqueeze(0)
    return {domain: from_uint8(moved["image"]), f"{domain}_mask": mask}


def collate(samples: Sequence[Sample]) -> Sample:
    """Stack tensors; `unreadable` becomes one list."""
    unreadable = [sentence for sample in samples for sentence in sample["unreadable"]]
    batch = default_collate([{k: v for k, v in sample.items() if k != "unreadable"} for sample in samples])
    return {**batch, "unreadable": unreadable}
