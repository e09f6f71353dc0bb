"""Work shared among the ranks of a distributed program, without padding; a program of its own is rank 0 of 1."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from portrait_cartoons.errors import UserError

T = TypeVar("T")


@contextmanager
def launched(backend: str = "gloo") -> Iterator[None]:
    """Join the other ranks where torchrun, or what is like it, has started several. By default tensors are exchanged on
    the CPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    dist.init_process_group(backend)
    yield
    dist.destroy_process_group()  # not after a failure: the others may wait for this rank, until it is gone


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def share(count: int) -> range:
    """The indices below `count` that are this rank's."""
    return range(rank(), count, world())


def agreed(value: T) -> T:
    """Rank 0's value, on every rank."""
    if world() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def decided(work: Callable[[], T]) -> T:
    """What rank 0's work returns, on every rank, or the UserError that it raises; the others do not work."""
    if world() == 1:
        return work()
    outcome: T | UserError | None = None
    if rank() == 0:
        try:
            outcome = work()
        except UserError as error:
            outcome = error
    outcome = agreed(outcome)
    if isinstance(outcome, UserError):
        raise outcome
    return cast(T, outcome)


def highest(number: int) -> int:
    """The highest of all ranks' numbers, on every rank."""
    if world() == 1:
        return number
    found = torch.tensor(number)  # on the CPU, so that nobody waits for a device
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return int(found)


def collected(value: T) -> list[T]:
    """The values of all ranks, in the order of the ranks, on every rank."""
    if world() == 1:
        return [value]
    values = [value] * world()
    dist.all_gather_object(values, value)
    return values


def gathered(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """What all ranks found for their shares, by name and in the order of the indices; on every rank.

    Each tensor has a row per index of the share. A rank whose share is empty may lack names.
    """
    if world() == 1:
        return parts
    ranks: list[dict[str, Tensor]] = [{}] * world()
    dist.all_gather_object(ranks, parts)
    whole: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for part in ranks for name in part):
        found = {n: part[name] for n, part in enumerate(ranks) if name in part}
        whole[name] = found[0].new_empty(sum(map(len, found.values())), *found[0].shape[1:])
        for n, rows in found.items():
            whole[name][n :: world()] = rows
    return whole
