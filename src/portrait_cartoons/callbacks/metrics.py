"""Validation metrics, and the same for the unchanged photo, which a useful model must beat."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics.classification import BinaryJaccardIndex

from portrait_cartoons.evaluation.distances import frechet
from portrait_cartoons.evaluation.features import Choice, feature_network
from portrait_cartoons.evaluation.scores import Scores
from portrait_cartoons.evaluation.statistics import cartoon_features, cartoon_protocol
from portrait_cartoons.ranks import collected


class Metrics(Callback):
    """Logs what `Scores` measures after each validation:

    val/content/*, val/background/*, val/cycle/*, val/target/*   the means over the photos
    val/iou        overlap of the person that the model finds and the photo's mask, over all pixels, if it finds one
    val/fid        distance between the outputs and the split's cartoons (val/random_fd without Inception weights);
                   val/fid_n is the smaller number of images of the two
    baseline/*     the target family and the distance, with the unchanged photo as the output

    Args:
        features, weights: the network of the distance and the file of its weights, see `feature_network`.
    """

    def __init__(self, features: Choice, weights: str | None) -> None:
        self.features, self.weights = features, weights
        self.baseline: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.network = feature_network(self.features, self.weights)
        self.iou = BinaryJaccardIndex()
        if trainer.is_global_zero and self.features == "auto" and self.network.frechet != "fid":
            print(
                "The Inception weights are not on this machine, so val/random_fd, a distance between random features,"
                " is logged instead of val/fid, and no best epoch is chosen by it; metrics.features=inception downloads"
                " the weights"
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
        person = batch["photo_mask"] > 0.5 if "photo_mask" in batch else None
        self.scores.update(outputs["output"], batch["photo"], outputs.get("cycle"), batch.get("target"), person)
        if "mask" in outputs and person is not None:
            self.iou.update(outputs["mask"].float(), person)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values, count = self._means(self.scores)
        values = {f"val/{name}": value for name, value in values.items()}
        values[f"val/{self.network.frechet}_n"] = float(min(count, len(self.cartoons)))
        if any(collected(self.iou.update_called)):  # a rank without a photo takes part all the same
            values["val/iou"] = self.iou.compute().item()
        shown = "val/target/psnr" if "val/target/psnr" in values else f"val/{self.network.frechet}"
        for name, value in {**values, **self.baseline}.items():
            pl_module.log(name, value, prog_bar=name == shown)

    def _measure_baseline(self, trainer: Trainer, device: torch.device) -> None:
        """Compute the cartoons' features, which stay the same, and the values of the photos in validation."""
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        cartoons = datamodule.val_cartoons
        protocol = cartoon_protocol(datamodule, cartoons, self.network, len(cartoons))
        self.cartoons = cartoon_features(datamodule, cartoons, self.network, protocol, device)
        scores = Scores(self.network)
        for batch in islice(datamodule.val_dataloader(), int(trainer.num_val_batches[0])):
            photo, target = batch["photo"].to(device), batch.get("target")
            scores.update(photo, photo, None, None if target is None else target.to(device))
        values, _ = self._means(scores)
        # The content family would compare each photo with itself.
        self.baseline = {f"baseline/{name}": v for name, v in values.items() if not name.startswith("content/")}

    def _means(self, scores: Scores) -> tuple[dict[str, float], int]:
        """The means over all images, the distance if each side has at least two, and the number of outputs."""
        images, features = scores.results()
        values = {name: vector.double().nanmean().item() for name, vector in images.items() if not vector.isnan().all()}
        if min(len(features), len(self.cartoons)) > 1:
            real, fake = (self.network.scaled(x, self.cartoons) for x in (self.cartoons, features))
            values[self.network.frechet] = frechet(real, fake)
        return values, len(features)
