"""Where training data go on after a resume: no sample twice, none left out, whatever was changed meanwhile."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.toy import toy_pictures
from tests.data.test_datamodule import portraits

PICTURES = 11


def data(batch_size: int) -> Portraits:
    return portraits(toy_pictures(PICTURES, 1, 1, 16, 0), load_size=16, flip=False, batch_size=batch_size)


class Recorder(LightningModule):
    """Notes which photos each epoch showed, and the epochs with a validation."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(()))
        untouched = data(1)
        self.numbers = {untouched.train[0, n]["photo"].numpy().tobytes(): n for n in range(PICTURES)}
        self.shown: list[tuple[int, int]] = []
        self.validated: list[int] = []

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        self.shown += [(self.current_epoch, self.numbers[photo.numpy().tobytes()]) for photo in batch["photo"]]
        self.optimizers().step()  # type: ignore[union-attr]

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> None:
        self.validated.append(self.current_epoch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class Stop(Callback):
    """Saves after so many batches, or after so many epochs, and ends the run by an exception."""

    def __init__(self, batches: int = 0, epochs: int = 0) -> None:
        self.batches, self.epochs = batches, epochs

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.batches -= 1
        if self.batches == 0:
            trainer.save_checkpoint(Path(trainer.default_root_dir, "last.ckpt"))
            raise KeyboardInterrupt

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs -= 1
        if self.epochs == 0:
            trainer.save_checkpoint(Path(trainer.default_root_dir, "last.ckpt"))
            raise KeyboardInterrupt


def fit(folder: Path, batch_size: int, *stop: Stop, limit: int | None = None) -> Recorder:
    """Three epochs, from the checkpoint in the folder if there is one."""
    module = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        default_root_dir=folder,
        limit_train_batches=limit,
        callbacks=[*stop],
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    last = folder / "last.ckpt"
    with suppress(KeyboardInterrupt, SystemExit):
        trainer.fit(module, data(batch_size), ckpt_path=last if last.exists() else None, weights_only=True)
    return module


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("stop", [{"batches": 1}, {"epochs": 1}, {"batches": 5}, {"epochs": 2}])
def test_a_resumed_run_shows_what_an_uninterrupted_one_does(
    tmp_path: Path, limit: int | None, stop: dict[str, int]
) -> None:
    whole = fit(tmp_path / "whole", 2, limit=limit)
    assert len(whole.shown) == 3 * (PICTURES if limit is None else 2 * limit)
    first = fit(tmp_path, 2, Stop(**stop), limit=limit)
    second = fit(tmp_path, 2, limit=limit)
    assert first.shown + second.shown == whole.shown
    assert first.validated + second.validated == whole.validated == [0, 1, 2]


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 2), (1, 4), (4, 1)])
def test_another_batch_size_repeats_no_sample_and_leaves_none_out(tmp_path: Path, before: int, after: int) -> None:
    first = fit(tmp_path, before, Stop(batches=2))
    assert len(first.shown) == 2 * before
    second = fit(tmp_path, after)
    for epoch in range(3):
        shown = [number for e, number in first.shown + second.shown if e == epoch]
        assert sorted(shown) == list(range(PICTURES))
    assert first.validated + second.validated == [0, 1, 2]


def test_a_second_stop_counts_from_the_first(tmp_path: Path) -> None:
    parts = [fit(tmp_path, size, Stop(batches=2)) for size in (2, 1, 3)]
    parts.append(fit(tmp_path, 2))
    for epoch in range(3):
        assert sorted(n for part in parts for e, n in part.shown if e == epoch) == list(range(PICTURES))


def test_checkpoints_say_what_was_trained_on_and_chosen_by(tmp_path: Path) -> None:
    fit(tmp_path, 2, Stop(batches=1))
    seen = torch.load(tmp_path / "last.ckpt", weights_only=True)["Portraits"]["seen"]
    assert {name: len(found) for name, found in seen.items()} == {
        "train_photos": PICTURES,
        "train_cartoons": PICTURES,
        "val_photos": 1,
        "val_cartoons": 1,
    }
    larger = data(2)
    larger.load_state_dict(
        {"epoch": 0, "batch": 0, "sample": 0, "unreadable": [], "seen": {name: torch.tensor([7]) for name in seen}}
    )
    assert set(larger.seen["val_photos"].tolist()) == {7, *seen["val_photos"].tolist()}
