import pytest
import torch
from torch import nn

from portrait_cartoons.networks.patchgan import PatchDiscriminator
from portrait_cartoons.networks.resnet import ResnetGenerator


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("blocks", "expected"), [(9, 11_378_179), (6, 7_837_699)])
def test_generator_has_the_published_size(blocks: int, expected: int) -> None:
    assert parameters(ResnetGenerator(blocks=blocks)) == expected


@pytest.mark.parametrize(("layers", "expected", "side"), [(3, 2_764_737, 30), (2, 662_977, 62)])
def test_discriminator_has_the_published_size(layers: int, expected: int, side: int) -> None:
    network = PatchDiscriminator(layers=layers)
    assert parameters(network) == expected
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, side, side)


@pytest.mark.parametrize(("layers", "field"), [(3, 70), (2, 34)])
def test_receptive_field_is_the_gradient_footprint_of_one_logit(layers: int, field: int) -> None:
    # Instance norm mixes all positions, so the footprint is that of the network without it.
    whole = PatchDiscriminator(width=4, layers=layers)
    network = nn.Sequential(*(module for module in whole if not isinstance(module, nn.InstanceNorm2d)))
    x = torch.randn(1, 3, 128, 128, requires_grad=True)
    out = network(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad.abs().sum((0, 1))
    assert (seen.sum(0) > 0).sum() == field
    assert (seen.sum(1) > 0).sum() == field


def test_one_batched_pass_equals_single_ones() -> None:
    # What lets CycleGAN compute both directions, and real and fake, at once.
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    for network in (ResnetGenerator(width=4, blocks=1), PatchDiscriminator(width=4)):
        torch.testing.assert_close(network(x), torch.cat([network(x[:1]), network(x[1:])]), rtol=1e-4, atol=1e-6)
