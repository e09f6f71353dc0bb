import pytest
import torch

from portrait_cartoons.networks.artifygan import ArtifyDiscriminator, ArtifyGenerator


@pytest.mark.parametrize(("extra_convs", "expected"), [(True, 13_492_035), (False, 13_307_523)])
def test_generator_has_the_published_size(extra_convs: bool, expected: int) -> None:
    assert sum(p.numel() for p in ArtifyGenerator(extra_convs=extra_convs).parameters()) == expected


def test_discriminator_has_the_published_size() -> None:
    network = ArtifyDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 1_129_665
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 64, 64)
