"""How long the whole training will take, said as soon as it can be known."""

import sys
from time import monotonic
from typing import Any

from lightning import Callback, LightningModule, Trainer

WARM_UP = 3  # batches that are slower than the others
PATIENCE = 10.0  # seconds of training that the estimate rests on
DAY = 24 * 3600.0


class Duration(Callback):
    """Prints once, after some batches, about how long the training will take, and warns of more than a day.

    Validation is not counted, and every phase is taken to be as fast as the one it begins with.
    """

    def __init__(self) -> None:
        self._batches = 0
        self._began = 0.0
        self._said = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._batches += 1
        if self._batches <= WARM_UP:
            self._began = monotonic()
            return
        elapsed, measured = monotonic() - self._began, self._batches - WARM_UP
        if self._said or not trainer.is_global_zero or elapsed < PATIENCE:
            return
        self._said = True
        epochs = trainer.max_epochs or 0
        batches = (epochs - trainer.current_epoch) * int(trainer.num_training_batches) - batch_idx - 1
        seconds = elapsed / measured * batches
        if seconds >= 60:
            print(f"about {in_words(seconds)} of training to go, for {epochs} epochs in all", flush=True)
        if seconds > DAY:
            print(
                f"warning: this training takes about {in_words(seconds)}; Ctrl-C loses nothing, and smaller pictures"
                " (data.size, data.load_size), narrower networks (model.generator.width, model.discriminator.width) or"
                " a GPU make it shorter",
                file=sys.stderr,
            )


def in_words(seconds: float) -> str:
    """A duration to one unit: 3 min, 5 h, 6 days."""
    for length, unit in ((DAY, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds / 60, 1):.0f} min"
