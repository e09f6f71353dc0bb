"""What an evaluation found: a row of values per system and baseline, and the protocol they were measured by."""

import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.paper import Paper

Protocol = dict[str, str | int | float | bool | None]

# JSON has no infinite number: it is written as the text "Infinity".
_JSON = with_config(ConfigDict(extra="forbid", ser_json_inf_nan="strings"))


class ReportError(UserError):
    """A report that cannot be read, written or put beside another; the sentence names the file."""


@_JSON
@dataclass(frozen=True)
class Value:
    """A mean over images or a distance between sets, and its 95 % interval where there is one.

    The unchanged photo's content PSNR is infinite. NaN, and an interval with one end, raise ValueError.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if any(number is not None and math.isnan(number) for number in (self.value, self.low, self.high)):
            raise ValueError("a value must be a number, not NaN")
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval needs both ends")


@_JSON
@dataclass(frozen=True)
class Row:
    """The values of a system or a baseline by the keys of COLUMNS; the checkpoint as given, and its sha256.

    `pictures` is the folder of its PNGs, relative to the report's. `facts` say by heading how the system came about.
    `seen` means that it was trained on, or chosen by, some of the pictures that it is measured on. A folder elsewhere,
    an unknown key or a name that cannot be printed raises ValueError.
    """

    name: str
    kind: Literal["system", "baseline"]
    values: dict[str, Value]
    checkpoint: str | None = None
    sha256: str | None = None
    pictures: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    seen: bool = False

    @property
    def drawn(self) -> bool:
        """Whether its pictures were made of the photos, one of each."""
        return self.kind == "system" or bool(self.facts)

    def __post_init__(self) -> None:
        for text in (self.name, *self.facts):
            _check_printable(text)
        if unknown := self.values.keys() - COLUMNS.keys():
            raise ValueError(f"there is no column {min(unknown)!r}")
        _check_folder(self.pictures)


@_JSON
@dataclass(frozen=True)
class Report:
    """Rows of different names that were measured by one protocol, and the folders of the pictures they rest on.

    `photos` and `targets`, the true cartoons where the data has them, are folders relative to the report's; their PNGs
    have the same names as those of the rows. `commands` are those that made the report, as typed. `undecided` holds by
    column the pairs of systems whose difference may be chance, and `paper` the tables of a paper to be set. Rows of one
    name, folders elsewhere and keys of the protocol that cannot be printed raise ValueError.
    """

    protocol: Protocol
    rows: list[Row]
    photos: str
    targets: str | None = None
    commands: list[str] = field(default_factory=list)
    undecided: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    paper: Paper | None = None

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"several rows have the name {min(repeated)!r}")
        for key in self.protocol:
            _check_printable(key)
        for folder in (self.photos, self.targets):
            _check_folder(folder)


def read(path: Path) -> Report:
    """The report that `write` has left as report.json. Raises ReportError for anything else."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise ReportError(f"cannot read the report {path}: {error.strerror}; name another") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = f"in {'.'.join(map(str, first['loc']))!r}: " if first["loc"] else ""
        reason = place + first["msg"].removeprefix("Value error, ")
        raise ReportError(f"{path} is no report ({reason}); restore it or evaluate anew") from error


def dumped(report: Report) -> bytes:
    """The JSON that `read` takes."""
    return _ADAPTER.dump_json(report, indent=2)


def same_protocol(ours: Protocol, theirs: Protocol, path: Path) -> None:
    """Raise ReportError, naming every key that differs, unless the report at `path` has our protocol.

    No difference is harmless: versions move FID in the last digits, devices move milliseconds.
    """
    differing = [
        f"{key} ({there} there, {here} here)"
        for key in dict.fromkeys([*theirs, *ours])
        if (there := _shown(theirs, key)) != (here := _shown(ours, key))
    ]
    if differing:
        raise ReportError(
            f"the protocol of {path} differs in {', '.join(differing)}: "
            "their values do not belong in one table; name another output or evaluate as there"
        )


_ADAPTER = TypeAdapter(Report)


def _check_printable(name: str) -> None:
    """Raise ValueError for a name that is empty or would steer the terminal."""
    if not name or not name.isprintable():
        raise ValueError(f"the name {name!r} cannot be printed")


def _check_folder(folder: str | None) -> None:
    """Raise ValueError for a folder outside of the report's."""
    if folder is not None and (PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts):
        raise ValueError(f"the folder {folder!r} lies outside of the report's")


def _shown(protocol: Protocol, key: str) -> str:
    return repr(protocol[key]) if key in protocol else "nothing"
