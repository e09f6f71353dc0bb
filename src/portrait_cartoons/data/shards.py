"""Pictures packed into tar files of WebDataset's format, read by byte range from a disk or from object storage.

`index.json` beside the tar files says where each picture begins. So every picture can be had in any order and without
the rest of its file: order, batches and resuming are those of the same pictures in folders, nothing is stored on the
machine that trains, and ranks see disjoint samples. WebDataset's own reader goes through the files one after the other
and shuffles what is near; LitData has a format of its own. Either would give up the exact order.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

import fsspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from portrait_cartoons.data.encoded import DataError, EncodedPictures, Kind, Part
from portrait_cartoons.data.picture import Splits
from portrait_cartoons.data.split import SPLITS
from portrait_cartoons.files import expanded
from portrait_cartoons.image import ImageError, reason

INDEX = "index.json"
SHARD = re.compile(r"[\w-]+\.tar")
STORAGE = ("s3", "gs", "az", "abfs", "https", "http")
_ATTEMPTS = 3  # to read from a storage that does not answer

Where = tuple[
    Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=10**9)]
]  # number of the tar file, first byte, bytes


class Packed(BaseModel):
    """The pictures of one domain in one split: their names, what tells them from others, and where they lie."""

    model_config = ConfigDict(extra="forbid", strict=False)
    names: list[str]
    identities: list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    image: list[Where]
    mask: list[Where] | None
    target: list[Where] | None

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        lists = (self.identities, self.image, self.mask, self.target)
        if any(found is not None and len(found) != len(self.names) for found in lists):
            raise ValueError("its lists differ in length")
        return self


class Index(BaseModel):
    """What a packed set holds: the names of its tar files, and the pictures by domain and split."""

    model_config = ConfigDict(extra="forbid")
    version: Literal[1]
    shards: list[Annotated[str, Field(pattern=f"^{SHARD.pattern}$")]]
    pictures: dict[Literal["photo", "cartoon"], dict[Literal["train", "val", "test"], Packed]]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.pictures) != 2 or any(len(parts) != len(SPLITS) for parts in self.pictures.values()):
            raise ValueError("a domain or split is missing")
        for packed in (packed for parts in self.pictures.values() for packed in parts.values()):
            places = (*packed.image, *(packed.mask or ()), *(packed.target or ()))
            if any(shard >= len(self.shards) for shard, _, _ in places):
                raise ValueError("it names a tar file that it does not list")
        return self


@dataclass(frozen=True)
class ShardPictures(EncodedPictures):
    """The pictures that `packed` lists, in the tar files `shards`, whole paths or addresses."""

    shards: Sequence[str]
    packed: Packed
    min_side: int

    def __len__(self) -> int:
        return len(self.packed.names)

    def __add__(self, other: Self) -> Self:
        def both(ours: list[Where] | None, theirs: list[Where] | None) -> list[Where] | None:
            return None if ours is None or theirs is None else [*ours, *theirs]

        ours, theirs = self.packed, other.packed
        if self.shards != other.shards:
            raise ValueError("pictures of two packed sets cannot be joined")
        joined = Packed.model_construct(
            names=[*ours.names, *theirs.names],
            identities=[*ours.identities, *theirs.identities],
            image=[*ours.image, *theirs.image],
            mask=both(ours.mask, theirs.mask),
            target=both(ours.target, theirs.target),
        )
        return replace(self, packed=joined)

    def without(self, mask: bool = False, target: bool = False) -> Self:
        left_out = {kind: None for kind, wanted in (("mask", mask), ("target", target)) if wanted}
        return replace(self, packed=self.packed.model_copy(update=left_out))

    def identity(self, index: int) -> bytes:
        """That of the file from which the picture was packed."""
        return bytes.fromhex(self.packed.identities[index])

    def name(self, index: int) -> str:
        return self.packed.names[index]

    def encoded(self, index: int, kind: Kind) -> Part | None:
        places: list[Where] | None = getattr(self.packed, kind)
        if places is None:
            return None
        number, start, size = places[index]
        name = f"{self.name(index)} in {self.shards[number]}"
        try:
            return Part(_read(self.shards[number], start, size), name)
        except OSError as error:
            raise ImageError(f"cannot read {name}: {error}; copy that file again") from error


def shard_pictures(min_side: int, path: str) -> Splits:
    """The pictures of a packed set.

    Args:
        min_side: large JPEGs may be decoded at a size whose shorter side is not below this, in pixels.
        path: the folder of index.json and its tar files, or its address: s3://bucket/folder, gs://, az://, https://.

    Raises DataError where it cannot be read or its index makes no sense.
    """
    protocol = path.partition("://")[0] if "://" in path else ""
    if protocol and protocol not in STORAGE:
        raise DataError(f"data.source.path={path} cannot be read: use a folder, or one of {'://, '.join(STORAGE)}://")
    folder = path.rstrip("/") if protocol else str(expanded(path))
    try:
        index = Index.model_validate_json(_read(f"{folder}/{INDEX}"))
    except ImportError as error:
        raise DataError(f"data.source.path={path} needs a package for {protocol}: {error}") from error
    except OSError as error:
        raise DataError(
            f"data.source.path: {folder}/{INDEX} cannot be read ({error}): name the folder that"
            " python -m src.prepare ... shards=true wrote"
        ) from error
    except (ValidationError, json.JSONDecodeError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise DataError(f"data.source.path: {folder}/{INDEX} is damaged ({problem}): pack the set anew") from error
    shards = [f"{folder}/{shard}" for shard in index.shards]
    pictures = {
        (domain, split): ShardPictures(shards, index.pictures[domain][split], min_side)
        for domain in index.pictures
        for split in SPLITS
    }
    return Splits(*(pictures[domain, split] for split in SPLITS for domain in ("photo", "cartoon")))


def _read(path: str, start: int | None = None, size: int | None = None) -> bytes:
    """These bytes of a file, or all of them. Raises OSError, and ImportError for a storage without its package."""
    end = None if start is None or size is None else start + size
    failure = ""
    for _ in range(_ATTEMPTS if "://" in path else 1):
        try:
            # Found anew in each process: connections do not survive a fork, and fsspec keeps one for each process.
            storage, place = fsspec.core.url_to_fs(path)
            content: bytes = storage.cat_file(place, start=start, end=end)
        except ImportError:
            raise
        except Exception as error:  # each storage has errors of its own
            failure = reason(error)
        else:
            if size is None or len(content) == size:
                return content
            failure = f"it has {len(content)} of {size} bytes"
    raise OSError(failure)
