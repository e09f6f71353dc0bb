"""Pictures of any size for networks that need sides of certain sizes."""

import torch
from torch import Tensor, nn


class Padded(nn.Module):
    """A network with its input padded and its output cropped back: N x C x H x W in and out, with any H and W.

    The picture is mirrored outwards on all four sides, again and again where it is smaller than its padding. The steps
    depend on H and W through arithmetic alone, so that an exported graph holds for every size.

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
        top, left = (self._padded(height) - height) // 2, (self._padded(width) - width) // 2
        rows = _mirrored(torch.arange(self._padded(height), device=x.device) - top, height)
        columns = _mirrored(torch.arange(self._padded(width), device=x.device) - left, width)
        output: Tensor = self.network(_taken(x, rows, columns))
        return _taken(output, torch.arange(height, device=x.device) + top, torch.arange(width, device=x.device) + left)

    def _padded(self, side: int) -> int:
        """The side that the network is given."""
        least: int = torch.sym_max(side, self.least)  # type: ignore[assignment]
        return (least + self.size_divisor - 1) // self.size_divisor * self.size_divisor


def _taken(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return x.index_select(2, rows).index_select(3, columns)


def _mirrored(positions: Tensor, side: int) -> Tensor:
    """The places inside a side of so many pixels that positions outside of it show; the border is not repeated."""
    # A tensor, because ONNX's converter knows no remainder by a number that depends on the input's size.
    period = torch.full((), torch.sym_max(2 * (side - 1), 1), dtype=positions.dtype, device=positions.device)
    inside = positions.remainder(period)
    return torch.minimum(inside, period - inside)
