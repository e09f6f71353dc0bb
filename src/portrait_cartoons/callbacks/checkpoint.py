"""Checkpoints that survive anything: written atomically, exact to resume from, also when a signal ends the run."""

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from portrait_cartoons import files
from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.checkpoint import BEST, FOLDER, LAST, PREVIOUS, read, write

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

    A model trained in phases has its best epoch in the last of them.

    SIGTERM and SIGINT save `last.ckpt` after the batch at hand and leave with `Interrupted`; at the end of an epoch,
    after its validation, because a state saved before would skip it on resume. A second signal stops at once.

    Args:
        monitors: metrics that can tell which epoch was best, each with `max` or `min`, whichever of its values is
            better; the first one that the run logs decides.
    """

    def __init__(self, monitors: Mapping[str, str]) -> None:
        self.monitors = monitors
        self.best: dict[str, float] = {}
        self._signal: int | None = None
        self._handlers: dict[int, Handler] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        generator = pl_module.generator
        names = {module: name for name, module in pl_module.named_modules()}
        checkpoint["generator_prefix"] = f"{names[generator]}."

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._handlers[number] = signal.signal(number, self._note)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stop = trainer.strategy.reduce_boolean_decision(self._signal is not None, all=False)
        if stop and not trainer.is_last_batch:
            self._save(trainer)
            # Lightning logs a batch's values after this hook only, which it will not come to.
            trainer._logger_connector.update_train_step_metrics()
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A generator that has learnt content alone may measure well, but draws no cartoons.
        phases: Any = pl_module.phases
        improved = (not phases or pl_module.phase == phases[-1]) and self._improved(trainer.callback_metrics)
        self._save(trainer)
        if improved and trainer.is_global_zero:
            self._link(Path(trainer.default_root_dir, FOLDER))
        if trainer.strategy.reduce_boolean_decision(self._signal is not None, all=False):
            self._leave(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        signal.signal(number, self._handlers[number])

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

    def _save(self, trainer: Trainer) -> None:
        folder = Path(trainer.default_root_dir, FOLDER)
        if trainer.is_global_zero and (folder / LAST).exists():
            os.replace(folder / LAST, folder / PREVIOUS)
        trainer.save_checkpoint(folder / LAST)

    def _link(self, folder: Path) -> None:
        temporary = folder / f".{BEST}.tmp"
        temporary.unlink(missing_ok=True)
        try:
            os.link(folder / LAST, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(folder / LAST, temporary)
        os.replace(temporary, folder / BEST)

    def _leave(self, trainer: Trainer) -> None:
        name = signal.Signals(self._signal).name if self._signal else "a signal on another rank"
        print(f"\n{name}: saved {Path(trainer.default_root_dir, FOLDER, LAST)} and stopping")
        raise Interrupted(128 + (self._signal or signal.SIGTERM))
