"""A light generator that begins at the photo, in the manner of AnimeGANv2 (Chen, Liu and Chen 2020): for a CPU."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from portrait_cartoons.networks.init import normal_init


class ConvNorm(nn.Sequential):
    """Convolution over reflected borders, normalisation over the whole picture, LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False, padding_mode="reflect"),
            nn.GroupNorm(1, outputs),
            nn.LeakyReLU(0.2),
        )


class InvertedResidual(nn.Module):
    """x + norm(project(depthwise(expand(x)))), twice as wide inside (MobileNetV2, Sandler et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(channels, 2 * channels, kernel=1),
            ConvNorm(2 * channels, 2 * channels, groups=2 * channels),
            nn.Conv2d(2 * channels, channels, 1, bias=False),
            nn.GroupNorm(1, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class LightGenerator(nn.Module):
    """x + change(x), cut to [-1, 1]: N x 3 x H x W in [-1, 1] in and out.

    The last convolution is zero at the start, so that training begins at the photo and the network learns the change
    alone. The cut passes gradients on as they are: a pixel beyond the range can still come back.

    H and W are multiples of `size_divisor`. With `width` 32 and 4 blocks it has 701,827 parameters.
    """

    size_divisor = 4

    def __init__(self, width: int = 32, blocks: int = 4) -> None:
        super().__init__()
        w = width
        self.down = nn.Sequential(
            ConvNorm(3, w, kernel=7),
            ConvNorm(w, 2 * w, stride=2),
            ConvNorm(2 * w, 2 * w),
            ConvNorm(2 * w, 4 * w, stride=2),
            ConvNorm(4 * w, 4 * w),
        )
        self.blocks = nn.Sequential(*(InvertedResidual(4 * w) for _ in range(blocks)))
        self.up = nn.ModuleList(
            [
                nn.Sequential(ConvNorm(4 * w, 2 * w), ConvNorm(2 * w, 2 * w)),
                nn.Sequential(ConvNorm(2 * w, w), ConvNorm(w, w)),
            ]
        )
        self.change = nn.Conv2d(w, 3, 7, padding=3, padding_mode="reflect")
        normal_init(self)
        nn.init.zeros_(self.change.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(self.down(x))
        for stage in self.up:
            y = stage(interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False))
        y = x + self.change(y)
        return y.clamp(-1, 1).detach() + (y - y.detach())
