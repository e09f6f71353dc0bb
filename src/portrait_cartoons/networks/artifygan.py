"""ArtifyGAN's generator and discriminator: CartoonGAN's with batch norm; G works in [0, 1], with zero padding."""

from torch import Tensor, nn

from portrait_cartoons.networks.cartoongan import discriminator_layers, generator_layers
from portrait_cartoons.networks.init import normal_init


class ArtifyGenerator(nn.Sequential):
    """CartoonGAN's generator with batch norm, zero padding and a sigmoid: N x 3 x H x W in [-1, 1] in and out.

    H and W are divisible by `size_divisor`. With `width` 64 and 10 blocks it has 13,492,035 parameters.

    Args:
        width: filters of the first convolution.
        blocks: number of residual blocks.
        kernel: side of the first convolution's kernel, odd.
        extra_convs: whether each stage after the residual blocks has two convolutions, as the paper's figure draws
            them, or one, as its text says (13,307,523 parameters).
    """

    size_divisor = 4

    def __init__(self, width: int = 64, blocks: int = 10, kernel: int = 7, extra_convs: bool = True) -> None:
        super().__init__(*generator_layers(width, blocks, nn.BatchNorm2d, kernel, "zeros", extra_convs), nn.Sigmoid())
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward((x + 1) / 2) - 1


class ArtifyDiscriminator(nn.Sequential):
    """One logit per patch of 37 x 37 pixels: N x `channels` x H x W in [-1, 1] -> N x 1 x H/4 x W/4.

    The published sigmoid belongs to the objective. With `width` 32 and 3 channels it has 1,129,665 parameters.
    """

    def __init__(self, width: int = 32, channels: int = 3) -> None:
        super().__init__(*discriminator_layers(width, nn.BatchNorm2d, channels))
        normal_init(self)
