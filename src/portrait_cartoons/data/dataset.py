"""Training and test samples: pictures read, cropped and turned into tensors, pure functions of (seed, epoch, index)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset, default_collate

from portrait_cartoons.data import fields as batch_fields
from portrait_cartoons.data.background import Background, replace_background
from portrait_cartoons.data.fields import Domain
from portrait_cartoons.data.picture import Picture, Pictures, read, transformed

if TYPE_CHECKING:
    import albumentations as A  # noqa: N812 - it takes a second to import, which listing pictures does not need

Sample = dict[str, Any]
Keep = Callable[[Sequence[Picture]], Sequence[Picture]]


class TrainingDataset(Dataset[Sample]):
    """Sample (epoch, i) is picture i of the larger domain beside one drawn at random from the other.

    A sample holds the `fields`, which `fields.FIELDS` explains, all of one crop of each picture. Where they need one
    domain only, the other is not read. An unreadable picture is replaced by the next readable one and named in
    `unreadable`. `backgrounds` are those of each domain. `keep` may keep the pictures that it gets.
    """

    def __init__(
        self,
        photos: Pictures,
        cartoons: Pictures,
        transform: "A.Compose",
        seed: int,
        fields: Collection[str],
        backgrounds: Mapping[Domain, Background],
        smooth_noise: float,
        keep: Keep | None = None,
    ) -> None:
        self.transform, self.seed = transform, seed
        self.fields, self.backgrounds, self.smooth_noise = fields, backgrounds, smooth_noise
        both: dict[Domain, Pictures] = {"photo": photos, "cartoon": cartoons}
        used = [domain for domain in both if any(batch_fields.domain(field) == domain for field in fields)]
        self.pictures: dict[Domain, Sequence[Picture]] = {}
        for domain in used:
            needed = both[domain].without(
                mask=f"{domain}_mask" not in fields and backgrounds[domain] == "keep", target="target" not in fields
            )
            self.pictures[domain] = keep(needed) if keep else needed

    def __len__(self) -> int:
        return max(len(pictures) for pictures in self.pictures.values())

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        sample: Sample = {"unreadable": []}
        larger = max(self.pictures, key=lambda domain: len(self.pictures[domain]))
        crops: dict[Domain, Picture] = {}
        for domain, pictures in self.pictures.items():
            drawn, augmentation = (int(n) for n in rng.integers((len(pictures), 2**31)))
            picture = read(pictures, index if domain == larger else drawn, sample["unreadable"])
            self.transform.set_random_seed(augmentation)
            crops[domain] = transformed(picture, self.transform)
        # Drawn from after the crops, which are therefore the same whatever the options.
        crops = {domain: replace_background(crops[domain], self.backgrounds[domain], rng) for domain in crops}
        for field in self.fields:
            sample[field] = batch_fields.make(field, crops[batch_fields.domain(field)], self.smooth_noise, rng)
        return sample


class TestDataset(Dataset[Sample]):
    """Pictures of one `domain` in their order, by this name, with their masks and targets as far as there are any.

    The `fields` of this domain that training uses are there as well, but for those whose noise is drawn. `keep` may
    keep the pictures that it gets.
    """

    __test__ = False  # not a test case, whatever its name makes pytest think

    def __init__(
        self,
        domain: Domain,
        pictures: Pictures,
        transform: "A.Compose",
        background: Background,
        fields: Collection[str] = (),
        keep: Keep | None = None,
    ) -> None:
        self._kept = keep(pictures) if keep else pictures
        self.domain, self.pictures, self.transform, self.background = domain, pictures, transform, background
        self.fields = [f for f in fields if batch_fields.domain(f) == domain and f.endswith(("_outline", "_grey"))]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Sample:
        sample: Sample = {"unreadable": []}
        rng = np.random.default_rng(index)
        picture = transformed(read(self._kept, index, sample["unreadable"]), self.transform)
        picture = replace_background(picture, self.background, rng)
        there = [self.domain, *self.fields]
        there += [f"{self.domain}_mask"] if picture.mask is not None else []
        there += ["target"] if picture.target is not None else []
        return sample | {field: batch_fields.make(field, picture, 0, rng) for field in there}


def collate(samples: Sequence[Sample]) -> Sample:
    """Stack tensors; `unreadable` becomes one list."""
    unreadable = [sentence for sample in samples for sentence in sample["unreadable"]]
    batch = default_collate([{k: v for k, v in sample.items() if k != "unreadable"} for sample in samples])
    return {**batch, "unreadable": unreadable}
