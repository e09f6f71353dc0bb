"""White-box Cartoonization's generator, discriminator and guided filter (Wang and Yu 2020, and their code)."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate
from torch.nn.utils.parametrizations import spectral_norm


class WhiteboxGenerator(nn.Module):
    """A U-Net whose skips are added and which normalises nothing; a guided filter lays its output on the photo's edges.

    N x 3 x H x W in [-1, 1] in and out, H and W being divisible by `size_divisor`. What leaves the range is cut, and
    gradients pass the cut as they are. `eps` is that of the guided filter, of radius 1. With `skip` it draws the
    change from the photo alone, and begins at the photo. With `width` 32 and 4 blocks it has 1,467,075 parameters.
    """

    size_divisor = 4

    def __init__(self, width: int = 32, blocks: int = 4, eps: float = 1e-2, skip: bool = False) -> None:
        super().__init__()
        self.eps, self.skip = eps, skip
        w = width
        self.first = layer(3, w, kernel=7)
        self.down = nn.Sequential(layer(w, w, stride=2), layer(w, 2 * w))
        self.body = nn.Sequential(
            layer(2 * w, 2 * w, stride=2),
            layer(2 * w, 4 * w),
            *(ResidualBlock(4 * w) for _ in range(blocks)),
            layer(4 * w, 2 * w),
        )
        self.up = nn.Sequential(layer(2 * w, 2 * w), layer(2 * w, w))
        last = nn.Conv2d(w, 3, 7, padding=3)
        if skip:
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        self.last = nn.Sequential(layer(w, w), last)

    def forward(self, x: Tensor) -> Tensor:
        large = self.first(x)
        half = self.down(large)
        y = self.up(larger(self.body(half)) + half)
        y = self.last(larger(y) + large).to(x.dtype)
        y = guided_filter(x, x + y if self.skip else y, 1, self.eps)
        return y.clamp(-1, 1).detach() + (y - y.detach())


class ResidualBlock(nn.Module):
    """x + conv(leaky(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(layer(channels, channels), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class WhiteboxDiscriminator(nn.Sequential):
    """Three strides under spectral norms: N x `channels` x H x W in [-1, 1] -> N x 1 x H/8 x W/8 logits.

    Each logit sees 43 x 43 pixels. With `width` 32 and 3 channels it has 287,137 parameters.
    """

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        sides = [channels, width, 2 * width, 4 * width]
        layers = [module for n_in, n in pairwise(sides) for module in (layer(n_in, n, stride=2), layer(n, n))]
        super().__init__(*layers, nn.Conv2d(4 * width, 1, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                spectral_norm(module)


def layer(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution over zeros and LeakyReLU; with stride 2 the zeros lie below and to the right, as in the authors'."""
    pad = (0, 1, 0, 1) if stride == 2 else (kernel // 2,) * 4
    return nn.Sequential(nn.ZeroPad2d(pad), nn.Conv2d(n_in, n_out, kernel, stride), nn.LeakyReLU(0.2))


def larger(x: Tensor) -> Tensor:
    """Twice as high and wide, bilinearly."""
    return interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def guided_filter(guide: Tensor, image: Tensor, radius: int, eps: float) -> Tensor:
    """The image, smooth where the guide is (He et al. 2010): in each window the linear function of it that fits best.

    Both are N x C x H x W, each channel by itself; windows of 2 `radius` + 1 pixels are cut at the borders. `eps` is
    the variance of the guide below which a window counts as smooth.
    """

    def mean(z: Tensor) -> Tensor:
        return avg_pool2d(z, 2 * radius + 1, 1, radius, count_include_pad=False)

    mean_guide, mean_image = mean(guide), mean(image)
    covariance = mean(guide * image) - mean_guide * mean_image
    slope = covariance / (mean(guide * guide) - mean_guide * mean_guide + eps)
    return mean(slope) * guide + mean(mean_image - slope * mean_guide)
