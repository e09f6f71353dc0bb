"""Adversarial objectives on a discriminator's raw outputs (logits): what D minimises for an image that is to be judged
real or fake, and what G minimises for its fakes. Each is a scalar, the mean over patches and batch.

lsgan    (D(z) - t)^2 with t = 1 for real, 0 for fake              Mao et al. 2017
vanilla  -log sigmoid(D(z)), -log(1 - sigmoid(D(z)))               Goodfellow et al. 2014, G non-saturating
hinge    max(0, 1 - D(z)), max(0, 1 + D(z)); G minimises -D(z)     Lim & Ye 2017
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Objective = Literal["lsgan", "vanilla", "hinge"]


def real(logits: Tensor, objective: Objective) -> Tensor:
    """D's loss on images it should call real."""
    match objective:
        case "lsgan":
            return (logits - 1).square().mean()
        case "vanilla":
            return softplus(-logits).mean()
        case "hinge":
            return relu(1 - logits).mean()


def fake(logits: Tensor, objective: Objective) -> Tensor:
    """D's loss on images it should call fake."""
    match objective:
        case "lsgan":
            return logits.square().mean()
        case "vanilla":
            return softplus(logits).mean()
        case "hinge":
            return relu(1 + logits).mean()


def fooling(logits: Tensor, objective: Objective) -> Tensor:
    """G's loss on its own fakes, which it wants D to call real."""
    return -logits.mean() if objective == "hinge" else real(logits, objective)


def scores(objective: Objective, **logits: Tensor) -> dict[str, Tensor]:
    """How real D finds each kind of images, whatever the objective: 0 where surely fake, 1 where surely real.

    Each value is a scalar, the mean over patches and batch; under `lsgan` and `hinge` it may lie beyond.
    """
    with torch.no_grad():
        match objective:
            case "lsgan":
                return {name: z.mean() for name, z in logits.items()}
            case "vanilla":
                return {name: z.sigmoid().mean() for name, z in logits.items()}
            case "hinge":
                return {name: (z.mean() + 1) / 2 for name, z in logits.items()}
