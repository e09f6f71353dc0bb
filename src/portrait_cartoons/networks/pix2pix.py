"""pix2pix's generator (Isola et al. 2017, section 6.1.1): a U-Net as deep as the picture is large."""

from typing import Any

import torch
from torch import Tensor, nn

from portrait_cartoons.networks.cartoongan import NORMS, NormName
from portrait_cartoons.networks.init import normal_init


class PixGenerator(nn.Module):
    """N x 3 x H x W in [-1, 1] in and out; H and W are divisible by `size_divisor`, 2 ** `levels`.

    Its noise is the dropout of the first three decoder layers, which draws in training alone. With 8 levels, a width
    of 64 and batch norm it has 54,413,955 parameters. For batches of one picture the paper's batch norm is an instance
    norm.

    Args:
        width: filters of the first layer; they double up to eight times as many.
        levels: layers of stride 2, of the encoder and of the decoder; at least 3.
        norm: see `NORMS`; the first, the innermost and the last layer have none.
    """

    def __init__(self, width: int = 64, levels: int = 8, norm: NormName = "instance") -> None:
        super().__init__()
        self.size_divisor = 2**levels
        channels = [width * 2 ** min(n, 3) for n in range(levels)]
        innermost = levels - 1
        bias = norm != "batch"  # batch norm has an offset of its own; the authors' code leaves out all biases beside it
        self.encoder = nn.ModuleList([nn.Conv2d(3, width, 4, 2, 1, bias=bias)])
        for n in range(1, levels):
            conv = nn.Conv2d(channels[n - 1], channels[n], 4, 2, 1, bias=bias)
            after = [] if n == innermost else [NORMS[norm](channels[n])]
            self.encoder.append(nn.Sequential(nn.LeakyReLU(0.2), conv, *after))
        self.decoder = nn.ModuleList()
        for n in range(innermost, 0, -1):
            inputs = channels[n] if n == innermost else 2 * channels[n]
            conv_up = nn.ConvTranspose2d(inputs, channels[n - 1], 4, 2, 1, bias=bias)
            noise: list[Any] = [nn.Dropout(0.5)] if n > innermost - 3 else []
            self.decoder.append(nn.Sequential(nn.ReLU(), conv_up, NORMS[norm](channels[n - 1]), *noise))
        self.decoder.append(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 3, 4, 2, 1), nn.Tanh()))
        normal_init(self)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        x = skips.pop()
        for n, decode in enumerate(self.decoder):
            x = decode(torch.cat([x, skips.pop()], 1) if n else x)
        return x
