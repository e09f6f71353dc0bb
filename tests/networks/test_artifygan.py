import pytest
import torch
from torch import nn

from portrait_cartoons.networks.artifygan import ArtifyDiscriminator, ArtifyGenerator


@pytest.mark.parametrize(("extra_convs", "expected"), [(True, 13_492_035), (False, 12_569_859)])
def test_generator_has_the_published_size(extra_convs: bool, expected: int) -> None:
    assert sum(p.numel() for p in ArtifyGenerator(extra_convs=extra_convs).parameters()) == expected


def test_discriminator_has_the_published_size() -> None:
    network = ArtifyDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 1_129_665
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 64, 64)


@pytest.mark.parametrize(("kernel", "extra_convs"), [(7, True), (3, True), (7, False)])
def test_generator_keeps_any_size_that_is_a_multiple_and_the_range(kernel: int, extra_convs: bool) -> None:
    network = ArtifyGenerator(width=4, blocks=1, kernel=kernel, extra_convs=extra_convs).eval()
    x = torch.rand(2, 3, 9 * network.multiple, 7 * network.multiple) * 2 - 1
    out = network(x)
    assert out.shape == x.shape
    assert out.abs().max() <= 1
    assert torch.equal(out, network(x))


def test_kernel_is_that_of_the_first_convolution() -> None:
    convs = [m for m in ArtifyGenerator(width=4, blocks=1, kernel=3).modules() if isinstance(m, nn.Conv2d)]
    assert [convs[0].kernel_size, convs[-1].kernel_size] == [(3, 3), (7, 7)]


def test_inside_the_generator_images_are_in_0_to_1() -> None:
    network = ArtifyGenerator(width=4, blocks=1).eval()
    inner: list[torch.Tensor] = []
    network[0].register_forward_pre_hook(lambda _module, inputs: inner.append(inputs[0]))
    network[-1].register_forward_hook(lambda _module, _inputs, out: inner.append(out))
    x = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    out = network(x)
    torch.testing.assert_close(inner[0], torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16))
    assert 0 <= inner[1].min() <= inner[1].max() <= 1
    torch.testing.assert_close(out, inner[1] * 2 - 1)


def test_discriminator_returns_logits() -> None:
    out = ArtifyDiscriminator(width=4)(torch.rand(4, 3, 32, 32) * 2 - 1)
    assert out.min() < 0


def test_every_norm_is_batch_norm_and_no_weights_are_shared() -> None:
    for network, norms in ((ArtifyGenerator(width=4, blocks=3), 1 + 2 + 2 * 3 + 2), (ArtifyDiscriminator(width=4), 3)):
        assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == norms
        assert not any(isinstance(m, nn.InstanceNorm2d) for m in network.modules())
        everything = list(network.parameters())
        assert len({p.data_ptr() for p in everything}) == len(everything)
