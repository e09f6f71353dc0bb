"""Tables of papers, set from a report: which experiments are their rows, which values their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.report import COLUMNS, Report
from portrait_cartoons.evaluation.table import Table, tabulate


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
    """A file of conf/report: the data set, the experiment behind each row by the row's name, and the tables."""

    data: str
    experiments: dict[str, str]
    tables: list[PaperTable]


def paper(config: Mapping[str, Any]) -> Paper:
    """The paper that a configuration describes. Raises UserError, naming the key, for one that does not."""
    try:
        return TypeAdapter(Paper).validate_python(config)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["report", *map(str, first["loc"])])
        raise UserError(f"{key}: {first['msg'].removeprefix('Value error, ')}; correct it in conf/report") from error


def paper_tables(report: Report, paper: Paper) -> list[Table]:
    """The paper's tables from the rows named like its experiments; one that the report lacks stays empty."""
    return [tabulate(report, table.columns, paper.experiments, table.title) for table in paper.tables]
