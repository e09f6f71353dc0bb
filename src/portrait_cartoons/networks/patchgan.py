"""The PatchGAN discriminator (Isola et al. 2017, section 3.2.2; Zhu et al. 2017, section 7.2)."""

from torch import nn

from portrait_cartoons.networks.cartoongan import NORMS, NormName
from portrait_cartoons.networks.init import normal_init


class PatchDiscriminator(nn.Sequential):
    """C64-C128-C256-C512 and one logit per patch: N x `channels` x H x W in [-1, 1] -> N x 1 x h x w.

    With 3 `layers` of stride 2 each logit sees 70 x 70 pixels and 256 x 256 gives 30 x 30 (2,764,737 parameters
    for 3 channels; 2,768,705 for pix2pix's 6 with batch norm); with 2 it sees 34 x 34 and gives 62 x 62.
    """

    def __init__(self, width: int = 64, layers: int = 3, channels: int = 3, norm: NormName = "instance") -> None:
        filters = [width * min(2**n, 8) for n in range(layers + 1)]
        strides = [2] * (layers - 1) + [1]
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for n_in, n_out, stride in zip(filters, filters[1:], strides, strict=False):
            body += [
                nn.Conv2d(n_in, n_out, 4, stride=stride, padding=1, bias=norm != "batch"),
                NORMS[norm](n_out),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        super().__init__(*body, nn.Conv2d(filters[-1], 1, 4, padding=1))
        normal_init(self)
