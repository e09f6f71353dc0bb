"""The table of a search: the values that were varied, what it optimised, and what the evaluation found."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace

from portrait_cartoons.evaluation.report import Report
from portrait_cartoons.evaluation.table import Cell, Table, tabulate
from portrait_cartoons.search.file import Sweep
from portrait_cartoons.search.measure import row_of
from portrait_cartoons.search.record import Folder, Record

NOTHING = float("nan")


def arranged(sweep: Sweep, folder: Folder, records: Mapping[int, Record], report: Report) -> Table:
    """The evaluation's table with a column for each varied key and for the metric, the best run by it first."""
    table = tabulate(report)
    numbers = {row_of(report, folder.run(number)): number for number in records}
    own = {name: _cells(sweep, records[number]) for name, number in numbers.items()}
    lines = [replace(line, cells={**own.get(line.name, {}), **line.cells}) for line in table.lines]
    sign = -1 if sweep.metric and sweep.metric.goal == "maximize" else 1

    def place(name: str) -> tuple[bool, bool, float]:
        metric = records[numbers[name]].metric if name in numbers else None
        return name not in numbers, metric is None, sign * (metric or 0)

    metric = [sweep.metric.name] if sweep.metric else []
    lines.sort(key=lambda line: place(line.name))
    return replace(table, columns=[*sweep.parameters, *metric, *table.columns], lines=lines)


def table_csv(table: Table) -> str:
    """A line per row: texts of the varied keys, all else in full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *table.columns])
    for line in table.lines:
        cells = [line.cells.get(column) for column in table.columns]
        writer.writerow([line.name, *("" if c is None else c.text if c.value != c.value else c.value for c in cells)])
    return text.getvalue()


def _cells(sweep: Sweep, record: Record) -> dict[str, Cell]:
    cells = {key: Cell(NOTHING, str(value), "", False) for key, value in record.values.items()}
    if sweep.metric and record.metric is not None:
        cells[sweep.metric.name] = Cell(record.metric, f"{record.metric:.4g}", "", False)
    return cells
