"""Pictures of any size for networks that need sides of certain sizes."""

import torch
from torch import Tensor, nn


class Padded(nn.Module):
    """A network with its input padded and its output cropped back: N x C x H x W in and out, with any H and W.

    The picture is mirrored outwards on all four sides, again and again where it is smaller than its padding.

    Args:
        network: keeps the size of pictures whose sides are divisible by `size_divisor`.
        size_divisor: of the sides that the network is given.
        least: no side that the network is given is shorter. Instance norm needs more than one spatial element, and
            reflection inside a network more than its padding.
    """

    def __init__(self, network: nn.Module, size_divisor: int, least: int = 64) -> None:
        super().__init__()
        self.network, self.size_divisor, self.least = network, size_divisor, least

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        top, left = self._total(height) // 2, self._total(width) // 2
        rows = _mirrored(torch.arange(-top, self._total(height) - top + height, device=x.device), height)
        columns = _mirrored(torch.arange(-left, self._total(width) - left + width, device=x.device), width)
        output: Tensor = self.network(x[:, :, rows][..., columns])
        return output[..., top : top + height, left : left + width]

    def _total(self, side: int) -> int:
        """Pixels to be added to a side, before and after it together."""
        return -(-max(side, self.least) // self.size_divisor) * self.size_divisor - side


def _mirrored(positions: Tensor, side: int) -> Tensor:
    """The places inside a side of so many pixels that positions outside of it show; the border is not repeated."""
    period = max(2 * (side - 1), 1)
    inside = positions.remainder(period)
    return torch.minimum(inside, period - inside) if side > 1 else inside
