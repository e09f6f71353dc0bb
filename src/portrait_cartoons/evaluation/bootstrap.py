"""95 % intervals by resampling images, and which differences between systems they decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from portrait_cartoons.evaluation.distances import frechet_of_few, kernel_of_resamples
from portrait_cartoons.evaluation.report import Value

QUANTILES = (0.025, 0.975)
# A Fréchet distance of a resample takes a singular value decomposition of matrices as large as there are features, and
# its covariances mean something only where there are clearly more images than features.
FRECHET_RESAMPLES, FRECHET_SIDE, IMAGES_PER_FEATURE = 100, 512, 2


@dataclass(frozen=True)
class Estimate:
    """A value, and how far each resample's value lies from the resamples' mean; None without resamples.

    Deviations of several systems belong together where these were measured on the same photos.
    """

    value: float
    deviations: Tensor | None = None

    def shown(self) -> Value:
        """The value with the 95 % interval of what as many other pictures would give on average."""
        if self.deviations is None:
            return Value(self.value)
        return Value(self.value, *(self.value + bound for bound in _interval(self.deviations)))


class Bootstrap:
    """Intervals of the value itself: the value plus the quantiles of how far resamples fall from their own mean.

    A Fréchet distance of few images is too large, and that of a resample, in which images come twice, even larger. The
    deviations from the resamples' mean are free of both. The interval covers what a value of as many images is on
    average (in 85 to 100 % of simulated cases), and not what infinitely many images would give.

    Args:
        resamples: how many; 0 means no intervals.
        seed: of the resamples, which are the same for all systems.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples, self.seed = resamples, seed

    def means(self, values: dict[str, Tensor]) -> dict[str, Estimate]:
        """The means of vectors of N, a value per image."""
        counts = _counts(len(next(iter(values.values()))), self.resamples, self._rng())
        return {name: self._mean(vector.double(), counts) for name, vector in values.items()}

    def frechet(self, value: float, real: Tensor, fake: Tensor) -> Estimate:
        """A Fréchet distance of features N x D; without resamples where they would mislead or take too long."""
        rng, resamples = self._rng(), self.frechet_resamples(len(real), len(fake), real.shape[1])
        if not resamples:
            return Estimate(value)
        drawn = [frechet_of_few(_resample(real, rng), _resample(fake, rng)) for _ in range(resamples)]
        return Estimate(value, _centred(torch.tensor(drawn, dtype=torch.float64)))

    def frechet_resamples(self, reals: int, fakes: int, features: int) -> int:
        """How many resamples a Fréchet distance gets."""
        sensible = IMAGES_PER_FEATURE * features <= min(reals, fakes) and features <= FRECHET_SIDE
        return min(self.resamples, FRECHET_RESAMPLES) if sensible else 0

    def kernel(self, value: float, real: Tensor, fake: Tensor) -> Estimate:
        """A kernel distance of features N x D."""
        if not self.resamples:
            return Estimate(value)
        rng = self._rng()
        reals, fakes = (_counts(len(features), self.resamples, rng) for features in (real, fake))
        return Estimate(value, _centred(kernel_of_resamples(real, fake, reals, fakes)))

    def _rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def _mean(self, vector: Tensor, counts: Tensor) -> Estimate:
        mean = vector.mean()
        if not self.resamples or not mean.isfinite():  # the PSNR of an unchanged image is infinite
            return Estimate(mean.item())
        return Estimate(mean.item(), _centred(counts.double() @ vector / len(vector)))


def undecided(systems: Mapping[str, Mapping[str, Estimate]]) -> dict[str, list[tuple[str, str]]]:
    """By column, the pairs of systems whose difference has an interval with 0 inside.

    The difference is taken in each resample of the photos, so what is hard or easy for both cancels.
    """
    columns = dict.fromkeys(column for estimates in systems.values() for column in estimates)
    pairs = {
        column: [(a, b) for a, b in combinations(systems, 2) if _same(systems[a].get(column), systems[b].get(column))]
        for column in columns
    }
    return {column: found for column, found in pairs.items() if found}


def _same(a: Estimate | None, b: Estimate | None) -> bool:
    if a is None or b is None or a.deviations is None or b.deviations is None:
        return False
    if a.deviations.shape != b.deviations.shape:
        return False
    low, high = _interval(a.deviations - b.deviations)
    return low <= a.value - b.value <= high


def _interval(deviations: Tensor) -> Sequence[float]:
    # A resample of one image again and again has no pairs, and so no kernel distance.
    return [deviations.nanquantile(q).item() for q in QUANTILES]


def _centred(drawn: Tensor) -> Tensor:
    return drawn.double() - drawn.double().nanmean()


def _counts(n: int, resamples: int, rng: torch.Generator) -> Tensor:
    """How often each of n images is in each resample, float R x n."""
    drawn = torch.randint(n, (resamples, n), generator=rng)
    return torch.zeros(resamples, n).scatter_add_(1, drawn, torch.ones(1).expand(resamples, n))


def _resample(features: Tensor, rng: torch.Generator) -> Tensor:
    return features[torch.randint(len(features), (len(features),), generator=rng)]
