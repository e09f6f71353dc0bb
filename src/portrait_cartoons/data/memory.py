"""Pictures kept in memory after they were read once, decoded and at the size from which training cuts its crops."""

import math
import mmap
import multiprocessing
import os
from collections.abc import Sequence
from typing import cast

import numpy as np

from portrait_cartoons.data.picture import Picture, Transform, transformed
from portrait_cartoons.errors import UserError

GB = 10**9
_ABSENT, _COMING = -1, -2  # in place of where a picture lies


class Memory:
    """So many GB that all processes forked from this one share. The system gives them out as they are filled.

    Raises UserError for more than the machine has.
    """

    def __init__(self, gb: float) -> None:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if gb * GB > there:
            raise UserError(f"data.cache_gb={gb} is more than this machine's {there / GB:.0f} GB of memory: use less")
        self.bytes = mmap.mmap(-1, max(1, int(gb * GB)))
        self.lock = multiprocessing.get_context("fork").Lock()
        self._end = np.frombuffer(mmap.mmap(-1, 8), np.int64)

    def take(self, size: int) -> int | None:
        """Where `size` free bytes begin, None where so many are not left. Only who has the lock may ask."""
        start = int(self._end[0])
        if start + size > len(self.bytes):
            return None
        self._end[0] += size
        return start


class Kept(Sequence[Picture]):
    """The pictures after `resize`, which must leave alone what it has resized: from `memory` whenever they are there.

    What no longer fits into the memory is read from its file every time.
    """

    def __init__(self, pictures: Sequence[Picture], resize: Transform, memory: Memory) -> None:
        self.pictures, self.resize, self.memory = pictures, resize, memory
        self._starts = np.frombuffer(mmap.mmap(-1, 8 * max(1, len(pictures))), np.int64)
        self._starts[:] = _ABSENT

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Picture:  # type: ignore[override]
        with self.memory.lock:
            start = int(self._starts[index])
        if start >= 0:
            return self._load(start)
        picture = transformed(self.pictures[index], self.resize)
        self._save(index, picture)
        return picture

    def _save(self, index: int, picture: Picture) -> None:
        arrays = [picture.image, picture.mask, picture.target]
        name = picture.name.encode(errors="surrogateescape")
        there = [array is not None for array in arrays]
        header = np.array([*picture.image.shape[:2], *there, len(name)], np.int64).tobytes()
        block = b"".join([header, name, *(array.tobytes() for array in arrays if array is not None)])
        with self.memory.lock:
            start = self.memory.take(len(block)) if self._starts[index] == _ABSENT else None
            if start is None:  # no room, or another process is at it
                return
            self._starts[index] = _COMING
        self.memory.bytes[start : start + len(block)] = block
        with self.memory.lock:
            self._starts[index] = start

    def _load(self, start: int) -> Picture:
        header = np.frombuffer(self.memory.bytes, np.int64, 6, start)
        height, width, *there, length = header.tolist()
        end = start + header.nbytes + length
        name = self.memory.bytes[end - length : end].decode(errors="surrogateescape")
        arrays: list[np.ndarray | None] = []
        for shape, wanted in zip(((height, width, 3), (height, width), (height, width, 3)), there, strict=True):
            if not wanted:
                arrays.append(None)
                continue
            found = np.frombuffer(self.memory.bytes, np.uint8, math.prod(shape), end)
            arrays.append(found.reshape(shape).copy())  # nobody may change what is kept
            end += found.nbytes
        return Picture(cast(np.ndarray, arrays[0]), arrays[1], arrays[2], name)
