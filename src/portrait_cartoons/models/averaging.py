"""A running average of a network's weights, which draws more steadily than the weights of any one step (Yazıcı et al.
2019, "The unusual effectiveness of averaging in GAN training").
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """The average of the network's weights after each call of its `update_parameters`; buffers are the network's own.

    After n updates the decay is (1 + n) / (10 + n) as long as that is below `decay`, so that a short training does not
    remember its beginning. The average is no parameter of the training.
    """

    @torch.no_grad()
    def update(averages: Tensors, weights: Tensors, updates: Tensor | int) -> None:
        n = int(updates)
        torch._foreach_lerp_(list(averages), list(weights), 1 - min(decay, (1 + n) / (10 + n)))

    average = AveragedModel(network, multi_avg_fn=update)
    average.requires_grad_(False)
    return average
