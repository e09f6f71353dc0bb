"""Every network's output, for weights that no layer can hide behind, equals that of its second writing."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons.networks.animegan import AnimeDiscriminator, AnimeGenerator
from portrait_cartoons.networks.artifygan import ArtifyDiscriminator, ArtifyGenerator
from portrait_cartoons.networks.cartoongan import CartoonDiscriminator, CartoonGenerator
from portrait_cartoons.networks.ganilla import GanillaGenerator
from portrait_cartoons.networks.light import LightGenerator
from portrait_cartoons.networks.patchgan import PatchDiscriminator
from portrait_cartoons.networks.pix2pix import PixGenerator
from portrait_cartoons.networks.resnet import ResnetGenerator
from portrait_cartoons.networks.unet import UNet
from tests.networks import plain
from tests.networks.plain import Weights, filled


def images(*size: int) -> Tensor:
    return torch.rand(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def artify(w: Weights, x: Tensor, kernel: int, extra_convs: bool) -> Tensor:
    out = plain.cartoon_generator(w, (x + 1) / 2, 2, plain.ZEROS, kernel // 2, decoder=extra_convs)
    return 2 * out.sigmoid() - 1


def _without_dropout(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


NETWORKS: dict[str, tuple[nn.Module, str, Any]] = {
    "resnet": (ResnetGenerator(8, blocks=2), "instance", partial(plain.resnet, blocks=2)),
    "light": (LightGenerator(8, blocks=2), "none", partial(plain.light, blocks=2)),
    "patchgan": (PatchDiscriminator(8, layers=3), "instance", partial(plain.patchgan, layers=3)),
    "patchgan batch": (PatchDiscriminator(8, layers=2, norm="batch"), "batch", partial(plain.patchgan, layers=2)),
    "patchgan of two layers": (PatchDiscriminator(8, layers=2), "instance", partial(plain.patchgan, layers=2)),
    "cartoongan d": (CartoonDiscriminator(4), "instance", plain.cartoon_discriminator),
    "cartoongan d affine": (CartoonDiscriminator(4, norm="affine"), "affine", plain.cartoon_discriminator),
    "artifygan d": (ArtifyDiscriminator(4), "batch", plain.cartoon_discriminator),
    "animegan": (AnimeGenerator(8, blocks=2), "none", partial(plain.anime, blocks=2)),
    "animegan d": (AnimeDiscriminator(4), "none", plain.anime_discriminator),
    "unet": (UNet(4, levels=3), "none", partial(plain.unet, levels=3)),
}
for place in ("none", "skips", "bottleneck", "pyramid"):
    network = GanillaGenerator(8, attention=place)
    NETWORKS[f"ganilla {place}"] = (network, "instance", partial(plain.ganilla, attention=place))
for norm in ("instance", "affine", "batch"):
    # Its noise is measured elsewhere.
    silent = _without_dropout(PixGenerator(4, levels=4, norm=norm))
    NETWORKS[f"pix2pix {norm}"] = (silent, norm, partial(plain.pix_generator, levels=4))
    second: Any = lambda w, x: plain.cartoon_generator(w, x, 2, "reflect").tanh()  # noqa: E731
    NETWORKS[f"cartoongan {norm}"] = (CartoonGenerator(8, blocks=2, norm=norm), norm, second)
for kernel, extra in ((7, True), (3, True), (7, False)):
    options: dict[str, Any] = {"kernel": kernel, "extra_convs": extra}
    NETWORKS[f"artifygan {options}"] = (ArtifyGenerator(8, blocks=2, **options), "batch", partial(artify, **options))


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
@pytest.mark.parametrize("name", NETWORKS)
def test_output_equals_the_second_writing(name: str, training: bool) -> None:
    network, norm, second = NETWORKS[name]
    network = filled(network).train(training)
    weights = Weights(network, norm)
    with torch.no_grad():
        expected = second(weights, images(32, 48))
        found = network(images(32, 48))
    assert next(weights.values, None) is None, "the second writing has fewer layers"
    assert expected.std() > 0.01
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_has_weights_of_its_own(name: str) -> None:
    parameters = list(NETWORKS[name][0].parameters())
    assert len({parameter.data_ptr() for parameter in parameters}) == len(parameters)


@pytest.mark.parametrize(
    "name", [name for name, (network, _, _) in NETWORKS.items() if hasattr(network, "size_divisor")]
)
def test_a_generator_keeps_every_size_that_is_a_multiple(name: str) -> None:
    network: Any = NETWORKS[name][0].eval()
    size = (3 * network.size_divisor, 5 * network.size_divisor)
    assert network.double()(images(*size)).shape[2:] == size


KINDS = (
    ResnetGenerator, PatchDiscriminator, CartoonGenerator, CartoonDiscriminator, ArtifyGenerator, ArtifyDiscriminator,
    GanillaGenerator, PixGenerator,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_are_normal_with_deviation_0_02_and_zero_bias(kind: Any) -> None:
    torch.manual_seed(0)
    convolutions = [m for m in kind(width=16).modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert torch.cat([m.weight.flatten() for m in convolutions]).std().item() == pytest.approx(0.02, rel=0.05)
    for module in convolutions:
        assert module.weight.std().item() == pytest.approx(0.02, rel=0.3)
        assert module.bias is None or module.bias.abs().max() == 0
