"""A prepared set packed into tar files of WebDataset's format and the index that `data.shards` reads."""

import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Literal, cast

from portrait_cartoons.data.encoded import KINDS, Kind
from portrait_cartoons.data.folder import FolderPictures, folder_pictures
from portrait_cartoons.data.picture import Splits
from portrait_cartoons.data.shards import INDEX, SHARD, Index, Packed, Where
from portrait_cartoons.data.split import SPLITS
from portrait_cartoons.files import atomic, write
from portrait_cartoons.progress import tracked

FOLDER = "shards"
LARGEST = 1 << 28  # bytes of a tar file, after which the next begins
DOMAINS: tuple[Literal["photo", "cartoon"], ...] = ("photo", "cartoon")


def pack(output: Path, largest: int = LARGEST) -> int:
    """Write the set's photos, cartoons, masks and true cartoons below `output`/shards; the number of tar files.

    Their bytes depend on the pictures alone. Raises DataError for a set that cannot be trained on.
    """
    folder = output / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)  # until all it says is true again
    splits = _pictures(output)
    names: list[str] = []
    pictures: dict[Literal["photo", "cartoon"], dict[Literal["train", "val", "test"], Packed]] = {}
    for domain in DOMAINS:
        pictures[domain] = {}
        for split in SPLITS:
            found: FolderPictures = getattr(splits, f"{split}_{domain}s")
            pictures[domain][split] = _pack_part(found, folder, f"{domain}-{split}", names, largest)
    for path in folder.glob("*.tar"):
        if SHARD.fullmatch(path.name) and path.name not in names:
            path.unlink()
    write(folder / INDEX, Index(version=1, shards=names, pictures=pictures).model_dump_json() + "\n")
    return len(names)


def _pictures(output: Path) -> Splits:
    """The set as training would read it."""

    def there(name: str) -> str | None:
        return str(output / name) if (output / name).is_dir() else None

    return folder_pictures(
        min_side=1,
        root=None,
        photo=str(output / "photo"),
        cartoon=there("cartoon") or there("target") or str(output / "cartoon"),
        photo_mask=there("photo_mask"),
        cartoon_mask=there("cartoon_mask"),
        target=there("target"),
        photo_glob="*",
        cartoon_glob="*",
        val_share=0.1,
        test_share=0.1,
        origin="shards=true packs photos and cartoons: add make=cartoons, or prepare both into one output first",
    )


def _pack_part(found: FolderPictures, folder: Path, prefix: str, names: list[str], largest: int) -> Packed:
    """Write the pictures into tar files, each of `largest` bytes or one picture more, and add those to `names`."""
    kinds = [kind for kind, paths in zip(KINDS, (found.paths, found.masks, found.targets), strict=True) if paths]
    places: dict[Kind, list[Where]] = {kind: [] for kind in kinds}
    indices = tracked(iter(range(len(found))), len(found), f"packing {prefix}")
    number, index = 0, next(indices, None)
    while index is not None:
        name = f"{prefix}-{number:05d}.tar"
        with atomic(folder / name) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
            while index is not None and tar.offset < largest:
                for kind in kinds:
                    places[kind].append((len(names), *_add(tar, found, index, kind)))
                index = next(indices, None)
        names.append(name)
        number += 1
    return Packed(
        names=[found.name(index) for index in range(len(found))],
        identities=[found.identity(index).hex() for index in range(len(found))],
        image=places["image"] if found.paths else [],
        mask=places.get("mask"),
        target=places.get("target"),
    )


def _add(tar: tarfile.TarFile, found: FolderPictures, index: int, kind: Kind) -> tuple[int, int]:
    """Write a picture, its mask or its target; where it begins and how many bytes it has.

    WebDataset takes what is before a file name's first dot as the sample, and the rest as the kind.
    """
    path = cast(Path, found.encoded(index, kind))
    content = path.read_bytes()
    sample = PurePosixPath(found.name(index)).with_suffix("").as_posix().replace(".", "_")
    entry = tarfile.TarInfo(f"{sample}{'' if kind == 'image' else f'.{kind}'}{path.suffix.lower()}")
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
    return tar.offset - -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, entry.size
