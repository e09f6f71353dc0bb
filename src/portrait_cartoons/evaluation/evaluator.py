"""The passes of an evaluation: over the true cartoons, the unchanged photos, and what each system makes of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.dataset import TestDataset
from portrait_cartoons.data.fingerprint import fingerprint
from portrait_cartoons.devices import described
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation import ranks, scores
from portrait_cartoons.evaluation.bootstrap import Bootstrap
from portrait_cartoons.evaluation.distances import frechet, kernel, kernel_subsets
from portrait_cartoons.evaluation.features import FeatureNetwork
from portrait_cartoons.evaluation.report import Protocol, Row, Value
from portrait_cartoons.evaluation.scores import Scores, saved
from portrait_cartoons.evaluation.statistics import cartoon_features, cartoon_protocol
from portrait_cartoons.image import ImageError, save_image
from portrait_cartoons.progress import tracked
from portrait_cartoons.timing import repeated

if TYPE_CHECKING:
    from portrait_cartoons.models.base import Translator

PICTURES = Path("pictures")  # below the report's folder, a folder of PNGs per row
PHOTOS, TARGETS, CARTOONS = "photo", "target", "cartoon"
RESERVED = ("unchanged photo", "photo set", PHOTOS, TARGETS, CARTOONS)  # names no system can have
TIMINGS = 20  # forward passes


@dataclass(frozen=True)
class Evaluator:
    """Measures systems on the test split's first `photos` photos against its first `cartoons` cartoons.

    Pictures go to `folder`/pictures as PNGs that are named by their place in the split. On several ranks each does its
    share, and rank 0 gets the values.
    """

    data: Portraits
    network: FeatureNetwork
    bootstrap: Bootstrap
    device: torch.device
    folder: Path
    photos: int
    cartoons: int

    @cached_property
    def protocol(self) -> Protocol:
        """What a value depends on beside the system; it takes a pass over the files."""
        photos = tracked(range(self.photos), self.photos, "contents of the photos")
        subsets, size = kernel_subsets(self.cartoons, self.photos)
        resamples = self.bootstrap.frechet_resamples(self.cartoons, self.photos, self.network.size)
        return {
            "split": "test",
            "photos": self.photos,
            "photos' sha256": fingerprint(self.data.test.pictures, photos),
            "background": self.data.test.background,
            **self._cartoon_protocol,
            **scores.PROTOCOL,
            self.network.kernel: f"cubic kernel, subsets: {subsets} of {size} images",
            "bootstrap": f"{self.bootstrap.resamples} resamples of images, basic 95 % intervals",
            f"bootstrap of {self.network.frechet}": f"{resamples} resamples",
            "seed": self.bootstrap.seed,
            "milliseconds": f"median of {TIMINGS} forward passes of one photo, float32",
            "device": described(self.device),
            "torchmetrics": version("torchmetrics"),
        }

    @cached_property
    def _cartoon_protocol(self) -> Protocol:
        return cartoon_protocol(self.data, self.data.test_cartoons, self.network, self.cartoons, shown=True)

    @cached_property
    def _reals(self) -> Tensor:
        cartoons = self.data.test_cartoons
        return cartoon_features(self.data, cartoons, self.network, self._cartoon_protocol, self.device, shown=True)

    def baselines(self) -> list[Row]:
        """What the unchanged photos, and the set of them, come to; saves photos, true cartoons and cartoons."""
        for indices, batch in self._batches(self.data.test_cartoons, self.cartoons, "cartoons"):
            self._save(CARTOONS, indices, saved("cartoon", batch["cartoon"]))
        measured = Scores(self.network)
        for indices, batch in self._batches(self.data.test, self.photos, "photos"):
            photo, target = batch["photo"], batch.get("target")
            self._save(PHOTOS, indices, measured.update(photo, photo, None, target))
            if target is not None:
                self._save(TARGETS, indices, saved("target", target))
        images, features = measured.results()
        return [
            Row("unchanged photo", "baseline", self.bootstrap.means(images)),
            Row("photo set", "baseline", self._distances(features), pictures=folder_of(PHOTOS)),
        ]

    def system(self, name: str, model: "Translator", file: Path) -> dict[str, Value]:
        """The values of a system, whose cartoons are saved in a folder of its name; `file` is told in errors.

        Raises UserError for one that cannot work on pictures of this size, or whose output cannot be measured.
        """
        size, multiple = self.data.size, cast(int, model.generator.multiple)
        if size % multiple:
            near = max(round(size / multiple), 1) * multiple
            raise UserError(f"{file} needs pictures whose side is a multiple of {multiple}: use data.size={near}")
        model.to(self.device)
        measured = Scores(self.network)
        for indices, batch in self._batches(self.data.test, self.photos, name):
            with torch.inference_mode():
                outputs = model.validation_step(batch, 0)
            pixels = measured.update(outputs["output"], batch["photo"], outputs.get("cycle"), batch.get("target"))
            self._save(name, indices, pixels)
        images, features = measured.results()
        values = {
            **self._distances(features),
            **self.bootstrap.means(images),
            "parameters": Value(sum(parameter.numel() for parameter in model.generator.parameters())),
            "milliseconds": Value(self._milliseconds(model.generator) if ranks.rank() == 0 else 0.0),
        }
        return ranks.agreed(values)  # the others wait, so that nobody disturbs the timing

    def _distances(self, features: Tensor) -> dict[str, Value]:
        """The distances of outputs with these features; none where there is one image only, or on other ranks."""
        reals = self._reals  # which all ranks compute together
        if ranks.rank() > 0 or min(len(reals), len(features)) < 2:
            return {}
        reals, features = (self.network.scaled(x, reals) for x in (reals, features))
        return {
            self.network.frechet: self.bootstrap.frechet(frechet(reals, features), reals, features),
            self.network.kernel: self.bootstrap.kernel(kernel(reals, features, self.bootstrap.seed), reals, features),
        }

    def _batches(self, dataset: TestDataset, count: int, what: str) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """This rank's batches of the first `count` pictures, on the device, and their places in the split."""
        share = ranks.share(count)
        places = iter(share)
        loader = self.data.loader(Subset(dataset, share), self.data.val_batch_size)
        for batch in tracked(loader, len(loader), what):
            if unreadable := batch.pop("unreadable"):  # training does with its neighbour, but a figure should not
                raise ImageError(unreadable[0])
            moved = {name: images.to(self.device) for name, images in batch.items()}
            yield list(islice(places, len(moved[dataset.domain]))), moved

    def _milliseconds(self, network: nn.Module) -> float:
        photo = torch.zeros(1, 3, self.data.size, self.data.size, device=self.device)
        with torch.inference_mode():
            return 1000 * median(repeated(partial(network, photo), TIMINGS, self.device))

    def _save(self, name: str, indices: list[int], pixels: Tensor) -> None:
        save_pictures(pixels, self.folder / folder_of(name), indices)


def save_pictures(pixels: Tensor, folder: Path, indices: Sequence[int]) -> None:
    """Write uint8 N x 3 x H x W as PNGs named by their indices; compressing them takes all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:06d}.png" for index in indices]
    with ThreadPoolExecutor() as pool:
        list(pool.map(save_image, pixels.permute(0, 2, 3, 1).cpu().numpy(), paths))


def folder_of(name: str) -> str:
    """The folder of a row's pictures, relative to the report's."""
    return (PICTURES / name).as_posix()
