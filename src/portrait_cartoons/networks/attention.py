"""Efficient channel attention, ECA (Wang et al. 2020, section 3.3)."""

import math

from torch import Tensor, nn


class EfficientChannelAttention(nn.Module):
    """Scales each channel by a gate in (0, 1) computed from the means of its neighbours; N x C x H x W in and out.

    The neighbourhood is the odd number nearest to log2(C) / 2 + 1/2: 3 for 32 and 64 channels, 5 for 128 to 512.
    These are its only parameters.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernel = int(math.log2(channels) / 2 + 0.5) | 1
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3)).unsqueeze(1)
        gates = self.conv(means).sigmoid()
        return x * gates.mT.unsqueeze(3)
