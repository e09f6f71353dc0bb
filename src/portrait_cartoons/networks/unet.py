"""The U-Net that finds the person in a picture (Ronneberger et al. 2015, figure 1), with padded convolutions."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from portrait_cartoons.networks.weights import WeightsError, state_dict


class UNet(nn.Module):
    """N x 3 x H x W in [-1, 1] -> N x 1 x H x W logits, whose sigmoid is the probability of the person.

    H and W are divisible by `size_divisor`, 2 ** `levels`. With 4 levels and a `width` of 64, 32 or 16 it has
    31,031,745, 7,760,097 or 1,941,105 parameters. `weights` is a file of trained ones: a state dict of such a network,
    or a checkpoint of a model that holds it as `u`.

    Raises:
        WeightsError: the file cannot be read or holds no such network.
    """

    def __init__(self, width: int = 64, levels: int = 4, weights: str | None = None) -> None:
        super().__init__()
        self.size_divisor = 2**levels
        channels = [width * 2**n for n in range(levels + 1)]
        self.encoder = nn.ModuleList(
            _two_convs(n_in, n_out) for n_in, n_out in zip((3, *channels), channels, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in reversed(channels[:-1]))
        self.decoder = nn.ModuleList(_two_convs(2 * n, n) for n in reversed(channels[:-1]))
        self.head = nn.Conv2d(width, 1, 1)
        # Without a norm only this start keeps the signal's size through the depth.
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            else:
                nn.init.zeros_(parameter)
        if weights:
            self._read(Path(weights))

    def _read(self, file: Path) -> None:
        ways_out = "name a state dict or a checkpoint of selfiegan with weights=<file>, or train one with weights=null"
        entries = state_dict(file, "the U-Net's weights", ways_out)
        owned = {name.removeprefix("u."): value for name, value in entries.items() if name.startswith("u.")}
        try:
            self.load_state_dict(owned or entries)
        except (RuntimeError, TypeError) as error:
            raise WeightsError(f"{file} holds no U-Net of this width and depth; {ways_out}") from error

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for encode in self.encoder:
            x = encode(max_pool2d(x, 2) if skips else x)
            skips.append(x)
        x = skips.pop()
        for up, decode in zip(self.up, self.decoder, strict=True):
            x = decode(torch.cat([skips.pop(), up(x)], 1))
        return self.head(x)


def _two_convs(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, 3, padding=1),
        nn.ReLU(inplace=True),
    )
