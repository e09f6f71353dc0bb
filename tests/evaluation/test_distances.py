import math
import warnings

import pytest
import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from portrait_cartoons.evaluation import distances
from portrait_cartoons.evaluation.distances import (
    frechet,
    frechet_of_few,
    kernel,
    kernel_of_resamples,
    kernel_subsets,
    precision_recall,
)
from portrait_cartoons.evaluation.features import Random


def features(n: int, d: int = 16, seed: int = 0, mean: float = 0.0, scale: float = 1.0) -> Tensor:
    return mean + scale * torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def exact(n: int, d: int, mean: float, scale: float) -> Tensor:
    """Features whose mean and covariance are exactly `mean` and scale^2 times the identity."""
    drawn = features(n, d).double()
    q = torch.linalg.qr(drawn - drawn.mean(0)).Q
    return mean + scale * math.sqrt(n - 1) * q


def test_a_set_has_no_distance_from_itself() -> None:
    x = features(40)
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_of_few(x, x) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("mean", [0.0, 3.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_gaussians_have_the_distance_of_the_closed_form(mean: float, scale: float) -> None:
    x, y = exact(50, 8, 0.0, 1.0), exact(50, 8, mean, scale)
    expected = 8 * mean**2 + 8 * (1 - scale) ** 2
    assert frechet(x, y) == pytest.approx(expected, abs=1e-6)
    assert frechet_of_few(x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(5, 9), (5, 90), (90, 70), (300, 5)])
def test_few_images_or_features_give_the_distance_of_many(n: int, m: int) -> None:
    x, y = features(n, 64), features(m, 64, seed=1, mean=0.3, scale=2)
    assert frechet_of_few(x, y) == pytest.approx(frechet(x, y), rel=1e-5)


def test_from_features_the_distance_is_that_of_torchmetrics_from_images() -> None:
    network = Random().network
    network.num_features = 256  # type: ignore[assignment]
    metric = FrechetInceptionDistance(network)
    sets = [torch.randint(0, high, (9, 3, 16, 16), dtype=torch.uint8) for high in (256, 200)]
    for real, pixels in zip((True, False), sets, strict=True):
        metric.update(pixels, real=real)
    assert frechet(*(network(pixels) for pixels in sets)) == pytest.approx(metric.compute().item(), rel=1e-5)


def test_the_kernel_distance_is_torchmetrics_and_of_its_definition() -> None:
    x, y = features(12), features(12, seed=1, mean=0.5)
    with warnings.catch_warnings(action="ignore"):
        metric = KernelInceptionDistance(torch.nn.Identity(), subsets=3, subset_size=12)
    metric.update(x, real=True)
    metric.update(y, real=False)
    assert kernel(x, y) == pytest.approx(metric.compute()[0].item(), rel=1e-5)

    def mean(a: Tensor, b: Tensor) -> float:
        pairs = [(a[i] @ b[j] / 16 + 1) ** 3 for i in range(12) for j in range(12) if i != j or a is not b]
        return torch.stack(pairs).mean().item()

    assert kernel(x, y) == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y), rel=1e-4)


def test_subsets_are_those_published_where_there_is_a_choice() -> None:
    assert kernel_subsets(10_000, 10_000) == (100, 1000)
    assert kernel_subsets(500, 700) == (100, 500)
    assert kernel_subsets(500, 500) == (1, 500)


def test_subsets_depend_on_the_seed_alone_and_leave_the_global_stream() -> None:
    x, y = features(12), features(10, seed=1)
    state = torch.get_rng_state()
    first = kernel(x, y, seed=1)
    torch.rand(1)
    assert kernel(x, y, seed=1) == first != kernel(x, y, seed=2)
    torch.set_rng_state(state)
    kernel(x, y)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("rows", [3, 1024])
def test_a_resample_has_the_distance_of_its_images_without_pairs_of_one_image(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(distances, "ROWS", rows)
    x, y = features(8), features(7, seed=1, mean=0.5)
    once = kernel_of_resamples(x, y, torch.ones(1, 8), torch.ones(1, 7))
    assert once.item() == pytest.approx(kernel_of_resamples(y, x, torch.ones(1, 7), torch.ones(1, 8)).item())
    twice = kernel_of_resamples(x, y, torch.full((1, 8), 2.0), torch.full((1, 7), 2.0))
    assert once.item() == pytest.approx(twice.item())  # repetition brings no new pair
    left_out = torch.ones(1, 8).index_fill(1, torch.tensor([3]), 0)
    without = kernel_of_resamples(x[[0, 1, 2, 4, 5, 6, 7]], y, torch.ones(1, 7), torch.ones(1, 7))
    assert kernel_of_resamples(x, y, left_out, torch.ones(1, 7)).item() == pytest.approx(without.item(), rel=1e-5)
    equal = kernel_of_resamples(x, features(8, seed=2), torch.ones(1, 8), torch.ones(1, 8))
    assert equal.item() == pytest.approx(kernel(x, features(8, seed=2)), rel=1e-4)


def test_precision_and_recall_are_shares_of_what_lies_among_the_other_set() -> None:
    real = features(60, 4)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    few_kinds = real[torch.cdist(real[:1], real)[0].argsort()[:10]]  # real ones, but most are unlike them
    precision, recall = precision_recall(real, few_kinds)
    assert precision == 1
    assert recall < 0.9
    turned = precision_recall(few_kinds, real)
    assert turned == pytest.approx((recall, precision))
    distance = torch.cdist(real, real + 0.5)
    radius = torch.cdist(real, real).sort().values[:, 3]
    expected = (distance <= radius[:, None]).any(0).float().mean().item()
    assert precision_recall(real, real + 0.5)[0] == pytest.approx(expected)
