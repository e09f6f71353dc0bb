"""How hard the loss terms of a player pull, each compared with the first."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.utils import get_total_norm


class Balance(Callback):
    """Logs `train/grad_ratio/<player>/<term>`: see `ratios`. A content term whose ratio to the adversarial one is far
    above 1 leaves the output as the photo is.

    Args:
        every: measures in every so many of the steps that are logged, from the first on: it costs a backward pass per
            term.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        steps = trainer.fit_loop.epoch_loop._batches_that_stepped
        logged: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if logged == 0 or steps % (self.every * logged) != logged - 1:
            return
        terms: Any = pl_module.updating
        weighted = {name: weight * terms[name] for name, weight in terms.weights.items() if terms.needs(name)}
        found = ratios(weighted, getattr(pl_module, terms.player))
        values = {f"train/grad_ratio/{terms.player}/{name}": v for name, v in found.items() if isfinite(v)}
        # Straight to the loggers: `pl_module.log` would repeat the value in the steps that do not measure it.
        for logger in trainer.loggers if values else ():
            logger.log_metrics(values, steps)


def ratios(terms: Mapping[str, Tensor], network: nn.Module) -> dict[str, float]:
    """Of each weighted term but the first, the norm of its gradient on the network over that of the first term."""
    if len(terms) < 2:
        return {}
    parameters = list(network.parameters())

    def norm(term: Tensor) -> Tensor:
        gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        return get_total_norm([gradient for gradient in gradients if gradient is not None])

    first, *others = (norm(term) for term in terms.values())
    return {name: (n / first.clamp_min(1e-20)).item() for name, n in zip(list(terms)[1:], others, strict=True)}
