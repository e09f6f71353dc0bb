"""95 % confidence intervals by resampling images."""

import torch
from torch import Tensor

from portrait_cartoons.evaluation.distances import frechet_of_few, kernel_of_resamples
from portrait_cartoons.evaluation.report import Value

QUANTILES = (0.975, 0.025)
# A Fréchet distance of a resample takes a singular value decomposition of the smaller of images and features, squared.
FRECHET_RESAMPLES, FRECHET_SIDE = 100, 512


class Bootstrap:
    """Basic ("pivotal") intervals: the value less the quantiles of how far resamples fall from the sample.

    Unlike percentiles they are right where resamples are biased, as those of the Fréchet distance are: it grows with
    every image that is there twice.

    Args:
        resamples: how many; none mean no intervals.
        seed: of the resamples, which are the same for all systems.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples, self.seed = resamples, seed

    def means(self, values: dict[str, Tensor]) -> dict[str, Value]:
        """Of vectors of N, a value per image, the means."""
        counts = _counts(len(next(iter(values.values()))), self.resamples, self._rng())
        return {name: self._mean(vector.double(), counts) for name, vector in values.items()}

    def frechet(self, value: float, real: Tensor, fake: Tensor) -> Value:
        """Of a Fréchet distance of features N x D; without an interval where that takes too long."""
        rng, resamples = self._rng(), self.frechet_resamples(len(real), len(fake), real.shape[1])
        if not resamples:
            return Value(value)
        here = frechet_of_few(real, fake)
        drawn = [frechet_of_few(_resample(real, rng), _resample(fake, rng)) - here for _ in range(resamples)]
        interval = _basic(value, torch.tensor(drawn, dtype=torch.float64))
        return Value(value, max(interval[0], 0.0), max(interval[1], 0.0))

    def frechet_resamples(self, reals: int, fakes: int, features: int) -> int:
        """How many resamples a Fréchet distance gets."""
        affordable = min(reals, fakes, features) <= FRECHET_SIDE
        return min(self.resamples, FRECHET_RESAMPLES) if affordable else 0

    def kernel(self, value: float, real: Tensor, fake: Tensor) -> Value:
        """Of a kernel distance of features N x D."""
        if not self.resamples:
            return Value(value)
        rng = self._rng()
        reals, fakes = (_counts(len(features), self.resamples, rng) for features in (real, fake))
        once = (torch.ones(1, len(features)) for features in (real, fake))
        here = kernel_of_resamples(real, fake, *once)
        drawn = kernel_of_resamples(real, fake, reals, fakes)
        return Value(value, *_basic(value, drawn - here))

    def _rng(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def _mean(self, vector: Tensor, counts: Tensor) -> Value:
        mean = vector.mean()
        if not self.resamples or not mean.isfinite():  # the PSNR of an unchanged image is infinite
            return Value(mean.item())
        return Value(mean.item(), *_basic(mean.item(), counts.double() @ vector / len(vector) - mean))


def _basic(value: float, deviations: Tensor) -> tuple[float, float]:
    # A resample of one image again and again has no pairs, and so no kernel distance.
    low, high = (value - deviations.nanquantile(q).item() for q in QUANTILES)
    return low, high


def _counts(n: int, resamples: int, rng: torch.Generator) -> Tensor:
    """How often each of n images is in each resample, float R x n."""
    drawn = torch.randint(n, (resamples, n), generator=rng)
    return torch.zeros(resamples, n).scatter_add_(1, drawn, torch.ones(1).expand(resamples, n))


def _resample(features: Tensor, rng: torch.Generator) -> Tensor:
    return features[torch.randint(len(features), (len(features),), generator=rng)]
