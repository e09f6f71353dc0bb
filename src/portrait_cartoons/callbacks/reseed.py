"""Randomness as a function of the step, so that no generator's state needs to be saved."""

from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer, seed_everything


class Reseed(Callback):
    """Seeds Python's, NumPy's and torch's global generators before each training batch from (seed, rank, epoch, batch).

    What a model draws in a step (dropout, noise, its image pool) is then the same after a resume as without one, and
    whatever validation draws changes nothing.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        key = [self.seed, trainer.global_rank, trainer.current_epoch, batch_idx]
        seed_everything(int(np.random.SeedSequence(key).generate_state(1)[0]), verbose=False)
