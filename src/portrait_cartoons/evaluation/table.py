"""A report arranged as a table: which columns, in which order, how their values are written, which is the best."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from portrait_cartoons.evaluation.report import COLUMNS, Report, Row

_FAMILIES = {
    "content/": "Content: the cartoon against its photo.",
    "cycle/": "Cycle: the photo's reconstruction against the photo.",
    "target/": "Target: the cartoon against the true one.",
    "random_": "Random FD and KD: distances between features of a fixed random network, neither FID nor KID.",
}
_ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


@dataclass(frozen=True)
class Cell:
    """A value as it is written, its interval (empty without one), and whether it is the best of its column."""

    value: float
    text: str
    interval: str
    best: bool


@dataclass(frozen=True)
class Line:
    """The cells of a row by column; a value that was not measured has none."""

    name: str
    baseline: bool
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """Columns by key, and lines: systems first, baselines below them."""

    title: str
    columns: list[str]
    lines: list[Line]


def tabulate(report: Report, columns: Iterable[str] = COLUMNS, rows: Iterable[str] = (), title: str = "") -> Table:
    """The columns that any row has a value of, and the rows named, by default all; one the report lacks is empty.

    The best is looked for among two systems or more, never among baselines; values that are written alike share it.
    """
    by_name = {row.name: row for row in report.rows}
    shown = [by_name.get(name, Row(name, "system", {})) for name in rows] or report.rows
    present = [column for column in columns if any(column in row.values for row in shown)]
    best = {column: _best(column, shown) for column in present}
    lines = [
        Line(
            row.name, row.kind == "baseline", {key: _cell(row, key, best[key]) for key in present if key in row.values}
        )
        for row in sorted(shown, key=lambda row: row.kind == "baseline")
    ]
    return Table(title, present, lines)


def header(column: str, line_break: str = " ") -> str:
    """The column's title, broken after its first word where it has several, with an arrow towards the better values."""
    return COLUMNS[column].title.replace(" ", line_break, 1) + _ARROWS[COLUMNS[column].better]


def notes(tables: Sequence[Table], mark: str) -> list[str]:
    """What there is to know about the tables, where `mark` says how the best values are marked: sentences."""
    columns = {column for table in tables for column in table.columns}
    lines = [line for table in tables for line in table.lines]
    cells = [cell for line in lines for cell in line.cells.values()]
    sentences = [text for prefix, text in _FAMILIES.items() if any(column.startswith(prefix) for column in columns)]
    if any(cell.best for cell in cells):
        sentences.append(f"{mark}: the best system of a column.")
        if any(line.baseline for line in lines):
            sentences.append("Baselines take no part: the unchanged photo wins every content column by doing nothing.")
    if any(cell.interval for cell in cells):
        sentences.append("Ranges: 95 % bootstrap intervals.")
    return sentences


def _best(column: str, rows: Sequence[Row]) -> str | None:
    """The best value of the systems as it is written; None where there is nothing to compare."""
    values = [row.values[column].value for row in rows if row.kind == "system" and column in row.values]
    better = COLUMNS[column].better
    if better is None or len(values) < 2:
        return None
    return _written(column, max(values) if better == "higher" else min(values))


def _cell(row: Row, column: str, best: str | None) -> Cell:
    value = row.values[column]
    text = _written(column, value.value)
    interval = ""
    if value.low is not None and value.high is not None:
        interval = f"{_written(column, value.low)}–{_written(column, value.high)}"
    return Cell(value.value, text, interval, row.kind == "system" and text == best)


def _written(column: str, value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value * COLUMNS[column].factor:z,.{COLUMNS[column].decimals}f}"
