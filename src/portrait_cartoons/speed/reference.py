"""The training step as it is written without a thought of speed: what every other way is compared with."""

from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.trainer import networks


def reference(model: Translator, batch_size: int) -> Translator:
    """A copy that computes the same with no two batches in one pass and an Adam that is not fused.

    CycleGAN's six passes of the generators then follow each other, and each discriminator judges real and generated
    pictures apart. Its trainer is to compute in the plain way.
    """
    model = deepcopy(model)
    for network in networks(model):
        network.forward = partial(_one_batch_at_a_time, network.forward, batch_size)
    for player, maker in model.makers.items():
        if isinstance(maker, partial) and maker.func is torch.optim.Adam:
            model.makers = {**model.makers, player: partial(maker, fused=False, foreach=True)}
    return model


def _one_batch_at_a_time(forward: Any, batch_size: int, images: Tensor) -> Tensor:
    return torch.cat([forward(part) for part in images.split(batch_size)])
