"""Training steps on made-up pictures, and how long each takes."""

import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, cast

import torch
from lightning import Callback
from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor
from torch.utils.data import DataLoader

from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.trainer import Trainer
from portrait_cartoons.speed.way import Way
from portrait_cartoons.timing import laps, synchronize

# What says nothing of a step, or would write files.
NOTHING_ELSE: dict[str, Any] = {
    "max_epochs": 1,
    "limit_train_batches": None,
    "limit_val_batches": 0,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def made_up(model: Translator, size: int, batch_size: int) -> dict[str, Tensor]:
    """A batch of noise of the shapes that the model trains on."""
    noise = torch.Generator().manual_seed(0)
    channels = {name: 1 if name.endswith("_mask") else 3 for name in model.inputs}
    batch = {name: torch.rand(batch_size, n, size, size, generator=noise) for name, n in channels.items()}
    return {name: pictures if name.endswith("_mask") else pictures * 2 - 1 for name, pictures in batch.items()}


def in_last_phase(model: Translator) -> Translator:
    """The model, which now trains as in the last of its phases, where most of its time goes."""
    *earlier, _ = model.plan
    model.plan |= {name: replace(model.plan[name], epochs=0) for name in earlier}
    return model


@dataclass
class Laps:
    """Seconds that each step took from the moment its batch was there, and from the start of one to that of the next.

    The difference is what is around the step: callbacks, logging, Lightning's loop.
    """

    steps: list[float] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)


def timed_steps(
    model: Translator,
    batch: Mapping[str, Tensor],
    options: Mapping[str, Any],
    way: Way,
    count: int,
    around: Sequence[Callback] = (),
) -> Laps:
    """Time so many training steps by a trainer with these options, the first of which warms up, amid callbacks."""
    found, starts = Laps(), list[float]()

    def start(trainer: Trainer, *_: Any) -> None:
        synchronize(trainer.strategy.root_device)
        starts.append(perf_counter())
        found.loops = laps(starts)

    def end(trainer: Trainer, *_: Any) -> None:
        synchronize(trainer.strategy.root_device)
        found.steps.append(perf_counter() - starts[-1])

    clocks = LambdaCallback(on_train_batch_end=end), LambdaCallback(on_train_batch_start=start)
    fit(model, [batch] * count, {**options, **way.to_dict()}, clocks[0], *around, clocks[1])
    return found


def fit(
    model: Translator, batches: Sequence[Mapping[str, Tensor]], options: Mapping[str, Any], *callbacks: Callback
) -> Trainer:
    """Train on batches that are there already, and keep nothing."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    own = {name: value for name, value in options.items() if name != "_target_"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        trainer = Trainer(**{**own, **NOTHING_ELSE, "default_root_dir": folder}, callbacks=list(callbacks))
        trainer.fit(model, DataLoader(cast(Any, batches), batch_size=None))
    return trainer
