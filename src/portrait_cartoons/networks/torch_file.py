"""Files that torch.save writes, sealed with a hash, and read without trusting them."""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from portrait_cartoons.errors import first_line

_MARK = b"sha256:"
_SEAL = len(_MARK) + 64  # bytes at the end of a sealed file, which are the comment of its zip archive
_ENTRIES = 200_000  # values in one file, beyond which it was made to fill the memory
_PLAIN = (str, int, float, type(None))  # bool is an int


class TorchFileError(Exception):
    """Why a file cannot be used: what stands after "the file ... cannot be used: "."""


def save(content: Any, file: BinaryIO) -> None:
    """Write to an empty file that can be read as well, and seal it: one changed bit, and it is refused.

    The file remains one that torch.load reads. Raises OSError where the disk refuses.
    """
    try:
        torch.save(content, file)
    except RuntimeError as error:  # torch hides the reason behind a sentence about positions
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
    file.seek(-2, 2)  # the length of the comment
    file.write(_SEAL.to_bytes(2, "little"))
    file.write(_MARK + _hash(file, file.tell()))


def load(path: Path, sealed: bool) -> Any:
    """What the file holds: tensors, on the CPU, and plain data. No code in it runs, and it fills no more memory than
    it has bytes, but for a small factor.

    Args:
        sealed: whether the file must be sealed; one that is sealed is checked in any case.

    Raises:
        TorchFileError: the file cannot be read, is damaged, or holds something else.
    """
    if not path.is_file():
        raise TorchFileError("it is not a regular file" if path.exists() else "there is no such file")
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            _check_seal(file, size, sealed)
            _check_archive(file, size, sealed)
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
        _check_values(content, size)
    except TorchFileError:
        raise
    except Exception as error:  # a hostile file can make the reader fail in any way
        reason = first_line(error)
        raise TorchFileError(f"it cannot be read ({reason})") from error
    return content


def _check_seal(file: BinaryIO, size: int, sealed: bool) -> None:
    file.seek(max(0, size - _SEAL))
    seal = file.read(_SEAL)
    if not seal.startswith(_MARK):
        if sealed:
            raise TorchFileError("it has lost its end, or is not a checkpoint of this project")
        return
    if seal != _MARK + _hash(file, size - _SEAL):
        raise TorchFileError("it is damaged: its bytes are not those that were written")


def _hash(file: BinaryIO, length: int) -> bytes:
    """The hexadecimal digits for so many bytes of the file, which is left behind them."""
    digest = hashlib.sha256()
    file.seek(0)
    while length and (block := file.read(min(length, 1 << 20))):
        digest.update(block)
        length -= len(block)
    return digest.hexdigest().encode()


def _check_archive(file: BinaryIO, size: int, sealed: bool) -> None:
    """Refuse archives that would grow when they are read: compressed parts, or parts that share their bytes."""
    file.seek(0)
    if not sealed and file.read(4) != b"PK\x03\x04":
        return  # the older format of torch, which knows no compression
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED or part.compress_size != part.file_size for part in parts):
        raise TorchFileError("it is compressed, which torch never does")
    if any(part.is_dir() or part.external_attr for part in parts) or sum(part.file_size for part in parts) > size:
        raise TorchFileError("its table of contents does not fit its size")


def _check_values(content: Any, size: int) -> None:
    """Refuse what is neither a tensor nor plain data, and tensors that claim more elements than the file has."""
    elements = 0
    for number, value in enumerate(_leaves(content)):
        if number > _ENTRIES:
            raise TorchFileError("it holds more values than any checkpoint")
        if isinstance(value, Tensor):
            if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
                raise TorchFileError("it holds a tensor of a kind that no checkpoint has")
            elements += value.numel() * value.element_size()
        elif not isinstance(value, _PLAIN):
            raise TorchFileError(f"it holds {type(value).__name__}, which is not plain data")
    if elements > 2 * size:  # two names for one tensor are possible
        raise TorchFileError("its tensors claim more elements than the file has")


def _leaves(content: Any) -> Iterator[Any]:
    """All values in nested mappings, lists and tuples, and the mappings' keys; a container counts as a value, too."""
    open_ends = [iter([content])]  # a stack, because the nesting can be deeper than Python's own
    while open_ends:
        for value in open_ends[-1]:
            if isinstance(value, Mapping):
                open_ends.append(chain(value.keys(), value.values()))
            elif isinstance(value, list | tuple):
                open_ends.append(iter(value))
            else:
                yield value
                continue
            yield None
            break
        else:
            open_ends.pop()
