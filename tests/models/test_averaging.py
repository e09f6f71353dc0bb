"""The network that is trained and the one that is used, the average of its weights."""

from typing import Any

import pytest
import torch

from portrait_cartoons.callbacks.checkpoint import Checkpoints
from portrait_cartoons.errors import UserError
from portrait_cartoons.models.averaging import averaged
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.selfiegan import SelfieGAN
from tests.models.test_cartoongan import model, phases, sample
from tests.models.test_cyclegan import Shift, cyclegan, fit


def test_the_average_follows_faster_in_the_beginning() -> None:
    network = Shift(1.0)
    average: Any = averaged(network, 0.25)
    for c, expected in ((3.0, 3.0), (1.0, 2 / 11 * 3 + 9 / 11), (0.0, 0.25 * (2 / 11 * 3 + 9 / 11))):
        network.c.data.fill_(c)
        average.update_parameters(network)
        assert average.module.c.item() == pytest.approx(expected), "decays are 2/11, then 3/12"
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_buffers_are_those_of_the_network() -> None:
    network: Any = torch.nn.BatchNorm2d(2)
    average: Any = averaged(network, 0.9)
    network(torch.rand(2, 2, 4, 4) + 3)
    average.update_parameters(network)
    network(torch.rand(2, 2, 4, 4) + 3)
    average.update_parameters(network)
    assert torch.equal(average.module.running_mean, network.running_mean)


def test_it_is_the_average_that_is_measured_and_named_in_checkpoints() -> None:
    system = model(CartoonGAN, ema=0.5)
    system.average.module.c.data.fill_(0.7)
    photo = torch.zeros(1, 3, 8, 8)
    assert torch.equal(system.validation_step({"photo": photo}, 0)["output"], photo + 0.7)
    checkpoint: dict[str, Any] = {}
    Checkpoints({}).on_save_checkpoint(None, system, checkpoint)  # type: ignore[arg-type]
    assert checkpoint["generator_prefix"] == "average.module."
    assert system.generator is system.g


def test_without_it_the_trained_network_is_the_one_that_is_used() -> None:
    system = model(CartoonGAN)
    assert system.deployed is system.generator
    assert not any(name.startswith("average") for name in system.state_dict())


@pytest.mark.parametrize("kind", ["cyclegan", CartoonGAN, SelfieGAN])
def test_steps_of_the_generator_alone_move_it(kind: Any) -> None:
    options: dict[str, Any] = {"ema": 0.5}
    system: Any = cyclegan(**options) if kind == "cyclegan" else model(kind, **options, **phases(content=0, segment=1))
    batch = sample(0.1, 0.6, 0.4)
    if kind == "cyclegan":
        batch = {name: torch.rand(3, 16, 16) for name in ("photo", "cartoon")}
    if kind is SelfieGAN:
        fit(system, [batch])  # the U-Net's epoch
        assert system.average.n_averaged == 0
    else:
        fit(system, [batch] * 3)
        assert system.average.n_averaged == 3


@pytest.mark.parametrize("ema", [-0.1, 1.0, float("nan")])
def test_a_decay_that_is_none_is_refused(ema: float) -> None:
    with pytest.raises(UserError, match=r"model\.ema=.* must be from 0"):
        model(CartoonGAN, ema=ema)
