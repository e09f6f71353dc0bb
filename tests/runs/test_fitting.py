"""A checkpoint that does not belong to a model is refused before training begins."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed
from portrait_cartoons.models.base import Translator
from portrait_cartoons.runs.checkpoint import CheckpointError
from portrait_cartoons.runs.fitting import refuse_misfit
from tests.conftest import TINY, TOY


@pytest.fixture(scope="module")
def model() -> Translator:
    return build_model(composed("train", ["model=cyclegan", "run_dir=run", *TOY, *TINY]))


@pytest.fixture(scope="module")
def content(model: Translator) -> dict[str, Any]:
    """What of a checkpoint concerns the model, after two steps of g and one of d."""
    optimizers = model.configure_optimizers()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for optimizer in (optimizers[0], *optimizers):
        optimizer.step()
    progress = {"epoch_loop.manual_optimization.optim_step_progress": {"total": {"completed": 3}}}
    return {
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict() for optimizer in optimizers],
        "loops": {"fit_loop": progress},
    }


def test_what_the_model_saved_fits(content: dict[str, Any], model: Translator) -> None:
    refuse_misfit(deepcopy(content), model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("optimizer_states"), "lacks a part"),
        (lambda c: c.pop("loops"), "lacks a part"),
        (lambda c: c.update(optimizer_states=3), "lacks a part"),
        (lambda c: c["optimizer_states"].pop(), "it has 1 optimizers, the model 2"),
        (lambda c: c["optimizer_states"][0].update(state={}), "have not made the 3 steps"),
        (lambda c: c["optimizer_states"].reverse(), "optimizer of player g"),
        (lambda c: c["optimizer_states"][1].update(param_groups=[]), "optimizer of player d"),
        (lambda c: c["optimizer_states"][1]["param_groups"][0].update(betas="ab"), "optimizer of player d"),
        (lambda c: c["optimizer_states"][1]["param_groups"][0].pop("eps"), "optimizer of player d"),
        (lambda c: c["optimizer_states"][1]["state"][0].update(exp_avg=torch.zeros(3)), "optimizer of player d"),
        (lambda c: c["optimizer_states"][1]["state"][0].update(exp_avg=3), "optimizer of player d"),
        (lambda c: c["optimizer_states"][1]["state"].update({99: {"step": torch.zeros(3)}}), "lacks a part"),
        (lambda c: c["state_dict"].pop("d.x.0.weight"), r"the first being d\.x\.0\.weight"),
        (lambda c: c["state_dict"].update({"d.x.0.weight": torch.zeros(3)}), r"the first being d\.x\.0\.weight"),
        (lambda c: c["state_dict"].update({"pools.x._extra_state": 3}), r"the first being pools\.x"),
        (lambda c: c["state_dict"].update(more=torch.zeros(3)), "the first being more"),
    ],
)
def test_everything_else_is_one_sentence(
    content: dict[str, Any], model: Translator, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    changed = deepcopy(content)
    change(changed)
    with pytest.raises(CheckpointError, match=f"cannot be resumed from: .*{said}"):
        refuse_misfit(changed, model)
