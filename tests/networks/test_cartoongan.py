import pytest
import torch
from torch import nn

from portrait_cartoons.networks.cartoongan import CartoonDiscriminator, CartoonGenerator, NormName


@pytest.mark.parametrize(
    ("norm", "expected"), [("instance", 11_120_195), ("affine", 11_129_667), ("batch", 11_129_667)]
)
def test_generator_has_the_published_size(norm: NormName, expected: int) -> None:
    assert sum(p.numel() for p in CartoonGenerator(norm=norm).parameters()) == expected


def test_discriminator_has_the_published_size() -> None:
    network = CartoonDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 1_128_385
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 64, 64)


def test_receptive_field_is_the_gradient_footprint_of_one_logit() -> None:
    # Instance norm mixes all positions, so the footprint is that of the network without it.
    whole = CartoonDiscriminator(width=4)
    network = nn.Sequential(*(module for module in whole if not isinstance(module, nn.InstanceNorm2d)))
    x = torch.randn(1, 3, 96, 96, requires_grad=True)
    network(x)[0, 0, 12, 12].backward()
    assert x.grad is not None
    seen = x.grad.abs().sum((0, 1))
    assert (seen.sum(0) > 0).sum() == 37
    assert (seen.sum(1) > 0).sum() == 37
