"""Tables of papers: which experiments are their rows, which values their columns, and what a reader must know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.columns import COLUMNS


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class PaperTable:
    """One table: its title, and its columns by the keys of COLUMNS; another key raises ValueError."""

    title: str
    columns: list[str]

    def __post_init__(self) -> None:
        if unknown := set(self.columns) - COLUMNS.keys():
            raise ValueError(f"there is no column {min(unknown)!r}: choose among {', '.join(COLUMNS)}")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Paper:
    """A file of conf/report: the data set, the experiment behind each row by the row's name, the tables, and notes."""

    data: str
    experiments: dict[str, str]
    tables: list[PaperTable]
    notes: list[str]


def paper(config: Mapping[str, Any]) -> Paper:
    """The paper that a configuration describes. Raises UserError, naming the key, for one that does not."""
    try:
        return TypeAdapter(Paper).validate_python(config)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["report", *map(str, first["loc"])])
        raise UserError(f"{key}: {first['msg'].removeprefix('Value error, ')}; correct it in conf/report") from error
