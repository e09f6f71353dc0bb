"""A report arranged as a table: which columns, in which order, how their values are written, which is the best."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from portrait_cartoons.evaluation.columns import COLUMNS, ENOUGH
from portrait_cartoons.evaluation.report import Report, Row

_FAMILIES = {
    "precision": "Precision: the share of outputs that lie among the true cartoons. Recall: the share of true cartoons"
    " that lie among the outputs.",
    "content/": "Content: the cartoon against its photo.",
    "cycle/": "Cycle: the photo's reconstruction against the photo.",
    "target/": "Target: the cartoon against the true one.",
    "lpips": "LPIPS: how different two pictures look, between features of SqueezeNet 1.1.",
    "mse": "MSE is of values between 0 and 1.",
    "squeeze_": "Squeeze FD and KD: distances between features of SqueezeNet, neither FID nor KID.",
    "random_": "Random FD and KD: distances between features of a fixed random network, neither FID nor KID.",
}
_SETS = "photos", "cartoons"
# FID of few images says little, and a kernel distance is right on average.
_KERNEL_FIRST = list(
    dict.fromkeys(("kid", "fid", "precision", "recall", "squeeze_kd", "squeeze_fd", "random_kd", "random_fd", *COLUMNS))
)
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
    """The cells of a row by column; a value that was not measured has none. `title` marks one that is `seen`."""

    name: str
    baseline: bool
    seen: bool
    cells: Mapping[str, Cell]

    @property
    def title(self) -> str:
        return f"{self.name} †" if self.seen else self.name


@dataclass(frozen=True)
class Table:
    """Columns by key, and lines: systems first, baselines below them; `pictures` says how many were measured."""

    title: str
    columns: list[str]
    lines: list[Line]
    pictures: str = ""
    few: bool = False

    @property
    def heading(self) -> str:
        return ", ".join(part for part in (self.title, self.pictures) if part)


def tabulate(report: Report, columns: Iterable[str] | None = None, rows: Iterable[str] = (), title: str = "") -> Table:
    """The columns that any row has a value of, by default all, and the rows named, by default all.

    A row that the report lacks is empty. The best is looked for among two systems or more, never among baselines. The
    mark goes also to values that are written alike, and to systems whose difference from the best may be chance.
    """
    by_name = {row.name: row for row in report.rows}
    shown = [by_name.get(name, Row(name, "system", {})) for name in rows] or report.rows
    numbers = [n for key in _SETS if isinstance(n := report.protocol.get(key), int)]
    few = bool(numbers) and min(numbers) < ENOUGH
    asked = columns if columns is not None else _KERNEL_FIRST if few else COLUMNS
    present = [column for column in asked if any(column in row.values for row in shown)]
    best = {column: _best(column, shown, report.undecided.get(column, [])) for column in present}
    lines = [
        Line(
            row.name,
            row.kind == "baseline",
            row.seen,
            {key: _cell(row, key, row.name in best[key]) for key in present if key in row.values},
        )
        for row in sorted(shown, key=lambda row: row.kind == "baseline")
    ]
    counts = [f"{report.protocol[key]} {key}" for key in _SETS if key in report.protocol]
    return Table(title, present, lines, " against ".join(counts), few)


def paper_tables(report: Report) -> list[Table]:
    """The tables of the report's paper, if it has one; a row of an experiment that the report lacks stays empty."""
    if not report.paper:
        return []
    return [tabulate(report, table.columns, report.paper.experiments, table.title) for table in report.paper.tables]


def header(column: str, line_break: str = " ") -> str:
    """The column's title, broken after its first word where it has several, with an arrow towards the better values.

    A column of another kind is called by its key.
    """
    if column not in COLUMNS:
        return column
    return COLUMNS[column].title.replace(" ", line_break, 1) + _ARROWS[COLUMNS[column].better]


def notes(tables: Sequence[Table], mark: str) -> list[str]:
    """Sentences that a reader of the tables needs; `mark` says how the best values are marked."""
    columns = {column for table in tables for column in table.columns}
    lines = [line for table in tables for line in table.lines]
    cells = [cell for line in lines for cell in line.cells.values()]
    sentences = [
        text
        for prefix, text in _FAMILIES.items()
        if any(column.startswith(prefix) or column.endswith(prefix) for column in columns)
    ]
    if any(cell.best for cell in cells):
        sentences.append(
            f"{mark}: the best system of a column, and those whose difference from it may be chance: the 95 % interval"
            " of the difference over the same photos, from resamples, holds 0."
        )
        if any(line.baseline for line in lines):
            sentences.append("Baselines take no part: the unchanged photo wins every content column by doing nothing.")
    if any(cell.interval for cell in cells):
        sentences.append("Ranges: 95 % intervals of what as many other pictures would give on average.")
    if any(line.seen for line in lines):
        sentences.append(
            "†: trained on, or chosen by, some of these very pictures; it takes no part in the comparison."
        )
    if columns & {"fid", "squeeze_fd", "random_fd"} and any(table.few for table in tables):
        sentences.append(
            f"With fewer than {ENOUGH} images a Fréchet distance (FID) depends on their number, and has no range"
            " without at least twice as many images as features: compare by the kernel distance (KID) and its range."
        )
    return sentences


def origins(report: Report) -> list[list[str]]:
    """How each system, and what draws without training, came about: a line of headings, and one of each."""
    systems = [row for row in report.rows if row.checkpoint or row.facts]
    headings = list(dict.fromkeys(heading for row in systems for heading in row.facts))
    lines = [
        [row.name, *(row.facts.get(heading, "–") for heading in headings), row.checkpoint or "–", row.sha256 or "–"]
        for row in systems
    ]
    return [["name", *headings, "file", "sha256"], *lines] if lines else []


def _best(column: str, rows: Sequence[Row], undecided: Sequence[tuple[str, str]]) -> set[str]:
    """The names of the best system and of those that are as good; none where there is nothing to compare."""
    values = {
        row.name: row.values[column].value
        for row in rows
        if row.kind == "system" and not row.seen and column in row.values
    }
    better = COLUMNS[column].better
    if better is None or len(values) < 2:
        return set()
    best = (max if better == "higher" else min)(values, key=lambda name: values[name])
    alike = {name for name, value in values.items() if _written(column, value) == _written(column, values[best])}
    return alike | {name for pair in undecided if best in pair for name in pair if name in values}


def _cell(row: Row, column: str, best: bool) -> Cell:
    value = row.values[column]
    interval = ""
    if value.low is not None and value.high is not None:
        interval = f"{_written(column, value.low)}–{_written(column, value.high)}"
    return Cell(value.value, _written(column, value.value), interval, best)


def _written(column: str, value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value * COLUMNS[column].factor:z,.{COLUMNS[column].decimals}f}"
