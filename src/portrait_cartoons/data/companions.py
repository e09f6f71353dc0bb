"""The mask, or the true cartoon, that belongs to each photo: found by name, and never one that may be another's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from portrait_cartoons.data.split import place
from portrait_cartoons.files import expanded
from portrait_cartoons.image import ImageError, list_images

Found = dict[str, Sequence[Path] | None]


def companions(
    files: Mapping[str, Sequence[Path]], base: Path, folder: str, key: str, kind: str, problems: list[str]
) -> Found:
    """By split, a companion for each of the `files` below `base`; None for a split that has none.

    A file belongs to the one that has its path, but for the suffix and the folder of the split, or else its name.
    What is wrong goes to `problems`: files without a companion, unless they are true cartoons that their whole split
    lacks, names that fit several companions, and a companion that fits several files.
    """
    try:
        candidates = _Candidates(expanded(folder))
    except ImageError as error:
        problems.append(f"{key}: {error}")
        return dict.fromkeys(files)
    matches = {file: candidates.of(file.relative_to(base)) for part in files.values() for file in part}
    problems += [f"{key}: {sentence}" for sentence in _doubts(matches, kind, base)]
    found: Found = dict.fromkeys(files)
    lacking = {split: [file for file in part if not matches[file]] for split, part in files.items()}
    partial = [split for split, part in files.items() if 0 < len(lacking[split]) < len(part)]
    empty = [split for split, part in files.items() if part and len(lacking[split]) == len(part)]
    needed = partial if kind == "target" and any(matches.values()) else [*partial, *empty]
    for split in needed:
        problems.append(
            f"{key}: {len(lacking[split])} of {len(files[split])} {split} files have no {kind} in {folder}, for"
            f" example {lacking[split][0].relative_to(base)}; add them or leave {key} empty"
        )
    for split, part in files.items():
        if part and not lacking[split]:
            found[split] = [matches[file][0] for file in part]
    return found


def _doubts(matches: Mapping[Path, Sequence[Path]], kind: str, base: Path) -> Iterator[str]:
    """A sentence each, with an example, about files that fit several companions, and the other way round."""
    owners: dict[Path, list[Path]] = defaultdict(list)
    for file, fitting in matches.items():
        for path in fitting:
            owners[path].append(file)
    way_out = f"give each {kind} its picture's path below {base}"
    for number, several in ((f"{kind}s fit one picture", matches), (f"pictures fit one {kind}", owners)):
        doubtful = {path: others for path, others in several.items() if len(others) > 1}
        if doubtful:
            path, others = next(iter(doubtful.items()))
            yield f"several {number}, {len(doubtful)} times, for example {path}: {others[0]} and {others[1]}; {way_out}"
            return


class _Candidates:
    """The images of a folder, by their paths without suffixes and by their names. Raises ImageError."""

    def __init__(self, folder: Path) -> None:
        self.by_path: dict[Path, list[tuple[str | None, Path]]] = defaultdict(list)
        self.by_name: dict[str, list[tuple[str | None, Path]]] = defaultdict(list)
        for path in list_images(folder):
            where = place(path.relative_to(folder))
            self.by_path[where.path.with_suffix("")].append((where.split, path))
            self.by_name[path.stem].append((where.split, path))

    def of(self, relative: Path) -> list[Path]:
        """Those that fit a file: of its split or of none, by its path if there are any, or else by its name."""
        split, path = place(relative)
        for near in (self.by_path.get(path.with_suffix(""), []), self.by_name.get(path.stem, [])):
            same = [candidate for its_split, candidate in near if its_split == split]
            other = [candidate for its_split, candidate in near if None in (split, its_split)]
            if same or other:
                return same or other
        return []
