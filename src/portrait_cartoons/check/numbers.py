"""The numbers that keys can hold."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree, nodes


@dataclass(frozen=True)
class Number:
    """The numbers a key can hold."""

    least: float = 0
    most: float = math.inf
    whole: bool = True
    open: bool = False  # without the limits themselves
    or_null: bool = False

    def __contains__(self, value: Any) -> bool:
        if value is None:
            return self.or_null
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        inside = self.least < value < self.most if self.open else self.least <= value <= self.most
        return inside and value != math.inf

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        limits = f"{'above' if self.open else 'of at least'} {self.least:g}"
        if math.isfinite(self.most):
            limits = f"between {self.least:.10g} and {self.most:.10g}{' (both excluded)' if self.open else ''}"
        return f"{kind} {limits}{' or null' if self.or_null else ''}"


COUNT, POSITIVE = Number(1), Number(0, whole=False, open=True)
SHARE, SEED = Number(0, 1, whole=False), Number(0, 2**32 - 1)
BATCHES = Number(1, or_null=True)

NUMBERS = {
    "seed": SEED,
    "model.epochs": COUNT,
    "model.batch_size": COUNT,
    "model.decay_share": SHARE,
    "model.gamma": Number(0, 1, whole=False),
    "model.pool_size": Number(0),
    "data.size": COUNT,
    "data.load_size": COUNT,
    "data.batch_size": COUNT,
    "data.val_batch_size": COUNT,
    "data.workers": Number(0),
    "data.seed": SEED,
    "data.max_unreadable": SHARE,
    "data.smooth_noise": SHARE,
    "data.source.train": COUNT,
    "data.source.val": COUNT,
    "data.source.test": COUNT,
    "data.source.val_share": Number(0, 0.5, whole=False, open=True),
    "data.source.test_share": Number(0, 0.5, whole=False, open=True),
    "data.source.seed": Number(0),
    "trainer.max_epochs": BATCHES,
    "trainer.check_val_every_n_epoch": COUNT,
    "trainer.limit_train_batches": BATCHES,
    "trainer.limit_val_batches": BATCHES,
    "trainer.log_every_n_steps": COUNT,
    "callbacks.balance.every": COUNT,
    "callbacks.samples.count": COUNT,
}


def number_problems(tree: Tree) -> Iterator[Problem]:
    given = nodes(tree)
    for key, number in NUMBERS.items():
        if key in given and given[key] not in number:
            yield key, f"{key}={given[key]} must be {number}"
    data = tree["data"]
    if (size := data.get("size")) in COUNT and (load_size := data.get("load_size")) in COUNT and size > load_size:
        sentence = f"data.size={size} is larger than data.load_size={load_size}, from which it is cut; raise load_size"
        yield "data.load_size", sentence
