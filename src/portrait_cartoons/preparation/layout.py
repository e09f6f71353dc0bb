"""Where the files of a data set lie: <domain>/<split>/<name>, and what belongs to one under the same name elsewhere.

    photo, cartoon                                   the two domains, each with train, val and test
    target                                           the own cartoon of each photo of val and test, or of every photo
    photo_mask, cartoon_mask                         the persons
    photo_outline, cartoon_outline, cartoon_smooth   what training computes of the pictures, too

Photos and cartoons of the training split show different pictures: a hash makes half of the photos cartoons.
"""

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from portrait_cartoons.preparation.splits import share

Kind = Literal["square", "cartoon", "mask", "outline", "smooth"]
MAKES = ("cartoons", "targets", "masks", "outlines", "smooth")
FOLDERS = (
    *("photo", "cartoon", "target"),
    *("photo_mask", "cartoon_mask", "photo_outline", "cartoon_outline", "cartoon_smooth"),
)


class File(NamedTuple):
    """One file of a set; `base`, where there is one, is the file that it is computed from."""

    path: str
    kind: Kind
    base: str | None = None


def files_of(name: str, suffix: str, person: str, split: str, domain: str, makes: Collection[str]) -> list[File]:
    """All files of one picture, the main one first. What is computed from pictures is always PNG, without losses."""
    made = "cartoons" in makes
    cartoon_only = made and split == "train" and share("cartoon", person) < 0.5
    files = []
    if domain == "photo" and not cartoon_only:
        files.append(File(f"photo/{split}/{name}.{suffix}", "square"))
    if domain == "cartoon":
        files.append(File(f"cartoon/{split}/{name}.{suffix}", "square"))
    elif cartoon_only or (made and split != "train"):
        files.append(File(f"cartoon/{split}/{name}.{suffix}", "cartoon"))
    for file in tuple(files):
        shown = PurePosixPath(file.path).parts[0]
        if "masks" in makes:
            files.append(File(f"{shown}_mask/{split}/{name}.png", "mask"))
        if "outlines" in makes:
            files.append(File(f"{shown}_outline/{split}/{name}.png", "outline", file.path))
        if "smooth" in makes and shown == "cartoon":
            files.append(File(f"cartoon_smooth/{split}/{name}.png", "smooth", file.path))
    if ("targets" in makes and not cartoon_only) or (made and split != "train"):
        files.append(File(f"target/{split}/{name}.{suffix}", "cartoon"))
    return files
