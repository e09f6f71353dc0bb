"""What the networks draw, epoch by epoch, for the same few photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.seed import isolate_rng
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.data import Subset, default_collate

from portrait_cartoons.image import save_image, to_uint8
from portrait_cartoons.runs.names import SAMPLES
from portrait_cartoons.runs.page import write_gallery

_INPUTS = ("photo", "target")
_OUTPUTS = ("output", "mask", "cycle")
_ROWS = ("photo", *_OUTPUTS, "target", "cartoon")
_BACKGROUND, _TEXT = (32, 32, 32), (224, 224, 224)
_GAP = 2  # pixels


class Samples(Callback):
    """After each validation, writes `samples/epoch_0001.png` below the trainer's root folder, then renews the gallery.

    The grid has a column for each of the first `count` photos of the validation set, and the rows photo, output,
    mask, cycle and target as far as they exist; where there are no targets, the last row shows cartoons of the
    validation set, so that the style can be compared. `epoch_0000.png` shows the untrained networks. W&B gets the grid
    too. The data set's items hold "photo" and perhaps "target", 3 x H x W; the module's `validation_step` returns
    "output" and perhaps "cycle", N x 3 x H x W in [-1, 1], and "mask", N x 1 x H x W in [0, 1], and logs nothing.
    """

    def __init__(self, count: int = 8) -> None:
        self.count = count
        self._batch: dict[str, Tensor] = {}
        self._cartoons: dict[str, Tensor] = {}

    @rank_zero_only
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the start, unless the run is resumed or has no validation."""
        if trainer.global_step == 0 and trainer.enable_validation:
            self._write(trainer, pl_module, epoch=0)
            write_gallery(Path(trainer.default_root_dir))

    @rank_zero_only
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the epoch, counted from 1."""
        # A validation on its own knows no epoch and must not replace the pictures of the training.
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self._write(trainer, pl_module, epoch=trainer.current_epoch + 1)

    @rank_zero_only
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Renew the gallery, now that the epoch's metrics are logged."""
        if trainer.enable_validation:
            for logger in trainer.loggers:
                logger.save()
            write_gallery(Path(trainer.default_root_dir))

    def _write(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        # Training must draw the same random numbers with and without samples.
        with isolate_rng(), torch.no_grad(), _evaluating(pl_module):
            rows = self._rows(trainer, pl_module)
        run_dir = Path(trainer.default_root_dir)
        (run_dir / SAMPLES).mkdir(exist_ok=True)
        file = run_dir / SAMPLES / f"epoch_{epoch:04d}.png"
        save_image(_grid(rows), file)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                batches = trainer.fit_loop.epoch_loop._batches_that_stepped  # what the metrics are logged with
                logger.log_image("samples", [str(file)], batches, caption=[f"epoch {epoch}"])

    def _rows(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Tensor]:
        """The pictures of each row by its label, N x 3 x H x W in [-1, 1] on the CPU."""
        loader = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
        if not self._batch:
            # On several ranks a loader has a share of the photos; the first of all are shown.
            photos: Any = loader.dataset.dataset if isinstance(loader.dataset, Subset) else loader.dataset
            items = [photos[i] for i in range(min(self.count, len(photos)))]
            names = [name for name in _INPUTS if all(name in item for item in items)]
            self._batch = default_collate([{name: item[name] for name in names} for item in items])
            if "target" not in names:
                cartoons = trainer.datamodule.val_cartoons  # type: ignore[attr-defined]
                shown = range(min(self.count, len(cartoons)))
                self._cartoons = {"cartoon": torch.stack([cartoons[i]["cartoon"] for i in shown])} if shown else {}
        # Chunks of the validation's own batch size are known to fit into memory.
        chunks = {name: x.split(loader.batch_size or 1) for name, x in self._batch.items()}
        outputs = [
            _validate(trainer, pl_module, dict(zip(chunks, chunk, strict=True)))
            for chunk in zip(*chunks.values(), strict=True)
        ]
        rows = self._batch | {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
        rows |= self._cartoons
        if "mask" in rows:
            rows["mask"] = rows["mask"].expand(-1, 3, -1, -1) * 2 - 1
        return {name: rows[name] for name in _ROWS if name in rows}


def _validate(trainer: Trainer, pl_module: LightningModule, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    precision = trainer.precision_plugin
    inputs = precision.convert_input({name: x.to(pl_module.device) for name, x in batch.items()})
    with precision.val_step_context():
        output: Any = pl_module.validation_step(inputs, 0)
    return {name: output[name].float().cpu() for name in _OUTPUTS if name in output}


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards each submodule is as it was, for some may be frozen."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _grid(rows: dict[str, Tensor]) -> np.ndarray:
    """The pictures, N x 3 x H x W in [-1, 1] by row label, side by side as uint8 RGB; NaN is shown black."""
    height, width = next(iter(rows.values())).shape[2:]
    font_size = max(10, height // 10)
    margin = font_size * 3 // 2
    count = max(len(images) for images in rows.values())
    sheet = Image.new("RGB", (margin + count * (width + _GAP), len(rows) * (height + _GAP) - _GAP), _BACKGROUND)
    for row, (label, images) in enumerate(rows.items()):
        y = row * (height + _GAP)
        text = Image.new("RGB", (height, margin), _BACKGROUND)
        font = ImageFont.load_default(font_size)
        ImageDraw.Draw(text).text((height / 2, margin / 2), label, _TEXT, font, anchor="mm")
        sheet.paste(text.rotate(90, expand=True), (0, y))
        for column, image in enumerate(to_uint8(images.nan_to_num(-1)).permute(0, 2, 3, 1).numpy()):
            picture = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
            sheet.paste(picture, (margin + column * (width + _GAP), y))
    return np.asarray(sheet)
