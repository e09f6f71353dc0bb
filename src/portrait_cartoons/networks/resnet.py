"""CycleGAN's generator: Johnson et al.'s residual network (Zhu et al. 2017, section 7.2)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from portrait_cartoons.networks.init import normal_init

Padding = Literal["reflect", "zeros"]


class ResidualBlock(nn.Module):
    """x + norm(conv(ReLU(norm(conv(x))))) with 3x3 convolutions; N x C x H x W in and out.

    `padding` is what the convolutions find beyond the border, in PyTorch's words.
    """

    def __init__(
        self, channels: int, norm: Callable[[int], nn.Module] = nn.InstanceNorm2d, padding: Padding = "reflect"
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding),
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding),
            norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResnetGenerator(nn.Sequential):
    """c7s1-w, d2w, d4w, `blocks` residual blocks, u2w, uw, c7s1-3, tanh: N x 3 x H x W in [-1, 1] in and out.

    H and W are divisible by `size_divisor`. With `width` 64 and 9 blocks it has 11,378,179 parameters.
    """

    size_divisor = 4

    def __init__(self, width: int = 64, blocks: int = 9) -> None:
        w = width
        super().__init__(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, w, 7),
            nn.InstanceNorm2d(w),
            nn.ReLU(inplace=True),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1),
            nn.InstanceNorm2d(2 * w),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1),
            nn.InstanceNorm2d(4 * w),
            nn.ReLU(inplace=True),
            *(ResidualBlock(4 * w) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * w, 2 * w, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(2 * w),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * w, w, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(w),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(w, 3, 7),
            nn.Tanh(),
        )
        normal_init(self)
