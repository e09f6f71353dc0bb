"""Checkpoints that survive anything: written atomically, exact to resume from, also when a signal ends the run."""

import re
import shlex
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from portrait_cartoons import files
from portrait_cartoons.errors import UserError
from portrait_cartoons.ranks import highest
from portrait_cartoons.runs.checkpoint import read, write
from portrait_cartoons.runs.names import BEST, CHECKPOINTS, LAST, PREVIOUS

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupted(SystemExit):
    """A signal ended training after its state was saved; the exit code is the shell's 128 + signal."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Reads and writes checkpoints in the format of this project, so that a file is either whole or not there.

    Lightning's own writer goes through the system's temporary folder, which is not atomic across file systems.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        path = Path(path)
        try:
            path.parent.mkdir(exist_ok=True)
            with files.atomic(path) as file:
                write(checkpoint, file)
        except OSError as error:
            raise UserError(f"cannot write the checkpoint {path}: {error.strerror}; make room and resume") from error

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> Any:
        return read(Path(path))


class Checkpoints(Checkpoint):
    """After every epoch `last.ckpt`, the one before it as `previous.ckpt`, and `best.ckpt` by a validation metric.

    A model trained in phases has its best epoch in the last of them. A kill at any moment leaves a whole `last.ckpt`,
    and what was found damaged on resuming is never kept as the one before.

    SIGTERM, SIGINT and SIGUSR1, which batch systems send, save `last.ckpt` after the batch at hand and leave with
    `Interrupted`; at the end of an epoch, after its validation, because a state saved before would skip it on resume.
    One that reaches any of several ranks ends all. A second Ctrl-C stops at once.

    Args:
        max_time: after which the training leaves in the same way, but with exit code 0, as DD:HH:MM:SS; it counts from
            the beginning or the continuation of the training.
        monitors: metrics that can tell which epoch was best, each with `max` or `min`, whichever of its values is
            better; the first one that the run logs decides. With null none is the best, and the last one counts.
    """

    def __init__(self, monitors: Mapping[str, Literal["max", "min"]] | None, max_time: str | None = None) -> None:
        self.monitors = monitors or {}
        self.seconds = seconds(max_time) if max_time else 0
        self.best: dict[str, float] = {}
        self._whole = False  # whether last.ckpt is known to be readable
        self._signal = 0  # the highest number that any rank got
        self._leaving = False
        self._handlers: dict[int, Handler] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = {name: float(value) for name, value in state_dict["best"].items() if name in self.monitors}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        deployed = pl_module.deployed
        names = {module: name for name, module in pl_module.named_modules()}
        checkpoint["generator_prefix"] = f"{names[deployed]}."

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        last = Path(trainer.default_root_dir, CHECKPOINTS, LAST)
        self._whole = trainer.ckpt_path is not None and Path(trainer.ckpt_path).absolute() == last.absolute()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM):
            self._handlers[number] = signal.signal(number, self._note)
        signal.alarm(self.seconds)

    # Lightning logs a batch's and an epoch's values after the hooks at their ends: the run is left as the next begins.

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._leave(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._leave(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._stopping() and not trainer.is_last_batch:
            self._save(trainer)
            self._leaving = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A generator that has learnt content alone may measure well, but draws no cartoons.
        phases: Any = pl_module.phases
        improved = (not phases or pl_module.phase == phases[-1]) and self._improved(trainer.callback_metrics)
        self._save(trainer, improved)
        self._leaving = self._stopping()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        signal.alarm(0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        if number == signal.SIGINT:  # batch systems may send theirs several times
            signal.signal(number, self._handlers[number])

    def _stopping(self) -> bool:
        """Whether any rank got a signal, on which all of them must agree."""
        self._signal = highest(self._signal)
        return self._signal > 0

    def _improved(self, metrics: Mapping[str, Tensor]) -> bool:
        """Whether the deciding metric is better than ever, which it then remembers."""
        name = next((name for name in self.monitors if name in metrics), None)
        if name is None or not metrics[name].isfinite():
            return False
        value, best = metrics[name].item(), self.best.get(name)
        if best is not None and (value <= best if self.monitors[name] == "max" else value >= best):
            return False
        self.best = {name: value}
        return True

    def _save(self, trainer: Trainer, improved: bool = False) -> None:
        """Write last.ckpt, and first, where this epoch is the best, best.ckpt: after a kill between them the epoch is
        repeated, and with it best.ckpt.
        """
        folder = Path(trainer.default_root_dir, CHECKPOINTS)
        written = folder / (BEST if improved else LAST)
        keep = trainer.is_global_zero and self._whole and (folder / LAST).exists()
        if keep:
            files.keep(folder / LAST, folder / PREVIOUS)
        trainer.save_checkpoint(written)
        if improved and trainer.is_global_zero:
            files.keep(folder / BEST, folder / LAST)
        self._whole = True

    def _leave(self, trainer: Trainer) -> None:
        if not self._leaving:
            return
        run = Path(trainer.default_root_dir)
        over = self._signal == signal.SIGALRM
        name = "trainer.max_time is over" if over else signal.Signals(self._signal).name
        command = shlex.join(["python", "-m", "src.train", f"resume={run}"])
        print(f"\n{name}: saved {run / CHECKPOINTS / LAST}; continue with {command}")
        raise Interrupted(0 if over else 128 + self._signal)


def seconds(time: str) -> int:
    """Of a time DD:HH:MM:SS. Raises ValueError for another text."""
    if not re.fullmatch(r"\d+(:\d+){3}", time):
        raise ValueError(f"{time} is not written DD:HH:MM:SS")
    days, hours, minutes, rest = map(int, time.split(":"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
