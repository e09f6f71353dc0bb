import pytest
import torch
from torch import Tensor

from portrait_cartoons.evaluation.bootstrap import Bootstrap
from portrait_cartoons.evaluation.distances import frechet, kernel


def normal(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    vector = 5 + 2 * normal(400, 1, 0)[:, 0]
    value = Bootstrap(4000, 0).means({"a": vector})["a"]
    assert value.value == pytest.approx(vector.mean().item())
    error = (vector.std() / 20).item()
    assert value.low == pytest.approx(value.value - 1.96 * error, abs=0.15 * error)
    assert value.high == pytest.approx(value.value + 1.96 * error, abs=0.15 * error)


def test_the_interval_is_turned_around_the_value() -> None:
    # Seldom large values: resamples' means reach far up, so the interval of what is estimated reaches far up not down.
    vector = torch.zeros(50).index_fill(0, torch.tensor([7]), 50.0)
    value = Bootstrap(2000, 0).means({"a": vector})["a"]
    drawn = torch.randint(50, (2000, 50), generator=torch.Generator().manual_seed(0))
    means = vector[drawn].mean(1)
    assert value.low == pytest.approx(2 * value.value - means.quantile(0.975).item(), abs=1e-5)
    assert value.high == pytest.approx(2 * value.value - means.quantile(0.025).item(), abs=1e-5)


def test_an_infinite_mean_has_no_interval() -> None:
    value = Bootstrap(10, 0).means({"psnr": torch.tensor([1.0, torch.inf])})["psnr"]
    assert (value.value, value.low, value.high) == (torch.inf, None, None)


def test_without_resamples_there_are_no_intervals() -> None:
    none, x = Bootstrap(0, 0), normal(9, 4, 0)
    values = [none.means({"a": x[:, 0]})["a"], none.frechet(1.0, x, x), none.kernel(1.0, x, x)]
    assert all(value.low is None and value.high is None for value in values)


def test_distances_that_take_too_long_have_no_interval() -> None:
    bootstrap = Bootstrap(1000, 0)
    assert bootstrap.frechet_resamples(10_000, 10_000, 2048) == 0
    assert bootstrap.frechet_resamples(10_000, 10_000, 128) == 100
    assert bootstrap.frechet_resamples(300, 10_000, 2048) == 100
    assert Bootstrap(20, 0).frechet_resamples(300, 300, 2048) == 20


@pytest.mark.parametrize("distance", ["frechet", "kernel"])
def test_intervals_of_distances_cover_the_true_one_about_as_often_as_they_say(distance: str) -> None:
    # Two Gaussians in 4 dimensions, 1 apart in each: what many images converge to.
    true = {"frechet": frechet, "kernel": kernel}[distance](normal(20_000, 4, 0), 1 + normal(20_000, 4, 1))
    covered, biased = 0, 0
    for n in range(40):
        x, y = normal(120, 4, 2 + 2 * n), 1 + normal(120, 4, 3 + 2 * n)
        here = {"frechet": frechet, "kernel": kernel}[distance](x, y)
        value = getattr(Bootstrap(100, n), distance)(here, x, y)
        assert value.low is not None
        assert value.high is not None
        covered += value.low <= true <= value.high
        biased += value.low <= here <= value.high
    assert covered >= 34  # 95 % of 40 are 38, and resamples of few images fall somewhat short
    assert biased >= 30  # the value itself may lie outside, where it is biased


def test_the_seed_decides_the_resamples() -> None:
    x, y = normal(60, 4, 0), normal(60, 4, 1) + 1
    for measure in (
        lambda bootstrap: bootstrap.means({"a": x[:, 0]})["a"],
        lambda bootstrap: bootstrap.frechet(1.0, x, y),
        lambda bootstrap: bootstrap.kernel(1.0, x, y),
    ):
        assert measure(Bootstrap(50, 1)) == measure(Bootstrap(50, 1)) != measure(Bootstrap(50, 2))
