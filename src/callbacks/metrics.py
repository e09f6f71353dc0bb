"""Validation metrics, and beside each the same for the unchanged photo, which a useful model must beat."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torchmetrics import MeanSquaredError, Metric, MetricCollection
from torchmetrics.classification import BinaryJaccardIndex
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

from src.features import Features, frechet_distance
from src.image import to_uint8


def similarity() -> MetricCollection:
    """PSNR in dB (the mean over images, as papers print it), SSIM and MSE, all of images in [0, 1]."""
    return MetricCollection(
        {
            "psnr": PeakSignalNoiseRatio(data_range=1.0, dim=(1, 2, 3), reduction="elementwise_mean"),
            "ssim": StructuralSimilarityIndexMeasure(data_range=1.0),
            "mse": MeanSquaredError(),
        }
    )


class Metrics(Callback):
    """Logs after each validation, all on images rounded to uint8 as they would be saved:

    val/content/*  output against its photo
    val/cycle/*    the photo's reconstruction against it, where the model makes one
    val/target/*   output against the photo's true cartoon, where the data has it
    val/iou        the person the model finds in the photo against its mask, over all pixels, where there are both
    val/fid        distance between outputs and the test cartoons (val/random_fd without Inception weights), and
                   the smaller number of images behind it as val/fid_n
    baseline/*     the target family and the distance for the unchanged photo in place of the output

    Args:
        features, weights: the network behind the distance, see `frechet_distance`.
    """

    def __init__(self, features: Features, weights: str | None) -> None:
        self.features, self.weights = features, weights
        self.baseline: dict[str, Tensor] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.distance_name, self.distance = frechet_distance(self.features, self.weights)
        self.families: dict[str, MetricCollection] = {name: similarity() for name in ("content", "cycle", "target")}
        self.iou = BinaryJaccardIndex()
        if trainer.is_global_zero and self.features == "auto" and self.distance_name != "fid":
            print(
                "Inception weights are not on this machine: val/random_fd, a distance between random features, is"
                " logged instead of val/fid (metrics.features=inception downloads them)"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for metric in self._all():
            metric.to(pl_module.device)

    @torch.no_grad()
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.baseline:
            self._measure_baseline(trainer, pl_module)
        self._reset()

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
        self._update(outputs["output"], batch, outputs.get("cycle"))
        if "mask" in outputs and "photo_mask" in batch:
            self.iou.update(outputs["mask"].float(), batch["photo_mask"] > 0.5)

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values = {f"val/{name}": value for name, value in self._compute().items()}
        fakes, reals = self.distance.fake_features_num_samples, self.distance.real_features_num_samples
        values[f"val/{self.distance_name}_n"] = torch.minimum(fakes, reals).float()
        if self.iou.update_called:
            values["val/iou"] = self.iou.compute()
        shown = "val/target/psnr" if "val/target/psnr" in values else f"val/{self.distance_name}"
        for name, value in {**values, **self.baseline}.items():
            pl_module.log(name, value, prog_bar=name == shown)

    def _measure_baseline(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the real set's statistics, which stay the same, and the unchanged photos' values."""
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        for batch in datamodule.cartoon_dataloader():
            self.distance.update(to_uint8(batch["cartoon"].to(pl_module.device)), real=True)
        self._reset()
        for batch in datamodule.val_dataloader():
            moved = {k: v.to(pl_module.device) for k, v in batch.items() if isinstance(v, Tensor)}
            self._update(moved["photo"], moved, None)
        content = {"content/psnr", "content/ssim", "content/mse"}  # of a photo against itself: no news
        self.baseline = {f"baseline/{k}": v for k, v in self._compute().items() if k not in content}

    def _all(self) -> list[Metric | MetricCollection]:
        return [self.distance, self.iou, *self.families.values()]

    def _reset(self) -> None:
        for metric in self._all():
            metric.reset()

    def _update(self, output: Tensor, batch: Mapping[str, Tensor], cycle: Tensor | None) -> None:
        saved = to_uint8(output)
        self.distance.update(saved, real=False)
        photo = _unit(to_uint8(batch["photo"]))
        self.families["content"].update(_unit(saved), photo)
        if cycle is not None:
            self.families["cycle"].update(_unit(to_uint8(cycle)), photo)
        if "target" in batch:
            self.families["target"].update(_unit(saved), _unit(to_uint8(batch["target"])))

    def _compute(self) -> dict[str, Tensor]:
        """The value of every metric that has seen images; a distance needs two images on either side."""
        values: dict[str, Tensor] = {}
        for family, metrics in self.families.items():
            if metrics["ssim"].update_called:
                values |= {f"{family}/{name}": value for name, value in metrics.compute().items()}
        if min(self.distance.fake_features_num_samples, self.distance.real_features_num_samples) > 1:
            values[self.distance_name] = self.distance.compute()
        return values


def _unit(image: Tensor) -> Tensor:
    """uint8 as float in [0, 1], laid out as torchmetrics' MSE needs it."""
    return image.float().contiguous() / 255
