"""A discriminator for few pictures and few steps (Sauer et al., "Projected GANs Converge Faster", 2021)."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from portrait_cartoons.networks.features import Layer, PretrainedFeatures, channels_of


class ProjectedDiscriminator(nn.Module):
    """Judges what a trained network sees in a picture, not its pixels.

    N x `channels` x H x W in [-1, 1] -> N x 1 x h x w logits, one for each position of the layer (h = H/4 for
    SqueezeNet's fire4). The features are frozen and in no checkpoint, like those of a content loss; three convolutions
    under spectral norms learn to tell them apart.

    Args:
        layer, weights: as of `PretrainedFeatures`; null, as where a checkpoint is opened to draw: it cannot judge.
        width: filters of its convolutions.
        channels: 3, or 6 where it sees two pictures at once.

    Raises:
        WeightsError: the weights cannot be had, are not the genuine ones, or are not those of the network.
    """

    scale: Tensor

    def __init__(
        self, layer: Layer = "squeezenet1_0.fire4", weights: str | None = None, width: int = 64, channels: int = 3
    ) -> None:
        super().__init__()
        self.channels = channels
        self.features = (
            PretrainedFeatures(layer, weights, key="model.discriminator.weights") if weights else nn.Identity()
        )
        self.head = nn.Sequential(
            spectral_norm(nn.Conv2d(channels_of(layer) * channels // 3, width, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 1, 1)),
        )
        # Features of SqueezeNet are a hundred times those of VGG; what noise makes them is their unit here.
        noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0), device="cpu") * 2 - 1
        with torch.no_grad():
            self.register_buffer("scale", self.features(noise).abs().mean())

    def forward(self, pictures: Tensor) -> Tensor:
        each = self.features(pictures.unflatten(1, (-1, 3)).flatten(0, 1)) / self.scale
        return self.head(each.unflatten(0, (len(pictures), -1)).flatten(1, 2))
