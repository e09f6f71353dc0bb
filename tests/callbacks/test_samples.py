from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from portrait_cartoons.callbacks.samples import Samples
from portrait_cartoons.runs.wandb_logger import WandB

SIDE = 16


class Data(LightningDataModule):
    def __init__(self, target: bool = True, size: int = 3) -> None:
        super().__init__()
        photos = [torch.full((3, SIDE, SIDE), i / 4) for i in range(size)]
        self.items = [
            {"photo": photo, "path": f"{i}.png"} | ({"target": -photo} if target else {})
            for i, photo in enumerate(photos)
        ]
        self.val_cartoons = [{"cartoon": torch.full((3, SIDE, SIDE), -1.0)}] * 2

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.items, batch_size=2)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.items, batch_size=2)  # type: ignore[arg-type]


class Module(LightningModule):
    def __init__(self, value: float = 1.0, mask: float | None = None) -> None:
        super().__init__()
        self.mask = mask
        self.automatic_optimization = False
        self.dropout = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
        self.weight = nn.Parameter(torch.zeros(()))
        self.value = value
        self.batch_sizes: list[int] = []
        self.modes: list[list[bool]] = []
        self.drawn: list[float] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self.modes.append([layer.training for layer in self.dropout])
        self.drawn += [torch.rand(()).item(), np.random.rand()]  # noqa: NPY002
        optimizer = self.optimizers()
        self.weight.grad = torch.ones(())
        optimizer.step()  # type: ignore[union-attr]

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        assert not torch.is_grad_enabled()
        assert not self.dropout[0].training
        self.batch_sizes.append(len(batch["photo"]))
        torch.rand(()), np.random.rand()  # noqa: NPY002
        photo = batch["photo"]
        outputs = {"output": torch.full_like(photo, self.value), "cycle": -torch.ones_like(photo)}
        return outputs if self.mask is None else outputs | {"mask": torch.full_like(photo[:, :1], self.mask)}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer_in(folder: Path, *callbacks: Samples, epochs: int = 2, **options: Any) -> Trainer:
    options = {"num_sanity_val_steps": 0, "enable_checkpointing": False} | options
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        callbacks=list(callbacks),
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "samples").glob("*"))


def cells(path: Path, rows: int, columns: int) -> np.ndarray:
    """The colour in the middle of each picture of a grid."""
    sheet = np.asarray(Image.open(path))
    margin = sheet.shape[1] - columns * (SIDE + 2)
    y = SIDE // 2 + (SIDE + 2) * np.arange(rows)
    x = margin + SIDE // 2 + (SIDE + 2) * np.arange(columns)
    assert sheet.shape[0] == rows * (SIDE + 2) - 2
    return sheet[y][:, x]


def test_each_epoch_and_the_start_are_shown_and_the_page_is_renewed(tmp_path: Path) -> None:
    module = Module()
    trainer_in(tmp_path, Samples(), num_sanity_val_steps=2).fit(module, datamodule=Data())
    # Sanity check, start, and twice a validation and its samples.
    assert module.batch_sizes == [2, 1] * 6
    assert names(tmp_path) == ["epoch_0000.png", "epoch_0001.png", "epoch_0002.png"]
    assert '"epoch": 2' in (tmp_path / "index.html").read_text()


def test_the_grid_has_a_row_for_each_kind_and_a_column_for_each_photo(tmp_path: Path) -> None:
    trainer_in(tmp_path, Samples(), epochs=1).fit(Module(), datamodule=Data())
    grid = cells(tmp_path / "samples/epoch_0001.png", rows=4, columns=3)
    photos, outputs, cycles, targets = grid[..., 0].tolist()
    assert photos == [128, 159, 191]
    assert outputs == [255] * 3
    assert cycles == [0] * 3
    assert targets == [128, 96, 64]
    assert (grid == grid[..., :1]).all()


def test_rows_that_do_not_exist_are_left_out_and_count_limits_the_columns(tmp_path: Path) -> None:
    trainer_in(tmp_path, Samples(count=2), epochs=1).fit(Module(), datamodule=Data(target=False))
    photos, outputs, cycles, cartoons = cells(tmp_path / "samples/epoch_0001.png", rows=4, columns=2)[..., 0].tolist()
    assert (photos, outputs, cycles) == ([128, 159], [255] * 2, [0] * 2)
    assert cartoons == [0, 0]  # in place of targets, the user's own


def test_masks_have_a_row_of_their_own(tmp_path: Path) -> None:
    trainer_in(tmp_path, Samples(), epochs=1).fit(Module(mask=0.25), datamodule=Data())
    assert (cells(tmp_path / "samples/epoch_0001.png", rows=5, columns=3)[2] == 64).all()


@pytest.mark.slow
def test_wandb_gets_the_grid(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, Samples(), epochs=1)
    trainer.loggers = [WandB(tmp_path, "p", mode="offline")]
    trainer.fit(Module(), datamodule=Data())
    assert len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/samples*.png"))) == 2


def test_networks_see_no_more_photos_at_a_time_than_in_validation(tmp_path: Path) -> None:
    module = Module()
    trainer_in(tmp_path, Samples(count=5), epochs=1).fit(module, datamodule=Data(size=5))
    assert module.batch_sizes == [2, 2, 1] * 3


def test_training_goes_on_as_without_samples(tmp_path: Path) -> None:
    drawn = []
    for callbacks in ([Samples()], []):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        module = Module()
        trainer_in(tmp_path, *callbacks).fit(module, datamodule=Data())
        drawn.append(module.drawn)
        assert module.modes == [[True, False]] * 4
    assert drawn[0] == drawn[1]


def test_a_resumed_run_keeps_the_picture_of_its_start(tmp_path: Path) -> None:
    trainer = trainer_in(tmp_path, Samples(), epochs=1)
    trainer.fit(Module(), datamodule=Data())
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    before = (tmp_path / "samples/epoch_0000.png").read_bytes()
    trainer_in(tmp_path, Samples()).fit(Module(-1.0), datamodule=Data(), ckpt_path=tmp_path / "last.ckpt")
    assert (tmp_path / "samples/epoch_0000.png").read_bytes() == before
    assert names(tmp_path)[-1] == "epoch_0002.png"


@pytest.mark.parametrize("options", [{"limit_val_batches": 0}, {"epochs": 0}])
def test_without_validation_nothing_is_written(tmp_path: Path, options: dict[str, Any]) -> None:
    trainer_in(tmp_path, Samples(), **options).fit(Module(), datamodule=Data())
    assert names(tmp_path) == []


def test_a_validation_on_its_own_leaves_the_pictures_alone(tmp_path: Path) -> None:
    trainer_in(tmp_path, Samples()).validate(Module(), datamodule=Data(), verbose=False)
    assert names(tmp_path) == []


def test_a_diverged_network_is_shown_black(tmp_path: Path) -> None:
    trainer_in(tmp_path, Samples(), epochs=1).fit(Module(float("nan")), datamodule=Data())
    assert (cells(tmp_path / "samples/epoch_0001.png", rows=4, columns=3)[1] == 0).all()
