"""A model may use another network than the one it trains, such as its averaged weights."""

from typing import Any

import torch
from torch import nn

from portrait_cartoons.callbacks.checkpoint import Checkpoints
from portrait_cartoons.models.cartoongan import CartoonGAN
from tests.models.test_cartoongan import model
from tests.models.test_cyclegan import Shift


class Averaged(CartoonGAN):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.average = Shift(0.7)

    @property
    def deployed(self) -> nn.Module:
        return self.average


def test_it_is_the_deployed_network_that_is_measured_and_named_in_checkpoints() -> None:
    system = model(Averaged)
    photo = torch.zeros(1, 3, 8, 8)
    assert torch.equal(system.validation_step({"photo": photo}, 0)["output"], photo + system.average.c)
    checkpoint: dict[str, Any] = {}
    Checkpoints({}).on_save_checkpoint(None, system, checkpoint)  # type: ignore[arg-type]
    assert checkpoint["generator_prefix"] == "average."
    assert system.generator is system.g
