import pytest
import torch
from torch import Tensor

from portrait_cartoons.evaluation.bootstrap import Bootstrap, Estimate, undecided
from portrait_cartoons.evaluation.distances import frechet_of_few, kernel
from portrait_cartoons.evaluation.report import Value


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    vector = 5 + 2 * normal(400, 1, 0)[:, 0]
    value = Bootstrap(4000, 0).means({"a": vector})["a"].shown()
    assert value.value == pytest.approx(vector.mean().item())
    error = (vector.std() / 20).item()
    assert value.low == pytest.approx(value.value - 1.96 * error, abs=0.15 * error)
    assert value.high == pytest.approx(value.value + 1.96 * error, abs=0.15 * error)


def test_an_infinite_mean_has_no_interval() -> None:
    value = Bootstrap(10, 0).means({"psnr": torch.tensor([1.0, torch.inf])})["psnr"].shown()
    assert (value.value, value.low, value.high) == (torch.inf, None, None)


def test_without_resamples_there_are_no_intervals() -> None:
    none, x = Bootstrap(0, 0), normal(9, 4, 0)
    estimates = [none.means({"a": x[:, 0]})["a"], none.frechet(1.0, x, x), none.kernel(1.0, x, x)]
    assert all(estimate.shown() == Value(estimate.value) for estimate in estimates)


def test_a_frechet_distance_has_an_interval_only_with_many_images_and_in_reasonable_time() -> None:
    bootstrap = Bootstrap(1000, 0)
    assert bootstrap.frechet_resamples(10_000, 10_000, 2048) == 0  # takes too long
    assert bootstrap.frechet_resamples(10_000, 10_000, 256) == 100
    assert bootstrap.frechet_resamples(511, 10_000, 256) == 0
    assert bootstrap.frechet_resamples(10_000, 511, 256) == 0
    assert Bootstrap(20, 0).frechet_resamples(512, 512, 256) == 20


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("distance", ["frechet", "kernel"])
def test_intervals_of_distances_cover_what_as_many_images_give_on_average(distance: str, shift: float) -> None:
    measure = {"frechet": frechet_of_few, "kernel": kernel}[distance]
    values, intervals = [], []
    for n in range(60):
        x, y = normal(40, 8, 2 * n), shift + normal(40, 8, 2 * n + 1)
        estimate = getattr(Bootstrap(100, n), distance)(measure(x, y), x, y).shown()
        values.append(estimate.value)
        intervals.append((estimate.low, estimate.high))
        assert estimate.low < estimate.value < estimate.high
    expected = sum(values) / len(values)
    assert sum(low <= expected <= high for low, high in intervals) >= 51  # 85 %, see the simulation in its docstring


def systems(shift: float, noise: float) -> dict[str, dict[str, Estimate]]:
    """Two systems' values of the same photos, which differ much from photo to photo, and little between the systems."""
    hard = 5 * normal(40, 1, 0)[:, 0]
    values = {"a": hard, "b": hard + shift + noise * normal(40, 1, 1)[:, 0]}
    return {name: Bootstrap(500, 3).means({"content/psnr": vector}) for name, vector in values.items()}


def test_what_is_hard_for_both_systems_does_not_hide_a_difference() -> None:
    apart = systems(0.2, 0.1)
    a, b = (apart[name]["content/psnr"].shown() for name in "ab")
    assert a.high is not None
    assert b.low is not None
    assert a.high > b.low  # their intervals overlap widely
    assert undecided(apart) == {}
    assert undecided(systems(0.2, 3.0)) == {"content/psnr": [("a", "b")]}


def test_what_was_measured_without_resamples_is_compared_by_its_value_alone() -> None:
    assert undecided({"a": {"parameters": Estimate(1.0)}, "b": {"parameters": Estimate(1.0)}, "c": {}}) == {}


def test_the_seed_decides_the_resamples() -> None:
    x, y = normal(60, 4, 0), normal(60, 4, 1) + 1
    for measure in (
        lambda bootstrap: bootstrap.means({"a": x[:, 0]})["a"].shown(),
        lambda bootstrap: bootstrap.frechet(1.0, x, y).shown(),
        lambda bootstrap: bootstrap.kernel(1.0, x, y).shown(),
    ):
        assert measure(Bootstrap(50, 1)) == measure(Bootstrap(50, 1)) != measure(Bootstrap(50, 2))
