"""Frozen features of networks trained on ImageNet, between which perceptual losses are taken."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import (
    VGG,
    SqueezeNet,
    SqueezeNet1_0_Weights,
    SqueezeNet1_1_Weights,
    VGG16_Weights,
    VGG19_Weights,
    squeezenet1_0,
    squeezenet1_1,
    vgg16,
    vgg19,
)

from portrait_cartoons.networks.weights import WeightsError, published, state_dict

Layer = Literal[
    "vgg19.conv4_4",
    "vgg19.conv2_2",
    "vgg19.conv5_1",
    "vgg16.23",
    "squeezenet1_0.fire2",
    "squeezenet1_0.fire4",
    "squeezenet1_0.fire5",
    "squeezenet1_0.fire7",
    "squeezenet1_0.fire9",
    "squeezenet1_1.fire2",
    "squeezenet1_1.fire4",
    "squeezenet1_1.fire5",
    "squeezenet1_1.fire7",
    "squeezenet1_1.fire9",
]


class Truncated(NamedTuple):
    """The first `depth` layers of a network of torchvision's."""

    network: Callable[[], VGG | SqueezeNet]
    depth: int


TRUNCATED: dict[Layer, Truncated] = {
    "vgg19.conv4_4": Truncated(vgg19, 26),
    "vgg19.conv2_2": Truncated(vgg19, 8),
    "vgg19.conv5_1": Truncated(vgg19, 30),
    "vgg16.23": Truncated(vgg16, 24),
    "squeezenet1_0.fire2": Truncated(squeezenet1_0, 4),
    "squeezenet1_0.fire4": Truncated(squeezenet1_0, 6),
    "squeezenet1_0.fire5": Truncated(squeezenet1_0, 8),
    "squeezenet1_0.fire7": Truncated(squeezenet1_0, 10),
    "squeezenet1_0.fire9": Truncated(squeezenet1_0, 13),
    "squeezenet1_1.fire2": Truncated(squeezenet1_1, 4),
    "squeezenet1_1.fire4": Truncated(squeezenet1_1, 7),
    "squeezenet1_1.fire5": Truncated(squeezenet1_1, 8),
    "squeezenet1_1.fire7": Truncated(squeezenet1_1, 11),
    "squeezenet1_1.fire9": Truncated(squeezenet1_1, 13),
}
# Weights trained on ImageNet: by torchvision, and VGG also by its authors with Caffe (Justin Johnson's copy).
PUBLISHED: dict[str, dict[str, str]] = {
    "imagenet": {
        "vgg16": VGG16_Weights.IMAGENET1K_V1.url,
        "vgg19": VGG19_Weights.IMAGENET1K_V1.url,
        "squeezenet1_0": SqueezeNet1_0_Weights.IMAGENET1K_V1.url,
        "squeezenet1_1": SqueezeNet1_1_Weights.IMAGENET1K_V1.url,
    },
    "caffe": {
        "vgg16": "https://web.eecs.umich.edu/~justincj/models/vgg16-00b39a1b.pth",
        "vgg19": "https://web.eecs.umich.edu/~justincj/models/vgg19-d01eb7cb.pth",
    },
}
# Mean and divisor per channel of RGB images in [0, 1]: what each training showed its network.
TORCHVISION_SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_SCALE = (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3


class PretrainedFeatures(nn.Module):
    """N x 3 x H x W in [-1, 1] -> features of that layer, H and W being at least 16, or 32 for SqueezeNet.

    It is always in eval mode. Its weights are no parameters and in no state dict: no optimizer moves them and no
    checkpoint carries them. Gradients flow to the images.

    Args:
        layer: `vgg19.conv4_4`, before its ReLU, N x 512 x H/8 x W/8 (CartoonGAN); `vgg16.23`, after the fourth
            pooling, N x 512 x H/16 x W/16 (ArtifyGAN); or `vgg19.conv2_2`, before its ReLU, N x 128 x H/2 x W/2, for
            random weights: a generator learns to keep a picture from them much sooner than from deep ones; or
            `vgg19.conv5_1`, after its ReLU, N x 512 x H/16 x W/16 (Gatys et al.). Or of
            `squeezenet1_0` and `squeezenet1_1` (Iandola et al. 2016), a fire module's output after its ReLU: `fire2`,
            `fire4`, `fire5`, `fire7` or `fire9`, 128, 256, 256, 384 or 512 channels. At 224 pixels it costs a 25th of
            VGG19. Its features are much larger than those of VGG, so it needs a loss weight of its own.
        weights: `imagenet`, those of torchvision; `caffe`, those of the VGG authors, which CartoonGAN's used; both
            are downloaded on first use. `random`, drawn from `seed` such that features are of order 1. Or a file with
            a state dict of torchvision's, or one trained like it. The images are given to the network as it was
            trained: with `caffe` as BGR in 0..255 less the mean, else as RGB of about unit variance. Caffe's numbers
            are 57.6 times larger, so a loss weight holds for one of the two.
        size: side in pixels to which images are resized before, bilinearly; null leaves them as they are.
        seed: of random weights.
        key: by which the user gives `weights`, for errors.

    Raises:
        WeightsError: the weights cannot be had, are not the genuine ones, or are not those of the network.
    """

    mean: Tensor
    divisor: Tensor

    def __init__(
        self,
        layer: Layer = "vgg19.conv4_4",
        weights: str = "imagenet",
        size: int | None = None,
        seed: int = 0,
        key: str = "model.features.weights",
    ) -> None:
        super().__init__()
        self.layers = truncated(layer)
        self.size, self.bgr = size, weights == "caffe"
        scale = CAFFE_SCALE if self.bgr else TORCHVISION_SCALE
        for name, values in zip(("mean", "divisor"), scale, strict=True):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        if weights == "random":
            self._draw(seed)
        else:
            name = layer.partition(".")[0]
            load(
                self.layers,
                name,
                weights,
                f"name a file of torchvision's {name} with {key}=<file>, or use {key}=random",
            )
        _freeze(self.layers)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(self.prepared(images))

    def prepared(self, images: Tensor) -> Tensor:
        """The images as the network was trained to see them."""
        if self.size:
            images = interpolate(images, (self.size, self.size), mode="bilinear")
        x = ((images + 1) / 2 - self.mean) / self.divisor
        return x.flip(1) if self.bgr else x

    def train(self, mode: bool = True) -> Self:
        """Leaves it in eval mode."""
        return super().train(False)

    @torch.no_grad()
    def _draw(self, seed: int) -> None:
        rng = torch.Generator().manual_seed(seed)
        for name, parameter in self.layers.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=rng)
            else:
                nn.init.zeros_(parameter)
        next(self.layers.parameters()).mul_(4 * self.divisor)  # values in [0, 1] deviate by about 1/4


def truncated(layer: Layer) -> nn.Sequential:
    """The layers of the network up to that one, in torchvision's numbering, their weights not yet set."""
    network, depth = TRUNCATED[layer]
    with torch.device("meta"):  # most of the whole network is cut off
        layers = network().features.children()
    return nn.Sequential(*islice(layers, depth)).to_empty(device="cpu")


def channels_of(layer: Layer) -> int:
    """How many features a picture has at each position of that layer."""
    return truncated(layer).to("meta")(torch.zeros(1, 3, 64, 64, device="meta")).shape[1]


def load(layers: nn.Module, network: str, weights: str, way_out: str) -> Path:
    """Fill the layers of a network with weights, see `PretrainedFeatures`; the file that they were read from.

    Args:
        way_out: what the user can do without the weights, for errors.

    Raises:
        WeightsError: the weights cannot be had, are not the genuine ones, or are not those of the network.
    """
    caffe = weights == "caffe"
    if caffe and network not in PUBLISHED["caffe"]:
        raise WeightsError(f"there are no Caffe weights of {network}; {way_out}")
    what = f"the weights of {network}{' (Caffe)' if caffe else ''}"
    file = published(PUBLISHED[weights][network], what, way_out) if weights in PUBLISHED else Path(weights)
    entries = state_dict(file, what, way_out)
    try:
        layers.load_state_dict({name: entries[f"features.{name}"] for name in layers.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{file} holds no state dict of {network}; {way_out}") from error
    return file


def _freeze(network: nn.Module) -> None:
    """Turn parameters into buffers outside the state dict: they still follow the network to its device."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach(), persistent=False)
