"""What pictures are, whatever the machine they lie on: a hash of their names and contents."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from portrait_cartoons.data.encoded import EncodedPictures
from portrait_cartoons.data.picture import Picture, Pictures


def fingerprint(pictures: Sequence[Picture], indices: Iterable[int]) -> str:
    """A sha256 over these pictures in this order. Of files the bytes count, of pictures drawn on the fly the pixels.

    A file that cannot be read counts as one without content.
    """
    whole = hashlib.sha256()
    for index in indices:
        if isinstance(pictures, EncodedPictures):
            whole.update(_of_files(pictures, index))
        else:
            whole.update(_of_pixels(pictures[index]))
    return whole.hexdigest()


def identities(pictures: Pictures) -> Tensor:
    """A number for each of the pictures, int64, sorted: equal for the same picture under any name, at any size.

    Files that cannot be read have none.
    """
    numbers = set()
    for index in range(len(pictures)):
        with suppress(OSError):
            digest = hashlib.sha256(pictures.identity(index)).digest()
            numbers.add(int.from_bytes(digest[:8], signed=True))
    return torch.tensor(sorted(numbers), dtype=torch.int64)


def _of_files(pictures: EncodedPictures, index: int) -> bytes:
    """A hash of one picture's files: itself, its mask and its target."""
    digest = hashlib.sha256(pictures.name(index).encode(errors="surrogateescape"))
    for content in pictures.contents(index):
        digest.update(hashlib.sha256(content).digest())
    return digest.digest()


def _of_pixels(picture: Picture) -> bytes:
    digest = hashlib.sha256(picture.name.encode())
    for array in (picture.image, picture.mask, picture.target):
        if array is not None:
            digest.update(f"{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.digest()
