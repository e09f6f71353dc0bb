import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from portrait_cartoons.losses import adversarial
from portrait_cartoons.losses.adversarial import Single

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
def test_values_worked_out_by_hand(objective: Single, real: float, fake: float, fooling: float) -> None:
    assert adversarial.real(LOGITS, objective).item() == pytest.approx(real)
    assert adversarial.fake(LOGITS, objective).item() == pytest.approx(fake)
    assert adversarial.fooling(LOGITS, objective, unasked).item() == pytest.approx(fooling)
    judged = adversarial.judging(LOGITS, 2 * LOGITS, LOGITS, objective=objective)
    parts = real + fake + adversarial.fake(2 * LOGITS, objective).item()
    assert judged.item() == pytest.approx(parts)


def test_relativistic_pairing_worked_out_by_hand() -> None:
    real, fake, other = (torch.tensor([z], dtype=torch.float64) for z in ([0.5, -2.0], [1.5, 0.0], [0.0, -2.0]))
    judged = adversarial.judging(real, fake, other, objective="rpgan")
    assert judged.item() == pytest.approx((softplus(1.0) + softplus(2.0)) / 2 + (softplus(-0.5) + softplus(0.0)) / 2)
    fooled = adversarial.fooling(fake, "rpgan", lambda: real)
    assert fooled.item() == pytest.approx((softplus(-1.0) + softplus(-2.0)) / 2)


def test_relativistic_pairing_knows_differences_alone() -> None:
    real, fake = torch.randn(2, 4, 1, 3, 3, dtype=torch.float64)
    for shift in (0.0, 7.0):
        judged = adversarial.judging(real + shift, fake + shift, objective="rpgan")
        torch.testing.assert_close(judged, adversarial.judging(real, fake, objective="rpgan"))
    found = adversarial.scores("rpgan", real=real.mean() + 5, fake=real.mean() - 5)
    assert found["fake"] < 0.01 < 0.99 < found["real"]


def unasked() -> torch.Tensor:
    raise AssertionError("this objective needs no logits of real images")


@pytest.mark.parametrize(("objective", "undecided", "real"), [("lsgan", 0.5, 1), ("vanilla", 0, 30), ("hinge", 0, 1)])
def test_scores_are_on_one_scale(objective: Single, undecided: float, real: float) -> None:
    logits = {"even": torch.full((2, 1, 3, 3), float(undecided)), "real": torch.full((2, 1, 3, 3), float(real))}
    found = adversarial.scores(objective, **logits, fake=2 * logits["even"] - logits["real"])
    assert {name: z.item() for name, z in found.items()} == pytest.approx({"even": 0.5, "real": 1, "fake": 0}, abs=1e-6)


@pytest.mark.parametrize("objective", ["lsgan", "vanilla", "hinge"])
def test_players_pull_the_logit_of_a_fake_apart(objective: Single) -> None:
    logits = torch.full((1,), 0.5, requires_grad=True)
    (up,) = torch.autograd.grad(adversarial.fooling(logits, objective, unasked), logits)
    (down,) = torch.autograd.grad(adversarial.fake(logits, objective), logits)
    assert up < 0 < down


def test_r1_worked_out_by_hand_and_its_gradient_reaches_the_discriminator() -> None:
    # D(z) = c z^2 in each of four patches: the gradient of their mean is c z / 2.
    c = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    images = torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]], [[[0.0, 0.0], [4.0, 0.0]]]], dtype=torch.float64)
    penalty = adversarial.r1(lambda z: c * z**2, images)
    squares = ((1 + 4 + 0.25) + 16) / 2
    assert penalty.item() == pytest.approx(3**2 / 4 * squares / 2)
    penalty.backward()
    assert c.grad is not None
    assert c.grad.item() == pytest.approx(2 * 3 / 4 * squares / 2)


@pytest.mark.parametrize("way", ["compiled", "with activation checkpointing"])
def test_r1_is_the_same_however_the_network_is_computed(way: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Conv2d(4, 1, 3))
    weights = [weight for name, weight in network.named_parameters() if name in ("0.weight", "2.weight")]
    images = torch.rand(2, 3, 8, 8)

    def gradients() -> list[Tensor]:
        return list(torch.autograd.grad(adversarial.r1(network, images), weights))

    expected = gradients()
    if way == "compiled":
        network.compile(backend="aot_eager")
    else:
        network.forward = partial(checkpoint, network.forward, use_reentrant=False)  # type: ignore[method-assign]
    assert all(torch.allclose(x, y) for x, y in zip(gradients(), expected, strict=True))
