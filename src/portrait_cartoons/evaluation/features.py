"""Networks whose features say how far two sets of images are apart: Inception, SqueezeNet, and a random one."""

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torchmetrics.image.fid import NoTrainInceptionV3

from portrait_cartoons.files import expanded
from portrait_cartoons.networks.features import TORCHVISION_SCALE, load, truncated
from portrait_cartoons.networks.weights import file_sha256, genuine, published

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256_PREFIX = "6726825d"

Choice = Literal["auto", "inception", "squeezenet", "random"]


class FeatureNetwork:
    """A frozen network that turns images into features. A further network is a further subclass.

    Attributes:
        frechet, kernel: the columns of a report that hold the distances between its features.
        size: how many features an image has.
        weights: the file of its weights, if it has one.
        protocol: what the features of an image depend on.
    """

    frechet: ClassVar[str]
    kernel: ClassVar[str]
    size: ClassVar[int]
    network: nn.Module
    weights: Path | None
    protocol: dict[str, str | bool]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """The features, N x `size`, of uint8 images N x 3 x H x W: on the CPU, computed in float32 in any context."""
        self.network.to(images.device)
        with torch.autocast(images.device.type, enabled=False), full_precision():
            return self.network(images).float().cpu()

    def scaled(self, features: Tensor, real: Tensor) -> Tensor:
        """The features N x `size` on the scale on which distances from those of the real images are taken."""
        return features


class Inception(FeatureNetwork):
    """The network of FID and KID, from the file of its published weights."""

    frechet, kernel, size = "fid", "kid", 2048

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        # No antialiasing and images rounded to uint8: the protocol whose numbers equal torch-fidelity's on saved PNGs.
        self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias=False)
        self.protocol = {
            "features": "inception-v3-compat of torch-fidelity, 2048 features",
            "features' weights": file_sha256(weights),
            "features' resize": "bilinear to 299 x 299, as TensorFlow 1 does",
            "antialias": False,
        }


class Random(FeatureNetwork):
    """Statistics of edges and textures at four scales, from filters that nobody trained; weights depend on `seed`.

    Each filter has mean zero, so that it answers to structure and not to brightness. An image's features are the mean
    and the standard deviation of every channel, and each is measured in standard deviations of the real images.
    Without the three, distances were those of mean colours. They rank systems where no trained weights can be had.
    """

    frechet, kernel, size = "random_fd", "random_kd", 256
    weights = None

    def __init__(self, seed: int = 0) -> None:
        self.network = RandomFilters(seed)
        parameters = b"".join(parameter.numpy(force=True).tobytes() for parameter in self.network.parameters())
        self.protocol = {
            "features": "random filters of mean 0, mean and deviation of 4 x 32 channels",
            "features' weights": hashlib.sha256(parameters).hexdigest(),
            "features' resize": "none",
            "features' scale": "standard deviations of the real images",
        }

    def scaled(self, features: Tensor, real: Tensor) -> Tensor:
        return standardised(features, real)


class Squeeze(FeatureNetwork):
    """The mean and the standard deviation of every channel of SqueezeNet's fire5: small, and trained on ImageNet.

    They see texture, lines and parts of objects, and little of brightness. Each is measured in standard deviations of
    the real images.
    """

    frechet, kernel, size = "squeeze_fd", "squeeze_kd", 512

    def __init__(self, weights: str, way_out: str) -> None:
        self.network = SqueezeStatistics()
        self.weights = load(self.network.layers, "squeezenet1_0", weights, way_out)
        self.protocol = {
            "features": "SqueezeNet 1.0, mean and deviation of the 256 channels of fire5",
            "features' weights": file_sha256(self.weights),
            "features' resize": "none",
            "features' scale": "standard deviations of the real images",
        }

    def scaled(self, features: Tensor, real: Tensor) -> Tensor:
        return standardised(features, real)


class SqueezeStatistics(nn.Module):
    """uint8 N x 3 x H x W -> float N x 512, of at least 32 x 32 pixels."""

    mean: Tensor
    divisor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layers = truncated("squeezenet1_0.fire5")
        for name, values in zip(("mean", "divisor"), TORCHVISION_SCALE, strict=True):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        x = self.layers((images.float() / 255 - self.mean) / self.divisor)
        return torch.cat([x.mean((2, 3)), x.std((2, 3), correction=0)], 1)


def standardised(features: Tensor, real: Tensor) -> Tensor:
    """Features N x D less the real images' mean, in their standard deviations."""
    deviation = real.std(0, correction=0)
    # A feature that all real images share has no scale of its own.
    return (features - real.mean(0)) / torch.where(deviation > 0, deviation, torch.ones_like(deviation))


class RandomFilters(nn.Module):
    """Four convolutions of stride 2: uint8 N x 3 x H x W -> float N x 256, of at least 2 x 2 pixels."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.stages = nn.ModuleList()
        for channels in (3, 32, 32, 32):
            # Zeros around the image would be an edge as strong as the image is bright.
            stage = skip_init(nn.Conv2d, channels, 32, 3, stride=2, padding=1, padding_mode="replicate", bias=False)
            nn.init.kaiming_normal_(stage.weight, nonlinearity="relu", generator=rng)
            with torch.no_grad():
                stage.weight -= stage.weight.mean((2, 3), keepdim=True)
            self.stages.append(stage)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        x, features = images.float() / 127.5 - 1, []
        for stage in self.stages:
            x = stage(x).relu()
            features += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        return torch.cat(features, 1)


def full_precision() -> AbstractContextManager[None]:
    """Without TF32, which would make the features of one image differ between machines in their fourth digit."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def feature_network(choice: Choice, weights: str | None, keys: str = "metrics.") -> FeatureNetwork:
    """The network whose features distances between sets of images are taken from.

    Args:
        choice: `inception`, `squeezenet`, `random`, or `auto`, which is `inception` where its weights are named or
            cached.
        weights: the file of the network's weights. If None, torch.hub's cache, into which they are downloaded.
        keys: what the user writes before `features` and `weights`, for errors.

    Raises:
        WeightsError: the weights cannot be had, or the file is not the genuine one.
    """
    if choice == "squeezenet":
        way_out = f"name a state dict of squeezenet1_0 with {keys}weights=<file>, or use {keys}features=random"
        return Squeeze(str(expanded(weights)) if weights else "imagenet", way_out)
    file = expanded(weights) if weights else Path(torch.hub.get_dir(), "checkpoints", Path(INCEPTION_URL).name)
    if choice == "random" or (choice == "auto" and not weights and not file.exists()):
        return Random()
    what = "the Inception weights for FID"
    ways_out = f"name a copy of {INCEPTION_URL} with {keys}weights=<file>, or use {keys}features=random"
    if weights:
        genuine(file, INCEPTION_SHA256_PREFIX, what, ways_out)
    else:
        published(INCEPTION_URL, what, ways_out)
    return Inception(file)
