"""The generator of GANILLA (Hicsonmez et al. 2020, section 3.1), and with channel attention that of CAMGAN."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from portrait_cartoons.networks.attention import EfficientChannelAttention
from portrait_cartoons.networks.init import normal_init

Attention = Literal["none", "skips", "bottleneck", "pyramid"]


class ConcatBlock(nn.Module):
    """Two 3x3 convolutions whose result is concatenated with the shortcut, not added, and fused by a third.

    N x `n_in` x H x W -> N x `n_out` x H/`stride` x W/`stride`.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv_norm(n_in, n_out, stride), nn.ReLU(inplace=True), *_conv_norm(n_out, n_out, stride=1)
        )
        self.shortcut = (
            nn.Identity()
            if n_in == n_out and stride == 1
            else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.InstanceNorm2d(n_out))
        )
        self.fuse = nn.Sequential(*_conv_norm(2 * n_out, n_out, stride=1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(torch.cat([self.body(x), self.shortcut(x)], 1))


class GanillaGenerator(nn.Module):
    """Four stages of two blocks, their maps C2..C5 summed from coarse to fine: N x 3 x H x W in [-1, 1] in and out.

    H and W are divisible by `size_divisor`. With `width` 64 it has 7,228,419 parameters, with attention on the skips
    7,228,437.

    Args:
        width: filters of the first convolution.
        attention: which maps efficient channel attention gates. `none` is GANILLA; CAMGAN's text names three places:
            `skips`, each of C2..C5 before it enters the sum; `bottleneck`, C5 alone; `pyramid`, each of the three sums.
    """

    size_divisor = 16

    def __init__(self, width: int = 64, attention: Attention = "none") -> None:
        super().__init__()
        w = width
        channels = (w, 2 * w, 2 * w, 4 * w)
        self.stem = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, w, 7),
            nn.InstanceNorm2d(w),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.MaxPool2d(3, stride=2),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(ConcatBlock(n_in, n_out, stride), ConcatBlock(n_out, n_out, stride=1))
            for n_in, n_out, stride in zip((w, *channels), channels, (1, 2, 2, 2), strict=False)
        )
        gated = {"skips": {2, 3, 4, 5}, "bottleneck": {5}}.get(attention, set())
        self.laterals = nn.ModuleList(
            nn.Sequential(_attention(n, level in gated), nn.Conv2d(n, 2 * w, 1))
            for level, n in enumerate(channels, start=2)
        )
        self.sums = nn.ModuleList(_attention(2 * w, attention == "pyramid") for _ in channels[1:])
        self.head = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(2 * w, w, 3),
            nn.ReflectionPad2d(3),
            nn.Conv2d(w, 3, 7),
            nn.Tanh(),
        )
        normal_init(self)

    def features(self, x: Tensor) -> list[Tensor]:
        """C2..C5 of an image: `width` x 1, 2, 2 and 4 channels at 1/2, 1/4, 1/8 and 1/16 of its size."""
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        *finer, pyramid = [lateral(c) for lateral, c in zip(self.laterals, self.features(x), strict=True)]
        for attend, skip in zip(self.sums, reversed(finer), strict=True):
            pyramid = attend(interpolate(pyramid, scale_factor=2) + skip)
        return self.head(pyramid)


def _conv_norm(n_in: int, n_out: int, stride: int) -> list[nn.Module]:
    return [nn.ReflectionPad2d(1), nn.Conv2d(n_in, n_out, 3, stride=stride, bias=False), nn.InstanceNorm2d(n_out)]


def _attention(channels: int, gate: bool) -> nn.Module:
    return EfficientChannelAttention(channels) if gate else nn.Identity()
