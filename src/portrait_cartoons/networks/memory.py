"""How much memory a network needs for a picture."""

import torch
from torch import Tensor, nn

# Peak memory of our generators over the largest input and output of one of their layers: 1.6 to 1.7 on a CPU.
_MARGIN = 2


@torch.inference_mode()
def bytes_per_pixel(network: nn.Module, device: torch.device | str = "cpu") -> float:
    """Bytes for each pixel of an N x 3 x H x W input, found with a small picture, which the network must take."""
    largest, side = 0, 64

    def watch(_: nn.Module, given: tuple[object, ...], output: object) -> None:
        nonlocal largest
        tensors = [x for x in (*given, output) if isinstance(x, Tensor)]
        largest = max(largest, sum(x.numel() * x.element_size() for x in tensors))

    hooks = [layer.register_forward_hook(watch) for layer in network.modules() if not list(layer.children())]
    network(torch.zeros(1, 3, side, side, device=device))
    for hook in hooks:
        hook.remove()
    return _MARGIN * largest / side**2
