"""Reports and tables as text: Markdown, CSV, and for a terminal of any width."""

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Sequence

import rich.table
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.report import Report
from portrait_cartoons.evaluation.table import Cell, Table, header, notes, origins, paper_tables, tabulate

_ABSENT = "–"
# Underscores mean something in Markdown only where a word begins or ends.
_MARKUP = re.compile(r"[\\`*\[\]<>|&~#!]|\b_|_\b")
_UNBOUNDED = 10_000  # the width of a terminal on which everything fits


def report_markdown(report: Report, grid: str | None) -> str:
    """The whole report; `grid` is the file of the comparison grid where there is one."""
    parts = ["# Evaluation", tables_markdown([tabulate(report)])]
    if grid:
        parts.append(f"![photos, what the systems made of them, and true cartoons where there are any]({grid})")
    if report.paper:
        parts += ["## Tables of the paper", tables_markdown(paper_tables(report))]
        parts += [" ".join(map(_escape, report.paper.notes))]
    protocol = [(_escape(key), _escape(str(value))) for key, value in report.protocol.items()]
    parts += ["## Protocol", _markdown(["key", "value"], protocol)]
    if systems := origins(report):
        head, *lines = [list(map(_escape, line)) for line in systems]
        parts += ["## Systems", _markdown(head, lines)]
    if report.commands:
        parts += ["## Commands", textwrap.indent("\n".join(report.commands), "    ")]
    return "\n\n".join(parts) + "\n"


def tables_markdown(tables: Sequence[Table]) -> str:
    """Tables under their titles, the best values bold, and notes below."""
    parts: list[str] = []
    for table in tables:
        if table.heading:
            parts.append(f"**{_escape(table.heading)}**")
        head = ["", *map(header, table.columns)]
        lines = [
            [_escape(line.title), *(_cell_markdown(line.cells.get(column)) for column in table.columns)]
            for line in table.lines
        ]
        parts.append(_markdown(head, lines, numbers=True))
    return "\n\n".join([*parts, " ".join(notes(tables, "Bold"))]).rstrip()


def report_csv(report: Report) -> str:
    """A line per row: values in full precision by key, the ends of their intervals as <key>_low and <key>_high.

    Columns without anything in them are left out.
    """
    lines = []
    for row in report.rows:
        line: dict[str, str | float | None] = {
            "name": row.name,
            "kind": row.kind,
            "checkpoint": row.checkpoint,
            "sha256": row.sha256,
        }
        for key, value in row.values.items():
            line |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
        lines.append({key: entry for key, entry in line.items() if entry is not None})
    numbers = [key + end for key in COLUMNS for end in ("", "_low", "_high")]
    used = {key for line in lines for key in line}
    text = io.StringIO()
    order = ["name", "kind", *numbers, "checkpoint", "sha256"]
    writer = csv.DictWriter(text, [key for key in order if key in used], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def show_tables(tables: Sequence[Table], console: Console, more: Sequence[str] = ()) -> None:
    """Print tables, in parts where the console is narrow, the best values starred; below them notes, and `more`."""
    for table in tables:
        columns = table.columns
        while columns:
            count = len(columns)
            while count > 1 and _width(_grid(table, columns[:count]), console) > console.width:
                count -= 1
            console.print(_grid(table, columns[:count]))
            columns = columns[count:]
    for sentence in [*notes(tables, "*"), *more]:
        console.print(Text(sentence))


def _escape(text: str) -> str:
    """As Markdown that shows the text on one line."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _markdown(head: Sequence[str], lines: Iterable[Iterable[str]], numbers: bool = False) -> str:
    """Of ready Markdown; with `numbers`, all columns but the first are set to the right."""
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def _cell_markdown(cell: Cell | None) -> str:
    if cell is None:
        return _ABSENT
    value = f"**{cell.text}**" if cell.best else cell.text
    return f"{value} ({cell.interval})" if cell.interval else value


def _grid(table: Table, columns: Sequence[str]) -> rich.table.Table:
    grid = rich.table.Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(table.heading), title_justify="left")
    grid.add_column(overflow="fold")
    for column in columns:
        grid.add_column(header(column, "\n"), justify="right")
    for line in table.lines:
        cells = (_cell_text(line.cells.get(column)) for column in columns)
        grid.add_row(Text(line.title), *cells, style="dim" if line.baseline else None)
    return grid


def _cell_text(cell: Cell | None) -> Text:
    """The value above its interval. Every value ends in the place of the star, so that they stand below each other."""
    if cell is None:
        return Text(f"{_ABSENT} ")
    value = Text(f"{cell.text}*", style="bold") if cell.best else Text(f"{cell.text} ")
    return value.append(f"\n{cell.interval} ", style="not bold dim") if cell.interval else value


def _width(grid: rich.table.Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(width=_UNBOUNDED), grid).maximum
