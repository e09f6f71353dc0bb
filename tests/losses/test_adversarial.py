import math

import pytest
import torch

from portrait_cartoons.losses import adversarial
from portrait_cartoons.losses.adversarial import Objective

LOGITS = torch.tensor([[0.5, -2.0]])


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


@pytest.mark.parametrize(
    ("objective", "real", "fake", "fooling"),
    [
        ("lsgan", (0.5**2 + 3**2) / 2, (0.5**2 + 2**2) / 2, (0.5**2 + 3**2) / 2),
        (
            "vanilla",
            (softplus(-0.5) + softplus(2.0)) / 2,
            (softplus(0.5) + softplus(-2.0)) / 2,
            (softplus(-0.5) + softplus(2.0)) / 2,
        ),
        ("hinge", (0.5 + 3) / 2, (1.5 + 0) / 2, 0.75),
    ],
)
def test_values_worked_out_by_hand(objective: Objective, real: float, fake: float, fooling: float) -> None:
    assert adversarial.real(LOGITS, objective).item() == pytest.approx(real)
    assert adversarial.fake(LOGITS, objective).item() == pytest.approx(fake)
    assert adversarial.fooling(LOGITS, objective).item() == pytest.approx(fooling)


@pytest.mark.parametrize(("objective", "undecided", "real"), [("lsgan", 0.5, 1), ("vanilla", 0, 30), ("hinge", 0, 1)])
def test_scores_are_on_one_scale(objective: Objective, undecided: float, real: float) -> None:
    logits = {"even": torch.full((2, 1, 3, 3), float(undecided)), "real": torch.full((2, 1, 3, 3), float(real))}
    found = adversarial.scores(objective, **logits, fake=2 * logits["even"] - logits["real"])
    assert {name: z.item() for name, z in found.items()} == pytest.approx({"even": 0.5, "real": 1, "fake": 0}, abs=1e-6)


@pytest.mark.parametrize("objective", ["lsgan", "vanilla", "hinge"])
def test_players_pull_the_logit_of_a_fake_apart(objective: Objective) -> None:
    logits = torch.full((1,), 0.5, requires_grad=True)
    (up,) = torch.autograd.grad(adversarial.fooling(logits, objective), logits)
    (down,) = torch.autograd.grad(adversarial.fake(logits, objective), logits)
    assert up < 0 < down
