"""The order of training samples, a pure function of (seed, epoch), and where in it a resumed run goes on."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler


class Position(NamedTuple):
    """How far training has come: in `epoch`, `batch` batches of each rank are done, `sample` samples of all ranks."""

    epoch: int = 0
    batch: int = 0
    sample: int = 0


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for this rank's share of the indices below `length`, in an order of its own per epoch.

    The shares are disjoint and equally long: the last samples that would not fill a round of the ranks are left out,
    other ones in every epoch. Whoever takes a batch on each rank takes a piece of the order without gaps.

    Args:
        start: the pass over `start.epoch` goes on behind `start.sample`; those over other epochs are whole.
        batch_size: of the batches that are made of the samples. The length counts the `start.batch` batches before the
            start as well, as if they had been so large, because they belong to the epoch.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        start: Position = Position(),  # noqa: B008 - immutable
        batch_size: int = 1,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.length, self.seed, self.start, self.batch_size = length, seed, start, batch_size
        self.rank, self.ranks = rank, ranks
        self.epoch = start.epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        if self.epoch != self.start.epoch:
            return self.length // self.ranks
        return self.start.batch * self.batch_size + max(0, self.length - self.start.sample) // self.ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        rest = order[self.start.sample :] if self.epoch == self.start.epoch else order
        share = rest[self.rank :: self.ranks][: len(rest) // self.ranks]
        for index in share.tolist():
            yield self.epoch, index
