"""The passes of an evaluation: over the true cartoons, the unchanged photos, and what each system makes of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from portrait_cartoons import ranks
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.dataset import TestDataset
from portrait_cartoons.data.fingerprint import fingerprint, identities
from portrait_cartoons.devices import described
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation import lpips, scores
from portrait_cartoons.evaluation.baselines import Baseline
from portrait_cartoons.evaluation.bootstrap import Bootstrap, Estimate
from portrait_cartoons.evaluation.distances import NEIGHBOURS, frechet, kernel, kernel_subsets, precision_recall
from portrait_cartoons.evaluation.features import FeatureNetwork
from portrait_cartoons.evaluation.lpips import Lpips
from portrait_cartoons.evaluation.report import Protocol, Row, Value
from portrait_cartoons.evaluation.scores import Scores, saved
from portrait_cartoons.evaluation.statistics import cartoon_features, cartoon_protocol
from portrait_cartoons.image import ImageError, save_image
from portrait_cartoons.progress import tracked
from portrait_cartoons.timing import repeated

if TYPE_CHECKING:
    from portrait_cartoons.models.base import Translator

Split = Literal["test", "val", "all"]

PICTURES, CYCLES = "pictures", "cycles"  # below the report's folder: per row a folder of PNGs each
PHOTOS, TARGETS, CARTOONS, FLOOR = "photo", "target", "cartoon", "training cartoon"
RESERVED = ("unchanged photo", "photo set", "training cartoons", PHOTOS, TARGETS, CARTOONS, FLOOR)  # no system's names
TIMINGS = 20  # forward passes


class Evaluator:
    """Measures systems on the first `limit` photos of a split against its first `limit` cartoons, by default all.

    Pictures go to `folder`/pictures, and what cycles make of the photos to `folder`/cycles, as PNGs that are named by
    their place in the split. On several ranks each does its share, and rank 0 gets the values.
    """

    def __init__(
        self,
        data: Portraits,
        split: Split,
        limit: int | None,
        network: FeatureNetwork,
        bootstrap: Bootstrap,
        device: torch.device,
        folder: Path,
        perceptual: Lpips | None = None,
    ) -> None:
        self.data, self.name, self.network, self.bootstrap = data, split, network, bootstrap
        self.lpips = perceptual.to(device) if perceptual else None
        self.device, self.folder = device, folder
        self.photos, self.cartoons = data.split(split)
        self.counts = [min(limit or len(pictures), len(pictures)) for pictures in (self.photos, self.cartoons)]

    @cached_property
    def protocol(self) -> Protocol:
        """What a value depends on beside the system; it takes a pass over the files."""
        photos, cartoons = self.counts
        subsets, size = kernel_subsets(cartoons, photos)
        resamples = self.bootstrap.frechet_resamples(cartoons, photos, self.network.size)
        return {
            "split": self.name,
            "photos": photos,
            "photos' sha256": fingerprint(
                self.photos.pictures, tracked(range(photos), photos, "contents of the photos")
            ),
            "background": self.photos.background,
            **self._cartoon_protocol,
            **scores.PROTOCOL,
            **(lpips.PROTOCOL if self.lpips else {}),
            self.network.kernel: f"cubic kernel, subsets: {subsets} of {size} images",
            "precision and recall": f"the {NEIGHBOURS} nearest neighbours of each image, by the same features",
            "bootstrap": f"{self.bootstrap.resamples} resamples of images, 95 % of the deviations from their mean",
            f"bootstrap of {self.network.frechet}": f"{resamples} resamples",
            "seed": self.bootstrap.seed,
            "milliseconds": f"median of {TIMINGS} forward passes of one photo, float32",
            "device": described(self.device),
            "torchmetrics": version("torchmetrics"),
        }

    @cached_property
    def _cartoon_protocol(self) -> Protocol:
        return cartoon_protocol(self.data, self.cartoons, self.network, self.counts[1], shown=True)

    @cached_property
    def _reals(self) -> Tensor:
        return cartoon_features(self.data, self.cartoons, self.network, self._cartoon_protocol, self.device, shown=True)

    @cached_property
    def identities(self) -> dict[str, Tensor]:
        """By `photos` and `cartoons` the identities of the pictures of the split, whatever their names and sizes."""
        return {
            name: identities(dataset.pictures)
            for name, dataset in (("photos", self.photos), ("cartoons", self.cartoons))
        }

    def baselines(self) -> list[Row]:
        """What the photos, and as many training cartoons, come to unchanged. Saves them, true cartoons and cartoons."""
        photos, cartoons = self.counts
        for indices, batch in self._batches(self.cartoons, cartoons, "cartoons"):
            self._save(CARTOONS, indices, saved("cartoon", batch["cartoon"]))
        measured = Scores(self.network, self.lpips)
        for indices, batch in self._batches(self.photos, photos, "photos"):
            photo, target = batch["photo"], batch.get("target")
            self._save(PHOTOS, indices, measured.update(photo, photo, None, target))
            if target is not None:
                self._save(TARGETS, indices, saved("target", target))
        images, features = measured.results()
        rows = [
            Row("unchanged photo", "baseline", _shown(self.bootstrap.means(images))),
            Row("photo set", "baseline", _shown(self._distances(features)), pictures=folder_of(PHOTOS)),
        ]
        return [*rows, *self._floor()] if self.name != "all" and self.data.source.train_cartoons else rows

    def _floor(self) -> list[Row]:
        """What a perfect system would come to: training cartoons, as many as there are photos or else all of them."""
        _, training = self.data.split("train")
        measured = Scores(self.network)
        for indices, batch in self._batches(training, min(self.counts[0], len(training)), "training cartoons"):
            cartoon = batch["cartoon"]
            self._save(FLOOR, indices, measured.update(cartoon, cartoon))
        _, features = measured.results()
        distances = ranks.agreed(_shown(self._distances(features)))
        return [Row("training cartoons", "baseline", distances, pictures=folder_of(FLOOR))] if distances else []

    def system(self, name: str, model: "Translator", file: Path) -> dict[str, Estimate]:
        """The values of a system, whose pictures are saved in folders of its name; `file` is told in errors.

        Raises UserError for one that cannot work on pictures of this size, or whose output cannot be measured.
        """
        size, divisor = self.data.size, cast(int, model.deployed.size_divisor)
        if size % divisor:
            near = max(round(size / divisor), 1) * divisor
            raise UserError(f"{file} needs pictures whose side is a multiple of {divisor}: use data.size={near}")
        model.to(self.device)
        values = {
            **self._measured(name, lambda batch: model.validation_step(batch, 0)),
            "parameters": Estimate(sum(parameter.numel() for parameter in model.deployed.parameters())),
            "milliseconds": Estimate(self._milliseconds(model.deployed) if ranks.rank() == 0 else 0.0),
        }
        return ranks.agreed(values)  # the others wait, so that nobody disturbs the timing

    def baseline(self, name: str, baseline: Baseline) -> dict[str, Estimate]:
        """The values of what draws without training. Its milliseconds are the mean over the photos."""
        seconds = 0.0

        def drawn(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            nonlocal seconds
            begun = perf_counter()
            output = baseline.draw(batch["photo"])
            seconds += perf_counter() - begun
            return {"output": output}

        values = self._measured(name, drawn, shown=not baseline.slow)
        each = 1000 * seconds / max(1, len(ranks.share(self.counts[0])))
        return ranks.agreed({**values, "milliseconds": Estimate(each)})

    def _measured(
        self, name: str, drawn: Callable[[dict[str, Tensor]], Mapping[str, Tensor]], shown: bool = True
    ) -> dict[str, Estimate]:
        """The values of the `output`, and of the `cycle` if there is one, that are drawn from the batches of photos."""
        measured = Scores(self.network, self.lpips)
        for indices, batch in self._batches(self.photos, self.counts[0], name, shown):
            with torch.inference_mode():
                outputs = drawn(batch)
            cycle = outputs.get("cycle")
            self._save(name, indices, measured.update(outputs["output"], batch["photo"], cycle, batch.get("target")))
            if cycle is not None:
                self._save(name, indices, saved("cycle", cycle), CYCLES)
        images, features = measured.results()
        return {**self._distances(features), **self.bootstrap.means(images)}

    def _distances(self, features: Tensor) -> dict[str, Estimate]:
        """The distances of outputs with these features; none where there is one image only, or on other ranks."""
        reals = self._reals  # which all ranks compute together
        if ranks.rank() > 0 or min(len(reals), len(features)) < 2:
            return {}
        reals, features = (self.network.scaled(x, reals) for x in (reals, features))
        found = {
            self.network.frechet: self.bootstrap.frechet(frechet(reals, features), reals, features),
            self.network.kernel: self.bootstrap.kernel(kernel(reals, features, self.bootstrap.seed), reals, features),
        }
        # Neighbours by features that nobody trained say nothing about what an image shows.
        if self.network.weights and min(len(reals), len(features)) > NEIGHBOURS:
            precision, recall = precision_recall(reals, features)
            found |= {"precision": Estimate(precision), "recall": Estimate(recall)}
        return found

    def _batches(
        self, dataset: TestDataset, count: int, what: str, shown: bool = True
    ) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """This rank's batches of the first `count` pictures, on the device, and their places in the split."""
        share = ranks.share(count)
        places = iter(share)
        loader = self.data.loader(Subset(dataset, share), self.data.val_batch_size)
        for batch in tracked(loader, len(loader), what, shown):
            if unreadable := batch.pop("unreadable"):  # training does with its neighbour, but a figure should not
                raise ImageError(unreadable[0])
            moved = {name: images.to(self.device) for name, images in batch.items()}
            yield list(islice(places, len(moved[dataset.domain]))), moved

    def _milliseconds(self, network: nn.Module) -> float:
        photo = torch.zeros(1, 3, self.data.size, self.data.size, device=self.device)
        with torch.inference_mode():
            return 1000 * median(repeated(partial(network, photo), TIMINGS, self.device))

    def _save(self, name: str, indices: list[int], pixels: Tensor, kind: str = PICTURES) -> None:
        save_pictures(pixels, self.folder / kind / name, indices)


def save_pictures(pixels: Tensor, folder: Path, indices: Sequence[int]) -> None:
    """Write uint8 N x 3 x H x W as PNGs named by their indices; compressing them takes all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:06d}.png" for index in indices]
    with ThreadPoolExecutor() as pool:
        list(pool.map(save_image, pixels.permute(0, 2, 3, 1).cpu().numpy(), paths))


def folder_of(name: str) -> str:
    """The folder of a row's pictures, relative to the report's."""
    return f"{PICTURES}/{name}"


def _shown(estimates: Mapping[str, Estimate]) -> dict[str, Value]:
    return {key: estimate.shown() for key, estimate in estimates.items()}
