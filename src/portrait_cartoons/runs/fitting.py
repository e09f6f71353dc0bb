"""Whether a checkpoint belongs to a model: what Lightning would load without a word, or fail on much later."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.checkpoint import CheckpointError, first_misfit

if TYPE_CHECKING:
    from portrait_cartoons.models.base import Translator


def refuse_misfit(content: dict[str, Any], model: "Translator") -> None:
    """Raise CheckpointError where the model cannot go on from what the checkpoint holds."""
    try:
        reason = _misfit(content, model)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"it lacks a part that training needs ({error})"
    if reason:
        raise CheckpointError(f"the checkpoint cannot be resumed from: {reason}; use another one or train anew")


def refuse_full_disk(run: Path, model: "Translator", resumed: bool) -> None:
    """Raise UserError where the checkpoints of the run would not fit on the disk.

    There are three, each with the weights and Adam's two moments; where a run is resumed, a new one is what is missing.
    """
    trained = sum(parameter.numel() for player in model.terms for parameter in getattr(model, player).parameters())
    size = 4 * (3 * trained + sum(tensor.numel() for tensor in model.parameters()) - trained)
    needed, free = size if resumed else 3 * size, shutil.disk_usage(run).free
    if free < needed:
        raise UserError(
            f"{run} is on a disk with {free / 1e9:.2f} GB left, and the run's checkpoints need {needed / 1e9:.2f} GB:"
            " make room, or name another place with run_dir=<folder>"
        )


def _misfit(content: dict[str, Any], model: "Translator") -> str | None:
    if name := first_misfit(model.state_dict(), content["state_dict"]):
        return f"its weights are not those of this model, the first being {name}"
    states, optimizers = content["optimizer_states"], model.configure_optimizers()
    if len(states) != len(optimizers):
        return f"it has {len(states)} optimizers, the model {len(optimizers)}"
    for player, optimizer, state in zip(model.terms, optimizers, states, strict=True):
        if not _belongs(state, optimizer):
            return f"the state of its optimizer of player {player} is not one for this model"
    progress = content["loops"]["fit_loop"]["epoch_loop.manual_optimization.optim_step_progress"]["total"]["completed"]
    adams = all(isinstance(optimizer, torch.optim.Adam) for optimizer in optimizers)
    if adams and sum(_steps(state) for state in states) != progress:
        return f"its optimizers have not made the {progress} steps that it counts"
    return None


def _belongs(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> bool:
    """Whether the state has the groups, parameters and shapes of the optimizer."""
    own = optimizer.state_dict()["param_groups"]
    groups = state["param_groups"]
    if [group["params"] for group in groups] != [group["params"] for group in own]:
        return False
    if [{k: type(v) for k, v in g.items()} for g in groups] != [{k: type(v) for k, v in g.items()} for g in own]:
        return False
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    values = [(index, value) for index, entries in state["state"].items() for value in entries.values()]
    return all(isinstance(value, Tensor) and (value.ndim == 0 or value.shape == shapes[n]) for n, value in values)


def _steps(state: dict[str, Any]) -> int:
    return max((int(entries["step"]) for entries in state["state"].values()), default=0)
