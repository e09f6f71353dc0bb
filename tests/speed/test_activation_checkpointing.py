"""Activation checkpointing changes what is kept in memory, and the weights by no more than rounding."""

from contextlib import ExitStack
from copy import deepcopy
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.steps import fit, made_up
from tests.speed.test_reference import SIZE, options, small


def step(model: Translator, **more: Any) -> tuple[dict[str, Tensor], int]:
    """The weights after two training steps, and how many bytes the first kept for its backward passes."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    watching = ExitStack()

    def start(_: Any, __: Any, ___: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            watching.enter_context(saved_tensors_hooks(keep, lambda tensor: tensor))

    first = LambdaCallback(on_train_batch_start=start, on_train_batch_end=lambda *_: watching.close())
    torch.manual_seed(0)  # of dropout and pools
    fit(model, [made_up(model, SIZE, 2)] * 2, {**options(), **more}, first)
    weights = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return weights, sum({tensor.untyped_storage().data_ptr(): tensor.nbytes for tensor in kept}.values())


@pytest.mark.parametrize("name", ["artifygan", "cyclegan", "pix2pix", "selfiegan"])
def test_less_is_kept_and_the_weights_are_the_same(name: str) -> None:
    model = small(name)
    plain, much = step(deepcopy(model))
    ours, little = step(model, activation_checkpointing=True)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-6)  # an Adam step changes weights by 2e-4
    assert not any("forward" in vars(network) for network in model.modules())
    batch_norm = any(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules())
    assert little <= much if batch_norm else little < 0.8 * much, (little, much)
