import torch

from portrait_cartoons.networks.animegan import AnimeDiscriminator, AnimeGenerator


def test_the_generator_has_the_published_size() -> None:
    assert sum(p.numel() for p in AnimeGenerator().parameters()) == 2_143_552


def test_the_discriminator_has_the_published_size() -> None:
    network = AnimeDiscriminator()
    assert sum(p.numel() for p in network.parameters()) == 1_128_800
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 64, 64)


def test_no_convolution_of_the_discriminator_enlarges_anything() -> None:
    network = AnimeDiscriminator(width=4)
    for _ in range(200):  # each pass in training improves the estimate of the norm
        network(torch.zeros(1, 3, 16, 16))
    weights = [module.weight.flatten(1) for module in network if isinstance(module, torch.nn.Conv2d)]
    assert len(weights) == 7
    for weight in weights:
        torch.testing.assert_close(torch.linalg.matrix_norm(weight, 2), torch.tensor(1.0), rtol=1e-2, atol=0)
