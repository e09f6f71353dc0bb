"""Validation metrics, and beside each the same for the unchanged photo, which a useful model must beat."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics.classification import BinaryJaccardIndex

from portrait_cartoons.evaluation.distances import frechet
from portrait_cartoons.evaluation.features import Features, feature_network
from portrait_cartoons.evaluation.scores import Scores
from portrait_cartoons.evaluation.statistics import cartoon_features, cartoon_protocol


class Metrics(Callback):
    """Logs after each validation what `Scores` measures, and what rests on it:

    val/content/*, val/cycle/*, val/target/*   the means over the photos
    val/iou        the person the model finds in the photo against its mask, over all pixels, where there are both
    val/fid        distance between outputs and the test cartoons (val/random_fd without Inception weights), and
                   the smaller number of images behind it as val/fid_n
    baseline/*     the target family and the distance for the unchanged photo in place of the output

    Args:
        features, weights: the network behind the distance, see `feature_network`.
    """

    def __init__(self, features: Features, weights: str | None) -> None:
        self.features, self.weights = features, weights
        self.baseline: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.network = feature_network(self.features, self.weights)
        self.iou = BinaryJaccardIndex()
        if trainer.is_global_zero and self.features == "auto" and self.network.frechet != "fid":
            print(
                "Inception weights are not on this machine: val/random_fd, a distance between random features, is"
                " logged instead of val/fid (metrics.features=inception downloads them)"
            )

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.baseline:
            self._measure_baseline(trainer, pl_module.device)
        self.scores = Scores(self.network)
        self.iou.to(pl_module.device).reset()

    @torch.no_grad()
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.scores.update(outputs["output"], batch["photo"], outputs.get("cycle"), batch.get("target"))
        if "mask" in outputs and "photo_mask" in batch:
            self.iou.update(outputs["mask"].float(), batch["photo_mask"] > 0.5)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values, count = self._means(self.scores)
        values = {f"val/{name}": value for name, value in values.items()}
        values[f"val/{self.network.frechet}_n"] = float(min(count, len(self.cartoons)))
        if self.iou.update_called:
            values["val/iou"] = self.iou.compute().item()
        shown = "val/target/psnr" if "val/target/psnr" in values else f"val/{self.network.frechet}"
        for name, value in {**values, **self.baseline}.items():
            pl_module.log(name, value, prog_bar=name == shown)

    def _measure_baseline(self, trainer: Trainer, device: torch.device) -> None:
        """Take the cartoons' features, which stay the same, and the values of the photos that validation uses."""
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        protocol = cartoon_protocol(datamodule, self.network, len(datamodule.test_cartoons))
        self.cartoons = cartoon_features(datamodule, self.network, protocol, device)
        scores = Scores(self.network)
        for batch in islice(datamodule.val_dataloader(), int(trainer.num_val_batches[0])):
            photo, target = batch["photo"].to(device), batch.get("target")
            scores.update(photo, photo, None, None if target is None else target.to(device))
        values, _ = self._means(scores)
        # Of a photo against itself there is no news.
        self.baseline = {f"baseline/{name}": v for name, v in values.items() if not name.startswith("content/")}

    def _means(self, scores: Scores) -> tuple[dict[str, float], int]:
        """The means over all images, the distance where there are two images on either side, and their number."""
        images, features = scores.results()
        values = {name: vector.double().mean().item() for name, vector in images.items()}
        if min(len(features), len(self.cartoons)) > 1:
            values[self.network.frechet] = frechet(self.cartoons, features)
        return values, len(features)
