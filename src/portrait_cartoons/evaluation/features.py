"""Feature networks for distances between sets of images: Inception, whose distance is FID, and a random stand-in."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torchmetrics.image.fid import NoTrainInceptionV3

from portrait_cartoons.networks.weights import file_sha256, genuine, published

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


def full_precision() -> AbstractContextManager[None]:
    """Without TF32, which would make the features of one image differ between machines in their fourth digit."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


@dataclass(frozen=True)
class FeatureNetwork:
    """A frozen network, uint8 N x 3 x H x W -> float N x `features`, and what there is to know about it.

    `frechet` and `kernel` are the names of the distances between its features. `weights` is the file of its weights,
    if it has one, and `protocol` tells what its results depend on.
    """

    network: nn.Module
    features: int
    frechet: str
    kernel: str
    weights: Path | None
    protocol: dict[str, str | bool]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The features of uint8 images N x 3 x H x W, on the CPU, computed in float32 whatever the context."""
        self.network.to(images.device)
        with torch.autocast(images.device.type, enabled=False), full_precision():
            return self.network(images).float().cpu()


def feature_network(features: Features, weights: str | None, keys: str = "metrics.") -> FeatureNetwork:
    """The network that distances between sets of images are taken with.

    Args:
        features: `inception`, `random`, or `auto`, which is `inception` where its weights are named or cached.
        weights: the file of the Inception weights; torch.hub's cache, filled from the network if need be, if None.
        keys: what stands before `features` and `weights` where the user writes them, for errors.

    Raises:
        WeightsError: the weights cannot be had or are not the genuine ones.
    """
    file = Path(weights).expanduser() if weights else Path(torch.hub.get_dir(), "checkpoints", Path(INCEPTION_URL).name)
    if features == "random" or (features == "auto" and not weights and not file.exists()):
        network = RandomFeatures()
        parameters = b"".join(parameter.numpy().tobytes() for parameter in network.parameters())
        return FeatureNetwork(
            network,
            128,
            "random_fd",
            "random_kd",
            None,
            {
                "features": "random network of seed 0, 128 features",
                "features' weights": hashlib.sha256(parameters).hexdigest(),
                "features' resize": "none",
            },
        )
    what = "the Inception weights for FID"
    ways_out = f"name a copy with {keys}weights=<file>, or use {keys}features=random"
    if weights:
        genuine(file, INCEPTION_SHA256_PREFIX, what, ways_out)
    else:
        published(INCEPTION_URL, what, ways_out)
    # No antialiasing and images rounded to uint8: the protocol whose numbers equal torch-fidelity's on saved PNGs.
    return FeatureNetwork(
        NoTrainInceptionV3("inception-v3-compat", ["2048"], str(file), antialias=False),
        2048,
        "fid",
        "kid",
        file,
        {
            "features": "inception-v3-compat of torch-fidelity, 2048 features",
            "features' weights": file_sha256(file),
            "features' resize": "bilinear to 299 x 299, as TensorFlow 1 does",
            "antialias": False,
        },
    )
