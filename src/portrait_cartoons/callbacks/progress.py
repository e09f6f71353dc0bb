"""One line that tells how far the whole run is, how fast it goes and when it will end."""

from collections import deque
from datetime import timedelta
from itertools import accumulate
from math import isfinite
from time import monotonic
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich import progress as rich_progress
from rich.console import Console
from rich.table import Column

_SPEED_WINDOW = 50  # batches
_POSITION_WIDTH = 26  # characters, enough for "epoch 20/100  batch 20/100" at any time
_BAR_FITS = 100  # columns of a terminal from which on there is room for a bar beside the words
_LINE_INTERVAL = 30.0  # seconds between lines where there is no terminal


class Progress(ProgressBar):
    """A bar for the whole run on a terminal; elsewhere a plain line per epoch and every half minute.

    Shows the metrics logged with `prog_bar=True`. Batches are dicts with "photo", N x 3 x H x W. At each epoch's end
    the loggers get `time/images_per_second`.
    """

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._console = console or Console()
        self._enabled = True
        self._bar: rich_progress.Progress | None = None
        self._speeds: deque[tuple[int, float]] = deque(maxlen=_SPEED_WINDOW)  # photos and seconds of each batch
        self._batch = 0  # batches done in this epoch
        self._session_batches = 0  # a resumed run did its earlier batches in an unknown time
        self._session_start = self._batch_start = self._last_line = 0.0  # seconds of the monotonic clock

    @property
    def is_enabled(self) -> bool:
        """Whether anything is shown: only by the first process."""
        return self._enabled

    def enable(self) -> None:
        """Show the progress."""
        self._enabled = True

    def disable(self) -> None:
        """Show nothing; speed is still measured."""
        self._enabled = False

    @property
    def images_per_second(self) -> float:
        """Photos per second that all processes train on, over the latest batches, validation left out; 0 at first."""
        seconds = sum(seconds for _, seconds in self._speeds)
        return self.trainer.world_size * sum(photos for photos, _ in self._speeds) / seconds if seconds else 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._speeds.clear()
        self._batch = self._session_batches = 0
        self._session_start = self._batch_start = self._last_line = monotonic()
        if self._enabled and self._console.is_terminal:
            wide = self._console.width >= _BAR_FITS
            position = Column(no_wrap=True, min_width=_POSITION_WIDTH if wide else None)
            bar = rich_progress.BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=5, max_width=40))
            self._bar = rich_progress.Progress(
                rich_progress.TextColumn("{task.description}", markup=False, table_column=position),
                *([bar] if wide else []),
                rich_progress.TextColumn("{task.fields[numbers]}", markup=False),
                console=self._console,
            )
            self._bar.add_task(self._position(), total=self._total, numbers="")
            self._bar.start()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._batch = 0
        self._batch_start = monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = monotonic()
        self._speeds.append((len(batch["photo"]), now - self._batch_start))
        self._batch_start = now
        self._batch = batch_idx + 1
        self._session_batches += 1
        self._refresh()
        if now - self._last_line >= _LINE_INTERVAL:
            self._print_line()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._refresh(note="validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._refresh()
        self._batch_start = monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run resumed after its last batch has nothing to measure.
        if self._speeds:
            pl_module.log("time/images_per_second", self.images_per_second, sync_dist=True)
        self._refresh()
        self._print_line()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    @property
    def _epochs(self) -> int | None:
        """Of the whole run; None where no limit is set."""
        return self.trainer.max_epochs if (self.trainer.max_epochs or -1) > 0 else None

    @property
    def _total(self) -> int | None:
        """Batches of the whole run; None if they are not known."""
        batches = self.trainer.num_training_batches
        return self._epochs * int(batches) if self._epochs and isfinite(batches) else None

    @property
    def _done(self) -> int:
        """Batches of the whole run that are done; of this epoch alone where epochs have no known length."""
        batches = self.trainer.num_training_batches
        return self._batch + (self.trainer.current_epoch * int(batches) if isfinite(batches) else 0)

    def _position(self) -> str:
        batches = self.trainer.num_training_batches
        return f"{self._epoch()}  batch {self._batch}" + (f"/{batches}" if isfinite(batches) else "")

    def _epoch(self) -> str:
        phase = getattr(self.trainer.lightning_module, "phase", "")
        epoch = f"epoch {self.trainer.current_epoch + 1}" + (f"/{self._epochs}" if self._epochs else "")
        return f"{phase} {epoch}" if phase else epoch

    def _numbers(self, room: int | None = None) -> str:
        """Percentage, speed, time left and metrics, as many of them as there is room for in characters."""
        parts = []
        if self._total:
            parts.append(f"{self._done / self._total:.0%}")
        if self._speeds:
            parts.append(f"{_three_digits(self.images_per_second)} images/s")
        if self._total and self._session_batches:
            # Elapsed time holds the validations too, so the time left does.
            seconds = (self._total - self._done) * (monotonic() - self._session_start) / self._session_batches
            parts.append(f"{timedelta(seconds=round(seconds))} left")
        parts += [f"{_short(name)} {_three_digits(value)}" for name, value in self.trainer.progress_bar_metrics.items()]
        lengths = accumulate(len(part) + 2 for part in parts)
        return "  ".join(part for part, end in zip(parts, lengths, strict=True) if room is None or end - 2 <= room)

    def _refresh(self, note: str = "") -> None:
        if self._bar:
            description = f"{self._epoch()}  {note}" if note else self._position()
            width = self._console.width
            taken = max(len(description), _POSITION_WIDTH) + 7 if width >= _BAR_FITS else len(description)
            self._bar.update(
                self._bar.task_ids[0],
                description=description,
                total=self._total,
                completed=self._done,
                numbers=self._numbers(width - taken - 1),
                refresh=bool(note),
            )

    def _print_line(self) -> None:
        if self._enabled and not self._bar:
            self._console.out(f"{self._position()}  {self._numbers()}", highlight=False)
            self._last_line = monotonic()

    def _close(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _short(metric: str) -> str:
    """The name without the parts that all of its kind share: train/g/total is g, val/target/psnr is target/psnr."""
    return metric.removeprefix("train/").removeprefix("val/").removesuffix("/total")


def _three_digits(value: Any) -> str:
    """`value` to three significant digits."""
    return f"{float(value):#.3g}".removesuffix(".")
