"""The gradient ratios of loss terms against values worked out by hand; measuring them changes nothing."""

from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from lightning.pytorch.loggers.logger import DummyLogger

from portrait_cartoons.callbacks import balance
from portrait_cartoons.callbacks.balance import Balance
from portrait_cartoons.models.base import Translator
from portrait_cartoons.models.cartoongan import CartoonGAN
from tests.models.test_cartoongan import model, sample
from tests.models.test_cyclegan import adam, by_hand, constant, cyclegan, fit

STILL = {"g": adam(0.0), "d": adam(0.0)}


class Kept(DummyLogger):
    """A logger that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, float] = {}

    def log_metrics(self, metrics: Any, step: Any = None) -> None:
        self.values |= {name: value for name, value in metrics.items() if "grad_ratio" in name}


def ratios(system: Translator, samples: Any) -> dict[str, float]:
    """What is logged in the first step, by the terms' names."""
    logger = Kept()
    use = LambdaCallback(on_fit_start=lambda trainer, _: setattr(trainer, "loggers", [logger]))
    fit(system, samples, callbacks=[use, Balance(10)])
    assert all(name.startswith("train/grad_ratio/g/") for name in logger.values)
    return {name.rpartition("/")[2]: value for name, value in logger.values.items()}


def test_ratios_are_those_of_the_weighted_terms() -> None:
    # G = z + c: d adv / d c = 2 (0.5 - 1) = -1; F alike: 2 (0.8 - 1) 2 = -0.8.
    found = ratios(by_hand(optimizers=STILL), constant(0.2, 0.5))
    adv = (1 + 0.8**2) ** 0.5
    # |F(G(x)) - x| + |G(F(y)) - y|: both too bright, each depends on both; |G(y) - y| + |F(x) - x|: 1 and -1.
    assert found == pytest.approx({"cycle": 10 * (2**2 + 2**2) ** 0.5 / adv, "identity": 5 * 2**0.5 / adv})


def test_ratios_of_content() -> None:
    # d adv / d c = 2 (0.4 - 1), d content / d c = 2.
    found = ratios(model(CartoonGAN, optimizers=STILL), [sample(0.1, 0.6, 0.4)])
    assert found == pytest.approx({"content": 0.5 * 2 / 1.2})


def test_a_term_without_a_pull_makes_no_infinite_ratio() -> None:
    c = torch.nn.Linear(1, 1)
    found = balance.ratios({"adv": 0 * c.weight.sum(), "content": c.weight.sum()}, c)
    assert 0 < found["content"] < float("inf")


def test_they_are_measured_in_every_tenth_logged_step(monkeypatch: pytest.MonkeyPatch) -> None:
    system = by_hand()
    measured: list[int] = []

    def measure(*_: Any) -> dict[str, float]:
        measured.append(system.trainer.fit_loop.batch_idx)
        return {}

    monkeypatch.setattr(balance, "ratios", measure)
    fit(system, constant(0.2, 0.5, batches=12), callbacks=[Balance(10)])
    assert measured == [0, 0, 10, 10]  # by each player


def test_measuring_changes_no_step() -> None:
    samples = [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}] * 2
    states = []
    for callbacks in ([Balance(10)], []):
        torch.manual_seed(0)
        system = cyclegan()
        fit(system, samples, callbacks=callbacks)
        states.append([parameter.clone() for parameter in system.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
