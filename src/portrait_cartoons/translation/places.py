"""Which photos are translated, and where their cartoons go."""

import glob
import os
from collections import Counter
from pathlib import Path

from portrait_cartoons.errors import UserError
from portrait_cartoons.image import list_images

# Suffixes by the formats of `src.translate`.
SUFFIXES = {"png": (".png",), "jpg": (".jpg", ".jpeg"), "webp": (".webp",)}


def plan(source: Path, output: Path, suffix: str) -> dict[Path, Path]:
    """The cartoon's path of each photo: that of the photo below `source`, with another suffix.

    `source` is a photo, a folder, or a pattern, and of one photo `output` may be a file. Photos that would share a
    cartoon, such as a.jpg and a.png, keep their own suffix before the new one: a.jpg.png. Raises UserError if there
    are no photos, or if the cartoons would mix with them.
    """
    folder, photos = _found(source)
    if source.is_dir() and Path(os.path.realpath(output)).is_relative_to(os.path.realpath(source)):
        raise UserError(f"output={output} lies inside the input: choose a folder outside of {source}")
    if names_a_file(output):
        if photos != [source]:
            raise UserError(f"output={output} names one file, but the input may be several photos: name a folder")
        targets = {source: output}
    else:
        names = _distinct_names([photo.relative_to(folder) for photo in photos], suffix)
        targets = {photo: output / name for photo, name in zip(photos, names, strict=True)}
    originals = {os.path.realpath(photo) for photo in photos}  # which a link to itself does not break
    for target in targets.values():
        if os.path.realpath(target) in originals:
            raise UserError(f"output={output} would overwrite the photo {target}: choose another folder")
    return targets


def names_a_file(output: Path) -> bool:
    """Whether the output is to be one picture, and not a folder."""
    return not output.is_dir() and any(output.suffix.lower() in suffixes for suffixes in SUFFIXES.values())


def is_pattern(source: Path) -> bool:
    """Whether the input is a pattern that stands for other paths."""
    return glob.has_magic(str(source)) and not source.exists()


def _found(source: Path) -> tuple[Path, list[Path]]:
    """The photos, and the folder that their names are relative to."""
    if source.is_dir():
        folder, photos = source, list_images(source)
    elif is_pattern(source):
        folder = Path(*source.parts[: next(n for n, part in enumerate(source.parts) if glob.has_magic(part))])
        found = sorted(Path(path) for path in glob.glob(str(source), recursive=True))
        photos = [path for path in found if path.is_file()]
    else:
        folder, photos = source.parent, [source]
    if not photos:
        raise UserError(f"input={source} holds no images: name a folder with .jpg, .png or other picture files")
    return folder, photos


def _distinct_names(names: list[Path], suffix: str) -> list[Path]:
    """Each name with its suffix replaced, or extended where two would become one."""
    extended: set[Path] = set()
    while True:
        results = [name.with_suffix(name.suffix * (name in extended) + suffix) for name in names]
        # Names that differ in case alone are one file on some systems.
        counts = Counter(str(result).casefold() for result in results)
        clashing = {name for name, result in zip(names, results, strict=True) if counts[str(result).casefold()] > 1}
        if clashing <= extended:
            return results
        extended |= clashing
