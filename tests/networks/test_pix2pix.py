import pytest
import torch
from torch import nn

from portrait_cartoons.networks.patchgan import PatchDiscriminator
from portrait_cartoons.networks.pix2pix import PixGenerator


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_both_networks_have_the_published_sizes() -> None:
    assert parameters(PixGenerator(norm="batch")) == 54_413_955
    assert parameters(PatchDiscriminator(channels=6, norm="batch")) == 2_768_705


def test_the_noise_is_the_dropout_of_three_layers_and_is_drawn_in_training_alone() -> None:
    network = PixGenerator(width=4, levels=5)
    photo = torch.rand(1, 3, 32, 32) * 2 - 1
    assert [part.p for part in network.modules() if isinstance(part, nn.Dropout)] == [0.5] * 3
    assert not torch.equal(network(photo), network(photo))
    network.eval()
    assert torch.equal(network(photo), network(photo))


@pytest.mark.parametrize("levels", [3, 7])
def test_it_halves_the_picture_as_often_as_it_has_levels(levels: int) -> None:
    network = PixGenerator(width=4, levels=levels).eval()
    side = network.size_divisor
    assert side == 2**levels
    assert network(torch.zeros(1, 3, side, 2 * side)).shape == (1, 3, side, 2 * side)
