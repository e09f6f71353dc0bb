"""Distances between two sets of images, from their features N x D: Fréchet (FID) and kernel (KID)."""

import math
import warnings

import torch
from torch import Tensor, nn
from torch_fidelity.metric_prc import calculate_precision_recall_part
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

NEIGHBOURS = 3  # of precision and recall, as published
SUBSETS, SUBSET_SIZE = 100, 1000  # of KID, as published
ROWS = 1024  # of a kernel matrix that are in memory at once


class _Given(nn.Identity):
    """Stands where torchmetrics has its feature network."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def frechet(real: Tensor, fake: Tensor) -> float:
    """The Fréchet distance of Gaussians fitted to the features; sets of at least two images."""
    # The features are those of all ranks already: each may compute alone, without waiting for the others.
    metric = FrechetInceptionDistance(_Given(real.shape[1]), sync_on_compute=False)
    metric.update(real.double(), real=True)
    metric.update(fake.double(), real=False)
    return metric.compute().item()


def kernel(real: Tensor, fake: Tensor, seed: int = 0) -> float:
    """The squared maximum mean discrepancy, a mean over random subsets that `seed` decides; at least two images each.

    No random number is taken from the global stream.
    """
    subsets, size = kernel_subsets(len(real), len(fake))
    with warnings.catch_warnings(action="ignore"):  # of memory: the features are here already
        metric = KernelInceptionDistance(_Given(real.shape[1]), subsets, size, sync_on_compute=False)
    metric.update(real.float(), real=True)
    metric.update(fake.float(), real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return metric.compute()[0].item()


def kernel_subsets(reals: int, fakes: int) -> tuple[int, int]:
    """How many subsets of which size: those published, or one of all images where there are too few to choose from."""
    size = min(reals, fakes, SUBSET_SIZE)
    return (1 if reals == fakes == size else SUBSETS), size


def precision_recall(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """Precision and recall of Kynkäänniemi et al. 2019, 0 to 1: how much of one set lies among the other.

    An image lies among others where it is as near to one of these as its third neighbour is. Sets of at least four.
    """
    precision, recall = calculate_precision_recall_part(fake.float(), real.float(), NEIGHBOURS)
    return precision, recall


def frechet_of_few(real: Tensor, fake: Tensor) -> float:
    """What `frechet` computes, by the nuclear norm of the centred features' product: fast for few images or features.

    The trace of (S1 S2)^1/2 is the sum of the singular values of A B^T, where S1 = A^T A and S2 = B^T B.
    """
    a, b = real.double(), fake.double()
    means = (a.mean(0) - b.mean(0)).square().sum()
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    variances = a.square().sum() + b.square().sum()
    return (means + variances - 2 * torch.linalg.matrix_norm(_small(a) @ _small(b).T, "nuc")).item()


def _small(x: Tensor) -> Tensor:
    """min(N, D) x D with the same x^T x."""
    return torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x


def kernel_of_resamples(real: Tensor, fake: Tensor, reals: Tensor, fakes: Tensor) -> Tensor:
    """The kernel distance of R weighted sets: the unbiased estimate, in which no image is paired with itself.

    `reals` and `fakes`, R x N, say how often each image is in each set.
    """
    return _pairs(real, real, reals, reals) + _pairs(fake, fake, fakes, fakes) - 2 * _pairs(real, fake, reals, fakes)


def _pairs(x: Tensor, y: Tensor, x_counts: Tensor, y_counts: Tensor) -> Tensor:
    """R means of the polynomial kernel over pairs from x and y, of two different images if x is y."""
    total = torch.zeros(len(x_counts), dtype=torch.float64)
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        values = (x[rows] @ y.T / x.shape[1] + 1) ** 3
        if x is y:
            values.diagonal(start).zero_()
        total += ((x_counts[:, rows] @ values) * y_counts).sum(1, dtype=torch.float64)
    pairs = x_counts.sum(1, dtype=torch.float64) * y_counts.sum(1)
    return total / (pairs - (x_counts * y_counts).sum(1) if x is y else pairs)
