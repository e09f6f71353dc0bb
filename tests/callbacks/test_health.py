"""The generator's output in numbers, and each warning where it belongs and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from portrait_cartoons.callbacks.health import Health
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.selfiegan import SelfieGAN
from tests.models.test_cartoongan import Constant, model, phases
from tests.models.test_cyclegan import Mean, Shift, adam, by_hand, fit

N = 4  # batches


def noise(seed: int) -> Tensor:
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def samples(photo: Callable[[int], Tensor], cartoon: float) -> list[dict[str, Tensor]]:
    flat = torch.full((3, 8, 8), cartoon)
    others = {"cartoon": flat, "cartoon_smooth": flat, "photo_mask": torch.ones(1, 8, 8)}
    return [{"photo": photo(n), **others} for n in range(N)]


def still(kind: Any = CartoonGAN, **options: Any) -> Any:
    """A model that does not move."""
    return model(kind, optimizers=dict.fromkeys(kind.terms, adam(0.0)), **options)


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]


def test_mean_and_deviation_are_those_of_what_the_generator_draws_from_the_photo() -> None:
    # CycleGAN draws from photo and cartoon in one pass, and again from the other's output.
    values = fit(by_hand(), [{"photo": noise(0), "cartoon": noise(1)}], callbacks=[Health(window=N)])
    assert values[0]["train/output/mean"] == pytest.approx((noise(0) + 0.3).mean().item(), abs=1e-6)
    assert values[0]["train/output/std"] == pytest.approx(noise(0).std().item())


def test_a_run_in_balance_has_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    fit(still(), samples(noise, 0.5), callbacks=[Health(window=N)])
    assert warnings(capsys) == []


def test_a_discriminator_that_has_won_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    # D(z) is the mean of z: 1 for the cartoons, about 0 for what the generator draws.
    fit(still(generator=lambda: Shift(0.0)), samples(lambda n: noise(n) - noise(n).mean(), 1.0), 2, [Health(window=N)])
    (warning,) = warnings(capsys)
    assert "the discriminator has won: over 4 batches it scored true cartoons 1.00 above" in warning


def test_flat_pictures_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    fit(still(), samples(lambda _: torch.zeros(3, 8, 8), 0.5), callbacks=[Health(window=N)])
    (warning,) = warnings(capsys)
    assert "flat pictures for 4 batches" in warning


def test_a_discriminator_that_finds_everything_real_has_not_won(capsys: pytest.CaptureFixture[str]) -> None:
    fit(still(), samples(lambda n: noise(n) - noise(n).mean() + 0.7, 1.0), callbacks=[Health(window=N)])  # G adds 0.3
    assert warnings(capsys) == []


@pytest.mark.parametrize(("epochs", "named"), [(2, False), (4, True)])
@pytest.mark.parametrize("finding", ["has won", "flat pictures"])
def test_a_warning_rests_on_a_whole_window(
    capsys: pytest.CaptureFixture[str], finding: str, epochs: int, named: bool
) -> None:
    # Nothing is drawn or judged in the first epoch, and the window is two epochs: only the fourth fills it.
    flat = finding == "flat pictures"
    photos = (lambda _: torch.zeros(3, 8, 8)) if flat else (lambda n: noise(n) - noise(n).mean() - 0.3)
    system = still(SelfieGAN, background="none", **phases(content=0, segment=1))
    fit(system, samples(photos, 0.5 if flat else 1.0), epochs, [Health(window=2 * N)])
    assert [finding in warning for warning in warnings(capsys)] == [True] * named


def test_a_loss_that_exploded_is_named_at_the_end_of_the_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    weights = {"g": {"adv": 1e9, "content": 1e9}, "d": {"adv": 1e9}}  # which do not count
    fit(still(weights=weights), samples(noise, 0.5), callbacks=[Health(window=2 * N)])
    assert warnings(capsys) == []
    # D(z) is 500 times the mean of z, so its loss on the cartoons is (250 - 1) squared.
    fit(still(discriminator=lambda: Mean(500.0)), samples(noise, 0.5), 2, [Health(window=2 * N)])
    (warning,) = warnings(capsys)
    assert "the loss has exploded: train/d/adv is" in warning
    assert "model.optimizers.d.lr" in warning


class Saturated(Shift):
    """Draws black and white, whatever its parameter."""

    def forward(self, z: Tensor) -> Tensor:
        return z.sign() + 0 * self.c


def test_a_generator_without_a_gradient_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    fit(still(generator=lambda: Saturated(0.0)), samples(noise, 0.5), 2, [Health(window=2 * N)])
    (warning,) = warnings(capsys)
    assert "its gradient is zero" in warning


@pytest.mark.parametrize(("collapsed", "count"), [(True, 1), (False, 0)])
def test_a_collapse_is_named(capsys: pytest.CaptureFixture[str], collapsed: bool, count: int) -> None:
    health, system = Health(), still()
    trainer: Any = type("Trainer", (), {"is_global_zero": True, "callback_metrics": {}})()
    photos = torch.stack([noise(n) for n in range(4)])
    outputs = photos * 0.01 + noise(5) if collapsed else photos * 0.1 + noise(5)
    for drawing in (False, True):  # before and after the generator has been trained
        health._drawing = drawing
        health.on_validation_batch_end(trainer, system, {"output": outputs}, {"photo": photos}, 0)
        health.on_validation_batch_end(trainer, system, {"output": outputs}, {"photo": photos}, 0)
        if not drawing:
            assert warnings(capsys) == []
    found = warnings(capsys)
    assert len(found) == count
    assert all("nearly the same picture" in warning for warning in found)


@pytest.mark.parametrize(("mask", "state"), [(0.999, "open"), (0.5, ""), (0.001, "shut")])
def test_a_mask_that_is_all_open_or_all_shut_is_named(
    capsys: pytest.CaptureFixture[str], mask: float, state: str
) -> None:
    system = still(SelfieGAN, joint="generator", segmenter=lambda: Constant(mask))
    fit(system, samples(noise, 0.5), callbacks=[Health(window=N)])
    found = [warning for warning in warnings(capsys) if "mask" in warning]
    assert len(found) == (3 if state else 0)
    for name in ("photo", "output", "cartoon") if state else ():
        assert sum(f"all {state}: train/mask/{name} has been {mask:.2f} for 4 batches" in line for line in found) == 1
