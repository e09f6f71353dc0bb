"""Frozen VGG features, between which perceptual losses are taken."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn
from torchvision.models import VGG, VGG16_Weights, VGG19_Weights, vgg16, vgg19

from portrait_cartoons.networks.weights import WeightsError, published, state_dict

Layer = Literal["vgg19.conv4_4", "vgg19.conv2_2", "vgg16.23"]
InputScale = Literal["imagenet", "caffe"]


class Truncated(NamedTuple):
    """The first `depth` of torchvision's layers, and where their ImageNet weights are published."""

    network: Callable[..., VGG]
    depth: int
    url: str


TRUNCATED: dict[Layer, Truncated] = {
    "vgg19.conv4_4": Truncated(vgg19, 26, VGG19_Weights.IMAGENET1K_V1.url),
    "vgg19.conv2_2": Truncated(vgg19, 8, VGG19_Weights.IMAGENET1K_V1.url),
    "vgg16.23": Truncated(vgg16, 24, VGG16_Weights.IMAGENET1K_V1.url),
}
# Mean and divisor per channel of RGB images in [0, 1].
SCALES: dict[InputScale, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3),
}


class VGGFeatures(nn.Module):
    """N x 3 x H x W in [-1, 1] -> features of that layer, H and W being at least 16.

    It is always in eval mode. Its weights are no parameters and in no state dict: no optimizer moves them and no
    checkpoint carries them. Gradients flow to the images.

    Args:
        layer: `vgg19.conv4_4`, before its ReLU, N x 512 x H/8 x W/8 (CartoonGAN); `vgg16.23`, after the fourth
            pooling, N x 512 x H/16 x W/16 (ArtifyGAN); or `vgg19.conv2_2`, before its ReLU, N x 128 x H/2 x W/2, for
            random weights: a generator learns to keep a picture from them much sooner than from deep ones.
        input_scale: what the images are turned into: RGB of about unit variance (`imagenet`), or BGR in 0..255 less
            the mean (`caffe`), about 60 times larger. Loss weights hold for one of them only.
        weights: `imagenet`, those of torchvision, trained on that scale and downloaded on first use; `random`, drawn
            from `seed` such that features are of order 1 under either scale; or a file with a state dict of the
            network, named as torchvision's.
        seed: of random weights.

    Raises:
        WeightsError: the weights cannot be had, are not the genuine ones, or are not those of the network.
    """

    mean: Tensor
    divisor: Tensor

    def __init__(
        self,
        layer: Layer = "vgg19.conv4_4",
        input_scale: InputScale = "imagenet",
        weights: str = "imagenet",
        seed: int = 0,
    ) -> None:
        super().__init__()
        network, depth, url = TRUNCATED[layer]
        with torch.device("meta"):  # most of the whole network is cut off
            layers = network(init_weights=False).features.children()
        self.layers = nn.Sequential(*islice(layers, depth)).to_empty(device="cpu")
        self.bgr = input_scale == "caffe"
        for name, values in zip(("mean", "divisor"), SCALES[input_scale], strict=True):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        if weights == "random":
            self._draw(seed)
        else:
            self._read(weights, url, network.__name__)
        _freeze(self.layers)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        x = ((images + 1) / 2 - self.mean) / self.divisor
        return self.layers(x.flip(1) if self.bgr else x)

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

    def _read(self, weights: str, url: str, network: str) -> None:
        what = f"the VGG weights ({network})"
        way_out = f"name a file of torchvision's {network} with weights=<file>, or use weights=random"
        file = published(url, what, way_out) if weights == "imagenet" else Path(weights)
        entries = state_dict(file, what, way_out)
        try:
            self.layers.load_state_dict({name: entries[f"features.{name}"] for name in self.layers.state_dict()})
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"{file} holds no state dict of {network}; {way_out}") from error


def _freeze(network: nn.Module) -> None:
    """Turn parameters into buffers outside the state dict: they still follow the network to its device."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach(), persistent=False)
