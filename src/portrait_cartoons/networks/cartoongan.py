"""CartoonGAN's generator and discriminator (Chen et al. 2018, section 3.1), and their layers under any norm."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import nn

from portrait_cartoons.networks.init import normal_init
from portrait_cartoons.networks.resnet import Padding, ResidualBlock

Norm = Callable[[int], nn.Module]
NormName = Literal["instance", "affine", "batch"]

NORMS: dict[NormName, Norm] = {
    "instance": nn.InstanceNorm2d,
    "affine": partial(nn.InstanceNorm2d, affine=True),
    "batch": nn.BatchNorm2d,
}


class CartoonGenerator(nn.Sequential):
    """Two downsampling stages, `blocks` residual blocks, two upsampling stages: N x 3 x H x W in [-1, 1] in and out.

    H and W are divisible by `size_divisor`. With `width` 64 and 8 blocks it has 11,120,195 parameters with instance
    norm, 11,129,667 if that is affine or a batch norm. Instance norm takes each channel's mean over the picture away,
    and with it most of a flat backdrop's colour; batch norm keeps it.
    """

    size_divisor = 4

    def __init__(self, width: int = 64, blocks: int = 8, norm: NormName = "instance") -> None:
        super().__init__(*generator_layers(width, blocks, NORMS[norm]), nn.Tanh())
        normal_init(self)


class CartoonDiscriminator(nn.Sequential):
    """One logit per patch of 37 x 37 pixels: N x `channels` x H x W in [-1, 1] -> N x 1 x H/4 x W/4.

    With `width` 32 and 3 channels it has 1,128,385 parameters with instance norm, 1,129,665 if that is affine.
    """

    def __init__(self, width: int = 32, norm: NormName = "instance", channels: int = 3) -> None:
        super().__init__(*discriminator_layers(width, NORMS[norm], channels))
        normal_init(self)


def generator_layers(
    width: int, blocks: int, norm: Norm, kernel: int = 7, padding: Padding = "reflect", extra_convs: bool = True
) -> list[nn.Module]:
    """The generator up to its last convolution, which has 3 channels.

    Args:
        width: filters of the first convolution.
        blocks: number of residual blocks.
        norm: makes the normalisation of so many channels.
        kernel: side of the first convolution's kernel, odd.
        padding: what convolutions find beyond the border, but those that resample and their seconds: these find zeros.
        extra_convs: whether each stage after the residual blocks has a second convolution, as those before them have.
    """

    def stage(resample: nn.Module, channels: int, extra: bool = True) -> list[nn.Module]:
        second = [nn.Conv2d(channels, channels, 3, padding=1)] if extra else []
        return [resample, *second, norm(channels), nn.ReLU(inplace=True)]

    w = width
    return [
        nn.Conv2d(3, w, kernel, padding=kernel // 2, padding_mode=padding),
        norm(w),
        nn.ReLU(inplace=True),
        *stage(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), 2 * w),
        *stage(nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1), 4 * w),
        *(ResidualBlock(4 * w, norm, padding) for _ in range(blocks)),
        *stage(nn.ConvTranspose2d(4 * w, 2 * w, 3, stride=2, padding=1, output_padding=1), 2 * w, extra_convs),
        *stage(nn.ConvTranspose2d(2 * w, w, 3, stride=2, padding=1, output_padding=1), w, extra_convs),
        nn.Conv2d(w, 3, 7, padding=3, padding_mode=padding),
    ]


def discriminator_layers(width: int, norm: Norm, channels: int, bias: bool = True) -> list[nn.Module]:
    """The whole discriminator of images with so many channels, `width` being the filters of its first convolution."""

    def conv(n_in: int, n_out: int, stride: int = 1, normed: bool = False) -> list[nn.Module]:
        return [
            nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=bias),
            *([norm(n_out)] if normed else []),
            nn.LeakyReLU(0.2, inplace=True),
        ]

    w = width
    return [
        *conv(channels, w),
        *conv(w, 2 * w, stride=2),
        *conv(2 * w, 4 * w, normed=True),
        *conv(4 * w, 4 * w, stride=2),
        *conv(4 * w, 8 * w, normed=True),
        *conv(8 * w, 8 * w, normed=True),
        nn.Conv2d(8 * w, 1, 3, padding=1, bias=bias),
    ]
