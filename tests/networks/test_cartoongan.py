from itertools import pairwise

import pytest
import torch
from torch import nn

from portrait_cartoons.networks.cartoongan import NORMS, CartoonDiscriminator, CartoonGenerator, NormName


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


def test_discriminator_has_norms_where_published() -> None:
    followers = [after for m, after in pairwise(CartoonDiscriminator(width=4)) if isinstance(m, nn.Conv2d)]
    assert [isinstance(after, nn.InstanceNorm2d) for after in followers] == [False, False, True, False, True, True]


@pytest.mark.parametrize("norm", NORMS)
def test_generator_keeps_any_size_that_is_a_multiple_and_the_range(norm: NormName) -> None:
    network = CartoonGenerator(width=4, blocks=1, norm=norm).eval()
    x = torch.rand(2, 3, 9 * network.multiple, 7 * network.multiple) * 2 - 1
    out = network(x)
    assert out.shape == x.shape
    assert out.abs().max() <= 1
    assert torch.equal(out, network(x))


def test_residual_blocks_do_not_share_weights() -> None:
    network = CartoonGenerator(width=4, blocks=3, norm="affine")
    kernels = [p for p in network.parameters() if p.shape == (16, 16, 3, 3)]
    assert len(kernels) == 7  # two of each block and the second of the last downsampling
    everything = list(network.parameters())
    assert len({p.data_ptr() for p in everything}) == len(everything)


@pytest.mark.parametrize(
    ("norm", "kind", "affine"),
    [("instance", nn.InstanceNorm2d, False), ("affine", nn.InstanceNorm2d, True), ("batch", nn.BatchNorm2d, True)],
)
def test_every_norm_is_of_the_kind_named(norm: NormName, kind: type[nn.Module], affine: bool) -> None:
    named = (nn.InstanceNorm2d, nn.BatchNorm2d)
    norms = [module for module in CartoonGenerator(width=4, norm=norm).modules() if isinstance(module, named)]
    assert len(norms) == 1 + 2 + 2 * 8 + 2
    assert all(isinstance(module, kind) and module.affine == affine for module in norms)
