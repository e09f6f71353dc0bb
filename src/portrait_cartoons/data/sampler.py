"""The order of training samples, a pure function of (seed, epoch), and where in it a resumed run begins."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for every index below `length` in an order of its own for each epoch.

    Args:
        epoch: the epoch of the first pass; `set_epoch` names that of later ones.
        skip: how many samples of the first pass a resumed run has already seen.
    """

    def __init__(self, length: int, seed: int, epoch: int = 0, skip: int = 0) -> None:
        self.length, self.seed, self.epoch, self.skip = length, seed, epoch, skip

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        skip, self.skip = self.skip, 0
        for index in order[skip:]:
            yield self.epoch, int(index)
