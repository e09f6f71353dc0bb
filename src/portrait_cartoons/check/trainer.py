"""What Lightning's trainer would read in another way than meant, or the project does in its own way."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree
from portrait_cartoons.check.numbers import COUNT, Number

OURS = "the framework sets it itself"
# By argument why it is not for this project, and what to do instead.
UNSUITABLE = {
    "max_steps": "it counts the steps of all optimizers, not batches; use model.epochs and trainer.limit_train_batches",
    "min_steps": "it counts the steps of all optimizers, not batches; use model.epochs",
    "fast_dev_run": "it turns checkpoints and loggers off; use trainer.limit_train_batches=2 and model.epochs=1",
    "barebones": "it turns checkpoints and loggers off; leave it out",
    "overfit_batches": "it replaces the sampler that makes resuming exact; use trainer.limit_train_batches",
    "accumulate_grad_batches": "each player steps on every batch; use data.batch_size",
    "gradient_clip_val": "Lightning cannot clip several optimizers; use +model.clip.<player>=<norm>",
    "gradient_clip_algorithm": "Lightning cannot clip several optimizers; use +model.clip.<player>=<norm>",
    "val_check_interval": "validation happens between epochs; use trainer.check_val_every_n_epoch",
    "reload_dataloaders_every_n_epochs": "it breaks exact resuming; leave it out",
    "enable_progress_bar": "the bar is a callback; use ~callbacks.progress to be without it",
    "enable_checkpointing": "checkpoints are a callback; see conf/callbacks",
    "logger": "loggers are a group of their own; use logger=<choice>",
    "callbacks": "callbacks are a group of their own; see conf/callbacks",
    "default_root_dir": f"{OURS}; use run_dir",
    "plugins": f"{OURS}; leave it out",
    "use_distributed_sampler": f"{OURS}; leave it out",
    "num_sanity_val_steps": f"{OURS}; leave it out",
    "enable_model_summary": f"{OURS}; leave it out",
}
DDP = "lightning.pytorch.strategies.DDPStrategy"
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")


def unsuitable(key: str) -> str | None:
    """Why a key of the trainer is not for this project, and what to do instead."""
    reason = UNSUITABLE.get(key.removeprefix("trainer.")) if key.startswith("trainer.") else None
    return f"{key} is not for this project: {reason}" if reason else None


def _device_problems(trainer: Mapping[str, Any]) -> Iterator[Problem]:
    devices, nodes, strategy = trainer.get("devices"), trainer.get("num_nodes") or 1, trainer.get("strategy")
    if strategy is None and (devices != 1 or nodes != 1):
        yield "trainer.devices", f"trainer.devices={devices}: to train on several devices, choose trainer=ddp as well"
    elif strategy is not None and (not isinstance(strategy, Mapping) or strategy.get("_target_") != DDP):
        yield "trainer.strategy", f"trainer.strategy={strategy} is not for this project: choose trainer=ddp"


def trainer_problems(tree: Tree) -> Iterator[Problem]:
    trainer = tree["trainer"]
    for name, value in trainer.items():
        if value is not None and (sentence := unsuitable(f"trainer.{name}")):
            yield f"trainer.{name}", sentence
    yield from _device_problems(trainer)
    if (time := trainer.get("max_time")) is not None and not re.fullmatch(r"\d+(:\d+){3}", str(time)):
        yield "trainer.max_time", f"trainer.max_time={time} must be written DD:HH:MM:SS, or null"
    if str(precision := trainer.get("precision")) in ("16", "16-mixed", "16-true"):
        sentence = f"trainer.precision={precision}: one loss scaler cannot serve several optimizers; use bf16-mixed"
        yield "trainer.precision", sentence
    if (name := trainer.get("accelerator")) not in ACCELERATORS:
        near = get_close_matches(str(name), ACCELERATORS, 1) or [f"one of {', '.join(ACCELERATORS)}"]
        yield "trainer.accelerator", f"trainer.accelerator={name} is unknown: use {near[0]}"
    limit, epochs, model = trainer.get("max_epochs"), tree["model"].get("epochs"), tree["model"]
    given = model.get("phases")
    named = given.values() if isinstance(given, dict) else ()
    phases: list[Any] = [phase.get("epochs") for phase in named if isinstance(phase, dict)]
    whole = all(number in Number(0) for number in (epochs, *phases))
    if limit in COUNT and whole and limit > epochs + sum(phases):
        yield (
            "trainer.max_epochs",
            f"trainer.max_epochs={limit} goes beyond the learning-rate schedule; raise model.epochs={epochs} instead",
        )
