"""AnimeGANv2's generator and discriminator (Chen, Liu and Chen 2020, in the second version of its authors' code)."""

from functools import partial

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from portrait_cartoons.networks.cartoongan import discriminator_layers
from portrait_cartoons.networks.init import normal_init

whole_norm = partial(nn.GroupNorm, 1)  # layer norm: over channels and positions, scaled by channel


class AnimeGenerator(nn.Sequential):
    """Two strides, `blocks` inverted residuals, two bilinear upsamplings: N x 3 x H x W in [-1, 1] in and out.

    H and W are divisible by `size_divisor`. With `width` 32 and 4 blocks it has 2,143,552 parameters.
    """

    size_divisor = 4

    def __init__(self, width: int = 32, blocks: int = 4) -> None:
        w = width
        super().__init__(
            *conv(3, w, kernel=7),
            *conv(w, 2 * w, stride=2),
            *conv(2 * w, 2 * w),
            *conv(2 * w, 4 * w, stride=2),
            *conv(4 * w, 4 * w),
            *conv(4 * w, 4 * w),
            *(InvertedResidual(8 * w if n else 4 * w, 8 * w) for n in range(blocks)),
            *conv(8 * w, 4 * w),
            larger(),
            *conv(4 * w, 4 * w),
            *conv(4 * w, 4 * w),
            larger(),
            *conv(4 * w, 2 * w),
            *conv(2 * w, 2 * w),
            *conv(2 * w, w, kernel=7),
            nn.Conv2d(w, 3, 1, bias=False),
            nn.Tanh(),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)


class InvertedResidual(nn.Module):
    """project(depthwise(expand(x))), twice as wide inside, plus x where the number of channels stays (MobileNetV2)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        inside = 2 * n_in
        self.skip = n_in == n_out
        self.body = nn.Sequential(
            *conv(n_in, inside, kernel=1),
            *conv(inside, inside, groups=inside, bias=True),
            nn.Conv2d(inside, n_out, 1, bias=False),
            whole_norm(n_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.skip else self.body(x)


class AnimeDiscriminator(nn.Sequential):
    """CartoonGAN's with spectral norms, without biases: N x 3 x H x W in [-1, 1] -> N x 1 x H/4 x W/4 logits.

    With `width` 32 it has 1,128,800 parameters.
    """

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        super().__init__(*discriminator_layers(width, whole_norm, channels, bias=False))
        normal_init(self)
        for module in self:
            if isinstance(module, nn.Conv2d):
                spectral_norm(module)


def conv(
    n_in: int, n_out: int, kernel: int = 3, stride: int = 1, groups: int = 1, bias: bool = False
) -> list[nn.Module]:
    """Convolution over reflected borders, norm and activation. With stride 2, only below and to the right."""
    return [
        nn.ReflectionPad2d((0, 1, 0, 1) if stride == 2 else kernel // 2),
        nn.Conv2d(n_in, n_out, kernel, stride, groups=groups, bias=bias),
        whole_norm(n_out),
        nn.LeakyReLU(0.2, inplace=True),
    ]


def larger() -> nn.Module:
    """Twice as high and wide; corners stay, as in the PyTorch form in which the authors' weights are passed on."""
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
