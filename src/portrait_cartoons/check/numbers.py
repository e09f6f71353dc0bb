"""The numbers that keys can hold: large enough to mean something, and small enough that nothing hangs."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree, nodes

MANY = 10**9


@dataclass(frozen=True)
class Number:
    """The numbers a key can hold."""

    least: float = 0
    most: float = MANY
    whole: bool = True
    open: bool = False  # without the limits themselves
    or_null: bool = False
    or_auto: bool = False

    def __contains__(self, value: Any) -> bool:
        if value is None or value == "auto":
            return self.or_null if value is None else self.or_auto
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.least < value < self.most if self.open else self.least <= value <= self.most

    def __str__(self) -> str:
        limits = f"between {self.least:.10g} and {self.most:.10g}{' (both excluded)' if self.open else ''}"
        others = f"{' or null' if self.or_null else ''}{' or auto' if self.or_auto else ''}"
        return f"{'a whole number' if self.whole else 'a number'} {limits}{others}"


COUNT, POSITIVE, WEIGHT = Number(1, 10**6), Number(whole=False, open=True), Number(whole=False)
SHARE, SEED = Number(0, 1, whole=False), Number(0, 2**32 - 1)
SIDE, BATCHES = Number(1, 2**14), Number(1, or_null=True)
ANY = Number(-MANY, MANY, whole=False)

# By pattern of the key: the first that matches counts.
NUMBERS = {
    "*seed": SEED,
    "model.epochs": COUNT,
    "model.*epochs": Number(0, 10**6),
    "model.*decay_share": SHARE,
    "model.*lr": POSITIVE,
    "model.phases.*.lr.*": POSITIVE,
    "model.clip.*": POSITIVE,
    "model.*gamma": SHARE,
    "model.pool_size": Number(0, 10**5),
    "data.size": SIDE,
    "data.load_size": SIDE,
    "*batch_size": Number(1, 2**16),
    "data.num_workers": Number(0, 256, or_auto=True),
    "data.cache_gb": Number(0, 10**5, whole=False),
    "data.max_unreadable": SHARE,
    "data.smooth_noise": SHARE,
    "data.source.*_share": Number(0, 0.5, whole=False, open=True),
    "data.source.train": Number(1, 10**7),
    "data.source.val": Number(1, 10**7),
    "data.source.test": Number(1, 10**7),
    "trainer.max_epochs": Number(1, 10**6, or_null=True),
    "trainer.devices": Number(1, 1024, or_auto=True),
    "trainer.num_nodes": Number(1, 10**4, or_null=True),
    "trainer.check_val_every_n_epoch": COUNT,
    "trainer.limit_train_batches": BATCHES,
    "trainer.limit_val_batches": BATCHES,
    "trainer.log_every_n_steps": COUNT,
    "callbacks.*.count": Number(1, 256),
    "callbacks.*.every": COUNT,
    "callbacks.*.window": COUNT,
}
LAYERS = Number(0, 10**4)  # any whole number of a network's: widths, blocks, levels


def number_problems(tree: Tree) -> Iterator[Problem]:
    given = nodes(tree)
    for key, value in given.items():
        if (number := _allowed(key, value, given.get(key.rpartition(".")[0]))) and value not in number:
            yield key, f"{key}={str(value)[:40]} must be {number}"
    data = tree["data"]
    if (size := data.get("size")) in SIDE and (load_size := data.get("load_size")) in SIDE and size > load_size:
        sentence = f"data.size={size} is larger than data.load_size={load_size}, from which it is cut; raise load_size"
        yield "data.load_size", sentence


def _allowed(key: str, value: Any, parent: Any) -> Number | None:
    """The numbers that a key can hold; None where it holds something else, or nothing can be said."""
    if key.startswith("loss."):  # a weight, or the weights of a player
        return None if isinstance(value, dict) and key.count(".") == 1 else WEIGHT
    if isinstance(value, dict | list):
        return None
    if number := next((number for pattern, number in NUMBERS.items() if fnmatchcase(key, pattern)), None):
        return number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    in_network = key.startswith("model.") and key.count(".") == 2 and isinstance(parent, dict) and "_partial_" in parent
    return LAYERS if in_network and isinstance(value, int) else ANY
