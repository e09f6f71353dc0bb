"""Adversarial objectives on a discriminator's raw outputs (logits): what D minimises for an image that is to be judged
real or fake, and what G minimises for its fakes. Each is a scalar, the mean over patches and batch.

lsgan    (D(z) - t)^2 with t = 1 for real, 0 for fake              Mao et al. 2017
vanilla  -log sigmoid(D(z)), -log(1 - sigmoid(D(z)))               Goodfellow et al. 2014, G non-saturating
hinge    max(0, 1 - D(z)), max(0, 1 + D(z)); G minimises -D(z)     Lim & Ye 2017
rpgan    -log sigmoid(D(real) - D(fake)), for G the other way      Jolicoeur-Martineau 2019, Huang et al. 2024

The last one judges no image alone: each fake is paired with a real image, patch by patch.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Single = Literal["lsgan", "vanilla", "hinge"]  # which judge each image alone
Objective = Literal["lsgan", "vanilla", "hinge", "rpgan"]


def real(logits: Tensor, objective: Single) -> Tensor:
    """D's loss on images it should call real."""
    match objective:
        case "lsgan":
            return (logits - 1).square().mean()
        case "vanilla":
            return softplus(-logits).mean()
        case "hinge":
            return relu(1 - logits).mean()


def fake(logits: Tensor, objective: Single) -> Tensor:
    """D's loss on images it should call fake."""
    match objective:
        case "lsgan":
            return logits.square().mean()
        case "vanilla":
            return softplus(logits).mean()
        case "hinge":
            return relu(1 + logits).mean()


def judging(on_real: Tensor, *on_fakes: Tensor, objective: Objective) -> Tensor:
    """D's loss on real images and on each kind of fakes: the logits are of equal shapes."""
    if objective == "rpgan":
        return torch.stack([softplus(on_fake - on_real).mean() for on_fake in on_fakes]).sum()
    return sum((fake(on_fake, objective) for on_fake in on_fakes), start=real(on_real, objective))


def r1(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """1/2 E |grad D(y)|^2 on real images y, N x C x H x W (Mescheder et al. 2018, equation 9), a scalar.

    D of an image is the mean of its logits, as in the objectives. The squares are summed over its pixels, so a weight
    holds for one size. Gradients flow to D, through a second backward pass.
    """
    y = images.detach().requires_grad_()
    with torch.compiler.set_stance("force_eager"):  # compiled networks have no second backward pass
        logits = discriminator(y)
    (gradient,) = torch.autograd.grad(logits.reshape(len(y), -1).mean(1).sum(), y, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def fooling(on_fake: Tensor, objective: Objective, on_real: Callable[[], Tensor]) -> Tensor:
    """G's loss on its own fakes, which it wants D to call real.

    `on_real` gives the logits of as many real images; it is called only where the objective pairs them.
    """
    match objective:
        case "rpgan":
            return softplus(on_real() - on_fake).mean()
        case "hinge":
            return -on_fake.mean()
        case _:
            return real(on_fake, objective)


def scores(objective: Objective, **logits: Tensor) -> dict[str, Tensor]:
    """How real D finds each kind of images, whatever the objective: 0 where surely fake, 1 where surely real.

    Each value is a scalar, the mean over patches and batch; under `lsgan` and `hinge` it may lie beyond. Under `rpgan`,
    which knows no zero, logits are compared with the mean of all.
    """
    with torch.no_grad():
        match objective:
            case "lsgan":
                return {name: z.mean() for name, z in logits.items()}
            case "vanilla":
                return {name: z.sigmoid().mean() for name, z in logits.items()}
            case "hinge":
                return {name: (z.mean() + 1) / 2 for name, z in logits.items()}
            case "rpgan":
                centre = torch.stack([z.mean() for z in logits.values()]).mean()
                return {name: (z - centre).sigmoid().mean() for name, z in logits.items()}
