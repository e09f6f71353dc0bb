"""What a careful person wants to know of a data set before training on it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from portrait_cartoons.preparation.duplicates import Seen
from portrait_cartoons.preparation.layout import FOLDERS
from portrait_cartoons.preparation.look import Look, look
from portrait_cartoons.preparation.manifest import read_manifest
from portrait_cartoons.preparation.sources import Source, find_sources
from portrait_cartoons.preparation.splits import SPLITS
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.progress import tracked

DOMAINS = ("photo", "cartoon")
_CLASSIC = {
    f"{split}{letter}": (domain, split) for split in SPLITS for letter, domain in zip("AB", DOMAINS, strict=True)
}
_NAMES = {folder: folder for folder in FOLDERS} | {f"{domain}s": domain for domain in DOMAINS}


@dataclass
class Group:
    """The files of one folder and split."""

    folder: str
    split: str
    looks: list[Look] = field(default_factory=list)

    @property
    def readable(self) -> list[Look]:
        return [look for look in self.looks if look.facts]


@dataclass
class Report:
    """Of the set below `root`.

    companions: how many files the folders hold that belong to pictures, such as masks, by folder and split.
    alone: those of them whose picture is not there.
    pairs: names of pictures that are the same or look alike, and whether they leak from one split into another.
    left_out: what preparation left out, with the reason, by source.
    """

    root: Path
    groups: list[Group]
    companions: Counter[tuple[str, str]]
    alone: list[str]
    pairs: list[tuple[Look, Look, bool]]
    left_out: list[tuple[str, str]]

    @property
    def looks(self) -> Iterator[Look]:
        return chain.from_iterable(group.looks for group in self.groups)


def examine_set(root: Path, pool: Pool) -> Report:
    """Look at every picture below the folder: a prepared set, trainA and testB, or any other."""
    placed = [(source, root, *place(source.name.as_posix())) for source in find_sources([root])]
    pictures = [item for item in placed if item[2] in (*DOMAINS, "")]
    others = [item for item in placed if item[2] not in (*DOMAINS, "", "sheets")]
    groups: dict[tuple[str, str], Group] = {}
    for seen in tracked(pool.map(look, pictures), len(pictures), "looking"):
        groups.setdefault((seen.folder, seen.split), Group(seen.folder, seen.split)).looks.append(seen)
    ordered = sorted(groups.values(), key=lambda group: (group.folder != "photo", group.folder, _order(group.split)))
    return Report(
        root,
        ordered,
        Counter((folder, split) for _, _, folder, split in others),
        _alone(others, pictures),
        list(_pairs(chain.from_iterable(group.readable for group in ordered))),
        [
            (row.source, row.reason)
            for domain in DOMAINS
            for row in read_manifest(root / f"{domain}.csv")
            if not row.file
        ],
    )


def place(name: str) -> tuple[str, str]:
    """The folder and the split, each maybe "", that a path below a data set's folder tells."""
    parts = PurePosixPath(name).parts[:-1]
    for part in parts:
        if part in _CLASSIC:
            return _CLASSIC[part]
    folder = "sheets" if parts[:1] == ("sheets",) else next((_NAMES[part] for part in parts if part in _NAMES), "")
    return folder, next((part for part in parts if part in SPLITS), "")


def _order(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _alone(
    others: Iterable[tuple[Source, Path, str, str]], pictures: Iterable[tuple[Source, Path, str, str]]
) -> list[str]:
    """The files, such as masks, whose picture is not there."""
    there = {(folder, split, source.path.stem) for source, _, folder, split in pictures}
    return [
        source.name.as_posix()
        for source, _, folder, split in others
        if ("photo" if folder == "target" else folder.partition("_")[0], split, source.path.stem) not in there
    ]


def _pairs(looks: Iterable[Look]) -> Iterator[tuple[Look, Look, bool]]:
    """Pictures that show the same. A val or test photo beside its own cartoon is meant to."""
    seen = Seen()
    by_name: dict[str, Look] = {}
    for this in looks:
        if not this.facts:
            continue
        near = dict.fromkeys(seen.near(this.facts.phash, this.facts.mirrored))
        for other in (by_name[name] for name in near):
            if this.folder == other.folder or this.split != other.split or this.split in ("train", ""):
                yield other, this, this.split != other.split
        seen.add(this.name, this.facts.phash)
        by_name[this.name] = this


def median(values: Iterable[float]) -> float:
    """Of no values: 0."""
    return float(np.median(list(values) or [0.0]))
