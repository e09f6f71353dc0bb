"""Training and test samples: pictures read, cropped and turned into tensors, pure functions of (seed, epoch, index)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from portrait_cartoons.data.background import Background, replace_background
from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.picture import Picture, read
from portrait_cartoons.image import from_uint8

if TYPE_CHECKING:
    import albumentations as A  # noqa: N812 - it takes a second to import, which listing pictures does not need

Sample = dict[str, Any]


class UnpairedDataset(Dataset[Sample]):
    """Sample (epoch, i) is picture i of the larger domain beside one drawn at random from the other.

    A sample holds `photo` and `cartoon`, 3 x H x W in [-1, 1], and where its pictures have masks `photo_mask` and
    `cartoon_mask`, 1 x H x W in [0, 1]. With `smooth_edges` it holds `cartoon_smooth` too, the very crop of the cartoon
    with blurred edges. An unreadable picture is replaced by the next readable one and named in `unreadable`.
    """

    def __init__(
        self,
        photos: Sequence[Picture],
        cartoons: Sequence[Picture],
        transform: "A.Compose",
        seed: int,
        background: Background,
        smooth_edges: bool,
        smooth_noise: float,
    ) -> None:
        self.photos, self.cartoons, self.transform, self.seed = photos, cartoons, transform, seed
        self.background, self.smooth_edges, self.smooth_noise = background, smooth_edges, smooth_noise

    def __len__(self) -> int:
        return max(len(self.photos), len(self.cartoons))

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        sample: Sample = {"unreadable": []}
        crops = {}
        for domain, pictures in (("photo", self.photos), ("cartoon", self.cartoons)):
            drawn, augmentation = (int(n) for n in rng.integers((len(pictures), 2**31)))
            picture = read(pictures, index if len(pictures) == len(self) else drawn, sample["unreadable"])
            self.transform.set_random_seed(augmentation)
            crops[domain] = crop(picture, self.transform)
        # Drawn from after the crops, which are therefore the same whatever the options.
        sample |= tensors("photo", replace_background(crops["photo"], self.background, rng))
        sample |= tensors("cartoon", crops["cartoon"])
        if self.smooth_edges:
            sample["cartoon_smooth"] = from_uint8(smooth_edges(crops["cartoon"].image, self.smooth_noise, rng))
        return sample


class TestDataset(Dataset[Sample]):
    """Pictures of one `domain` in their order: its name as in `UnpairedDataset`, and `target` where there is one.

    The target, which shows the same person in the same place, gets the same new background.
    """

    __test__ = False  # not a test case, whatever its name makes pytest think

    def __init__(
        self, domain: str, pictures: Sequence[Picture], transform: "A.Compose", background: Background
    ) -> None:
        self.domain, self.pictures, self.transform, self.background = domain, pictures, transform, background

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = {"unreadable": []}
        picture = read(self.pictures, index, sample["unreadable"])
        cropped = crop(picture, self.transform)
        sample |= tensors(self.domain, self._on_background(cropped, index))
        if picture.target is not None:
            target = cropped._replace(image=self.transform(image=picture.target)["image"])
            sample["target"] = from_uint8(self._on_background(target, index).image)
        return sample

    def _on_background(self, picture: Picture, index: int) -> Picture:
        return replace_background(picture, self.background, np.random.default_rng(index))


def crop(picture: Picture, transform: "A.Compose") -> Picture:
    """The picture with its image, and its mask if it has one, transformed alike."""
    if picture.mask is None:
        return picture._replace(image=transform(image=picture.image)["image"])
    return picture._replace(**transform(image=picture.image, mask=picture.mask))


def tensors(domain: str, picture: Picture) -> dict[str, Tensor]:
    """The image, and the mask if there is one, under the names that batches use."""
    if picture.mask is None:
        return {domain: from_uint8(picture.image)}
    mask = torch.from_numpy(np.ascontiguousarray(picture.mask)).float().div(255).unsqueeze(0)
    return {domain: from_uint8(picture.image), f"{domain}_mask": mask}


def collate(samples: Sequence[Sample]) -> Sample:
    """Stack tensors; `unreadable` becomes one list."""
    unreadable = [sentence for sample in samples for sentence in sample["unreadable"]]
    batch = default_collate([{k: v for k, v in sample.items() if k != "unreadable"} for sample in samples])
    return {**batch, "unreadable": unreadable}
