"""The list of all files that a data set was made from, and what became of each."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from portrait_cartoons.files import atomic
from portrait_cartoons.preparation.faces import Box


@dataclass(frozen=True, slots=True)
class Facts:
    """What a readable picture's bytes tell: the same for every copy of the file.

    width, height: in pixels, upright.
    phash, mirrored: perceptual hashes of the picture and of its mirror image.
    face: left, top, width and height as shares of the picture's; "none", or empty where nobody looked.
    note: what a careful person would look at; empty for most.
    """

    width: int
    height: int
    format: str
    phash: str
    mirrored: str
    face: str
    note: str

    @property
    def box(self) -> Box | None:
        """The face, None where there is none."""
        return Box(*map(float, self.face.split(","))) if "," in self.face else None


@dataclass(frozen=True, slots=True)
class Row:
    """One source file: where its picture lies in the set or, where `file` is empty, the reason why it does not.

    `sha256` and `facts` are those of the source, empty and None where it cannot be read.
    """

    file: str
    source: str
    sha256: str
    split: str
    reason: str
    facts: Facts | None


_OWN = [field.name for field in fields(Row) if field.name != "facts"]
_FACTS = [field.name for field in fields(Facts)]


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """A CSV table, atomically. Names that are no text keep their bytes. Raises OSError where the disk refuses."""
    with atomic(path) as file:
        table = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
        writer = csv.DictWriter(table, [*_OWN, *_FACTS], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            own = {name: getattr(row, name) for name in _OWN}
            writer.writerow(own | (asdict(row.facts) if row.facts else {}))
        table.detach()


def read_manifest(path: Path) -> list[Row]:
    """The rows of the table; none where the file is missing or another's."""
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            return [_row(line) for line in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError, csv.Error):
        return []


def _row(line: dict[str, str]) -> Row:
    facts = _facts({name: line[name] for name in _FACTS}) if line["width"] else None
    return Row(**{name: line[name] for name in _OWN}, facts=facts)


def _facts(values: dict[str, str]) -> Facts:
    width, height = int(values.pop("width")), int(values.pop("height"))
    return Facts(width=width, height=height, **values)


class Journal:
    """The facts found so far, which an interrupted run finds again: a line of JSON each, the last one maybe torn."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[tuple[str, Facts]]:
        """The sha256 and the facts of each picture."""
        with suppress(OSError), self.path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    values = json.loads(line)
                    yield values.pop("sha256"), _facts(values)

    def add(self, sha256: str, facts: Facts) -> None:
        """Write one more, at once. Raises OSError where the disk refuses."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"sha256": sha256, **asdict(facts)}) + "\n")
