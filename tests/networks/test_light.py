import pytest
import torch

from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.networks.light import LightGenerator

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


def test_it_is_light() -> None:
    assert sum(parameter.numel() for parameter in LightGenerator().parameters()) == 701_827


def test_it_begins_at_the_photo() -> None:
    photo = torch.rand(2, 3, 16, 24) * 2 - 1
    assert torch.equal(LightGenerator(width=4, blocks=1)(photo), photo)


def test_a_pixel_beyond_the_range_still_learns() -> None:
    network = LightGenerator(width=4, blocks=1)
    bias = network.change.bias
    assert bias is not None
    torch.nn.init.constant_(bias, 2.3)
    output = network(torch.zeros(1, 3, 16, 16))
    assert (output == 1).all()
    (gradient,) = torch.autograd.grad(output.mean(), bias)
    assert gradient.min() > 0


ANY = {
    "generator=light": {"_target_": "portrait_cartoons.networks.light.LightGenerator", "width": 32, "blocks": 4},
    "discriminator=light": {
        "_target_": "portrait_cartoons.networks.whitebox.WhiteboxDiscriminator",
        "width": 32,
        "channels": 3,
    },
    "discriminator=projected": {
        "_target_": "portrait_cartoons.networks.projected.ProjectedDiscriminator",
        "layer": "squeezenet1_0.fire4",
        "weights": "imagenet",
        "width": 64,
        "channels": 3,
    },
}


@pytest.mark.parametrize("choice", ANY)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_takes_light_networks_and_keeps_everything_else(model: str, choice: str) -> None:
    own, light = (composed("train", [f"model={model}", *more]).model for more in ((), (choice,)))
    part = choice.partition("=")[0]
    assert light[part] == {**ANY[choice], "_partial_": True}
    assert {name for name in own if own[name] != light[name]} == {part}
