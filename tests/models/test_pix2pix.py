"""pix2pix against values worked out by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons.models.pix2pix import Pix2Pix
from tests.models.test_cyclegan import ADAM, Shift, adam, fit


class Pair(nn.Module):
    """k times the mean of the photo, plus the mean of the cartoon: it tells the two places apart."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(2.0))

    def forward(self, pair: Tensor) -> Tensor:
        photo, cartoon = pair.split(3, 1)
        return self.k * photo.mean((1, 2, 3)) + cartoon.mean((1, 2, 3))


def model(**options: Any) -> Pix2Pix:
    arguments: dict[str, Any] = {
        "generator": lambda: Shift(0.3),
        "discriminator": Pair,
        "objective": "lsgan",
        "weights": {"g": {"adv": 2.0, "l1": 100.0}, "d": {"adv": 1.0}},
        "optimizers": {"g": adam(0.0), "d": adam(0.0)},
        "batch_size": 1,
        "epochs": 2,
        "decay_share": 0.0,
    }
    return Pix2Pix(**arguments | options)


def sample(photo: float, target: float) -> dict[str, Tensor]:
    return {"photo": torch.full((3, 8, 8), photo), "target": torch.full((3, 8, 8), target)}


def test_losses_equal_the_values_worked_out_by_hand() -> None:
    # x = 0.1, t = 0.6, G(x) = 0.4; D(x, z) = 2 x + z: 0.8 for the true pair, 0.6 for the other.
    (values,) = fit(model(), [sample(0.1, 0.6)])
    assert values["train/d/adv"] == pytest.approx(((0.8 - 1) ** 2 + 0.6**2) / 2)
    assert values["train/g/adv"] == pytest.approx((0.6 - 1) ** 2)
    assert values["train/g/l1"] == pytest.approx(0.6 - 0.4)
    assert values["train/g/total"] == pytest.approx(2 * 0.4**2 + 100 * 0.2)
    assert values["train/d_score/real"] == pytest.approx(0.8)
    assert values["train/d_score/fake"] == pytest.approx(0.6)


def test_the_generator_is_judged_by_the_discriminator_after_its_step() -> None:
    system: Any = model(optimizers={"g": ADAM, "d": adam(0.1)})
    (values,) = fit(system, [sample(0.1, 0.6)])
    # D's first step of Adam moves k by its learning rate.
    k = system.d.k.item()
    assert k == pytest.approx(2.0 - 0.1) or k == pytest.approx(2.0 + 0.1)
    assert values["train/g/adv"] == pytest.approx((k * 0.1 + 0.4 - 1) ** 2, rel=1e-4)


def test_with_l1_alone_the_discriminator_waits() -> None:
    system: Any = model(weights={"g": {"adv": 0.0, "l1": 100.0}, "d": {"adv": 1.0}}, optimizers={"g": ADAM, "d": ADAM})
    (values,) = fit(system, [sample(0.1, 0.6)])
    assert values["train/g/total"] == pytest.approx(100 * 0.2)
    assert system.d.k.item() == 2.0
    assert not any(name.startswith("train/d") for name in values)
