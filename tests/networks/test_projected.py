from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, leaky_relu

from portrait_cartoons.errors import UserError
from portrait_cartoons.networks.features import Layer, PretrainedFeatures, channels_of
from portrait_cartoons.networks.projected import ProjectedDiscriminator


def pictures(channels: int) -> Tensor:
    return torch.rand(2, channels, 40, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("channels", [3, 6])
def test_logits_are_three_convolutions_of_the_features_of_each_picture(channels: int) -> None:
    torch.manual_seed(0)
    network = ProjectedDiscriminator("squeezenet1_0.fire2", "random", width=8, channels=channels).eval()
    features = PretrainedFeatures("squeezenet1_0.fire2", "random")
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x = pictures(channels)
    seen = torch.cat([features(x[:, start : start + 3]) for start in range(0, channels, 3)], 1)
    expected = seen / features(noise).abs().mean()
    for number in (0, 2, 4):
        layer: Any = network.head[number]
        weight = layer.weight.detach()
        assert torch.linalg.matrix_norm(weight.flatten(1), 2) == pytest.approx(1, abs=0.2)  # spectral norm
        expected = conv2d(expected, weight, layer.bias, padding=weight.shape[-1] // 2)
        expected = leaky_relu(expected, 0.2) if number < 4 else expected
    torch.testing.assert_close(network(x), expected)


def test_features_are_frozen_and_gradients_reach_the_picture() -> None:
    network = ProjectedDiscriminator("squeezenet1_0.fire4", "random", width=8)
    assert {name.partition(".")[0] for name, _ in network.named_parameters()} == {"head"}
    assert {name.partition(".")[0] for name in network.state_dict()} == {"head", "scale"}
    x = pictures(3).requires_grad_()
    network(x).mean().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("layer", "channels"), [("vgg19.conv2_2", 128), ("vgg16.23", 512), ("squeezenet1_1.fire9", 512)]
)
def test_every_layer_says_its_channels(layer: Layer, channels: int) -> None:
    assert channels_of(layer) == channels


def test_a_missing_file_of_weights_is_named_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.pth.*model\.discriminator\.weights"):
        ProjectedDiscriminator(weights=str(tmp_path / "nothing.pth"))
