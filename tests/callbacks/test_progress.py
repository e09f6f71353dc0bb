import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader

from portrait_cartoons.callbacks import progress
from portrait_cartoons.callbacks.progress import Progress
from portrait_cartoons.runs.metrics_csv import MetricsCSV, read_metrics


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


class Module(LightningModule):
    """A batch takes 2 seconds, a validation batch 16."""

    def __init__(self, clock: Clock, fail: bool = False) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weight = nn.Parameter(torch.zeros(()))
        self.clock = clock
        self.fail = fail
        self.speeds: list[float] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self.clock.now += 2
        self.weight.grad = torch.ones(())
        self.optimizers().step()  # type: ignore[union-attr]
        self.log("g", 2.3149, prog_bar=True)
        self.log("hidden", 1.0)
        if self.fail:
            raise RuntimeError("stop")
        if self.current_epoch == 1:
            self.print("a message")

    def on_train_batch_end(self, *_: Any) -> None:
        bar = self.trainer.progress_bar_callback
        assert isinstance(bar, Progress)
        self.speeds.append(bar.images_per_second)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self.clock.now += 16
        self.log("val/psnr", 15.0, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(
    module: Module,
    terminal: bool = False,
    epochs: int = 2,
    checkpoint: Path | None = None,
    width: int = 140,
    **options: Any,
) -> tuple[str, Trainer]:
    """What two batches of 3 photos per epoch and one validation batch show."""
    output = StringIO()
    console = Console(file=output, force_terminal=terminal, width=width, color_system=None)
    options = {"logger": False, "num_sanity_val_steps": 0} | options
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[Progress(console)],
        enable_checkpointing=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        **options,
    )
    photos: Any = [{"photo": torch.zeros(3, 2, 2)}] * 6
    try:
        trainer.fit(module, DataLoader(photos, 3), DataLoader(photos, 6), ckpt_path=checkpoint)
    except RuntimeError:
        assert module.fail
    return output.getvalue(), trainer


def test_without_a_terminal_each_epoch_is_a_plain_line(clock: Clock) -> None:
    output, _ = fit(Module(clock))
    assert output.splitlines() == [
        "epoch 1/2  batch 2/2  50%  1.50 images/s  0:00:20 left  g 2.31  psnr 15.0",
        "epoch 2/2  batch 2/2  100%  1.50 images/s  0:00:00 left  g 2.31  psnr 15.0",
    ]


def test_without_a_terminal_a_long_epoch_speaks_up_now_and_then(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_INTERVAL", 2.0)
    output, _ = fit(Module(clock), epochs=1)
    assert re.findall(r"batch \d/2", output) == ["batch 1/2", "batch 2/2", "batch 2/2"]


def test_on_a_terminal_one_bar_stands_for_the_whole_run(clock: Clock, capsys: pytest.CaptureFixture) -> None:
    output, _ = fit(Module(clock), terminal=True)
    assert "epoch 1/2  validation" in output
    *messages, last = re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", output).strip())
    assert re.fullmatch(r"epoch 2/2  batch 2/2 +━+ 100%  1.50 images/s  0:00:00 left  g 2.31  psnr 15.0", last.strip())
    assert "a message" in messages
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h") == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("width", [60, 80, 99, 100, 120])
def test_the_line_fits_a_narrow_terminal_and_nothing_in_it_is_cut(clock: Clock, width: int) -> None:
    class Phased(Module):
        phase = "adversarial"

        def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
            super().training_step(batch, batch_idx)
            self.log_dict({"train/g/total": 12.3, "train/d/total": 0.5, "train/u/total": 0.25}, prog_bar=True)

    output, _ = fit(Phased(clock), terminal=True, width=width)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", output))
    assert max(map(len, lines)) <= width
    assert "…" not in output
    last = lines[-1] or lines[-2]
    assert "adversarial epoch 2/2  batch 2/2" in last
    assert "100%  1.50 images/s" in last
    assert ("0:00:00 left" in last) == (width > 60)
    assert ("g 2.31" in last) == (width >= 80)


def test_a_failure_gives_the_terminal_back(clock: Clock) -> None:
    output, _ = fit(Module(clock, fail=True), terminal=True)
    assert "\x1b[?25h" in output


def test_speed_leaves_the_validation_out_and_is_logged(clock: Clock, tmp_path: Path) -> None:
    module = Module(clock)
    fit(module, logger=MetricsCSV(tmp_path), val_check_interval=1)
    assert module.speeds == [1.5] * 4
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [(row["step"], row["time/images_per_second"]) for row in rows if "time/images_per_second" in row] == [
        (1, 1.5),
        (3, 1.5),
    ]


def test_a_resumed_run_expects_its_own_pace(clock: Clock, tmp_path: Path) -> None:
    _, trainer = fit(Module(clock), epochs=2)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    clock.now += 1000
    output, _ = fit(Module(clock), epochs=4, checkpoint=tmp_path / "last.ckpt")
    # 2 batches and a validation took 20 seconds, and as much is left.
    assert output.splitlines()[0].startswith("epoch 3/4  batch 2/2  75%  1.50 images/s  0:00:20 left")


def test_a_run_without_end_tells_no_end(clock: Clock) -> None:
    output, _ = fit(Module(clock), epochs=-1, max_steps=4, terminal=True)
    assert "epoch 2  batch 2/2" in output
    assert "left" not in output
    assert "%" not in output


@pytest.mark.parametrize(
    ("value", "text"), [(2.3149, "2.31"), (0.4, "0.400"), (100.0, "100"), (-0.000123, "-0.000123"), (12345, "1.23e+04")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert progress._three_digits(value) == text
