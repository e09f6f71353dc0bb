"""Feature networks for distances between sets of images: Inception, whose distance is FID, and a random stand-in."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torchmetrics.image.fid import FrechetInceptionDistance

from src.weights import genuine, published

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256_PREFIX = "6726825d"

Features = Literal["auto", "inception", "random"]


class RandomFeatures(nn.Module):
    """Multi-scale statistics of a fixed random convolutional network: uint8 N x 3 x H x W -> float N x 128.

    The weights depend on `seed` alone. A Fréchet distance between such features ranks systems on one data set where
    pretrained weights cannot be had; it is not FID and is never called so.
    """

    num_features = 128

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.stages = nn.ModuleList()
        for channels in (3, 32, 32, 32):
            stage = skip_init(nn.Conv2d, channels, 32, 3, stride=2, padding=1, bias=False)
            nn.init.kaiming_normal_(stage.weight, nonlinearity="relu", generator=rng)
            self.stages.append(stage)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        x, features = images.float() / 127.5 - 1, []
        for stage in self.stages:
            x = stage(x).relu()
            features.append(x.mean((2, 3)))
        return torch.cat(features, 1)


def frechet_distance(features: Features, weights: str | None) -> tuple[str, FrechetInceptionDistance]:
    """The distance between two sets of uint8 images, and the name its values go by: `fid` or `random_fd`.

    Args:
        features: `inception`, `random`, or `auto`, which is `inception` where its weights lie on this machine.
        weights: the file of the Inception weights; torch.hub's cache, filled from the network if need be, if None.

    Raises:
        WeightsError: the weights cannot be had or are not the genuine ones.
    """
    file = Path(weights) if weights else Path(torch.hub.get_dir(), "checkpoints", Path(INCEPTION_URL).name)
    if features == "random" or (features == "auto" and not file.exists()):
        return "random_fd", FrechetInceptionDistance(RandomFeatures(), reset_real_features=False)
    what = "the Inception weights for FID"
    ways_out = "name a copy with metrics.weights=<file>, or use metrics.features=random"
    if weights:
        genuine(file, INCEPTION_SHA256_PREFIX, what, ways_out)
    else:
        published(INCEPTION_URL, what, ways_out)
    # No antialiasing and images rounded to uint8: the protocol whose numbers equal torch-fidelity's on saved PNGs.
    return "fid", FrechetInceptionDistance(
        2048, reset_real_features=False, feature_extractor_weights_path=str(file), antialias=False
    )
