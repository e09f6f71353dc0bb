"""The page of a report: its table, the pictures side by side, and how they came about, in one file without links."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template

from PIL import Image

from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.grid import Comparison, encode
from portrait_cartoons.evaluation.report import Report
from portrait_cartoons.evaluation.table import Cell, Line, Table, header, notes, origins, paper_tables, tabulate


def page(report: Report, comparison: Comparison) -> str:
    """HTML that needs no other file and no network. All texts are escaped: names come from untrusted checkpoints."""
    table = tabulate(report)
    papers = paper_tables(report)
    systems = [line for line in table.lines if not line.baseline]
    baselines = [line for line in table.lines if line.baseline]
    head, *origin = origins(report) or [[]]
    return Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8")).substitute(
        summary=" · ".join(filter(None, (f"{len(systems)} systems, {len(baselines)} baselines", table.pictures))),
        head="".join(map(_head, table.columns)),
        systems="".join(_line(line, table.columns) for line in systems),
        baselines="".join(_line(line, table.columns) for line in baselines),
        notes=escape(" ".join(notes([table], "Bold"))),
        columns=len(comparison.titles),
        titles="".join(f'<th scope="col">{escape(title)}</th>' for title in comparison.titles),
        pictures="".join(_pictures(comparison)),
        without_pictures=_hidden_without(comparison.rows),
        protocol=_facts((key, str(value)) for key, value in report.protocol.items()),
        without_checkpoints=_hidden_without(origin),
        checkpoint_head="".join(f"<th>{escape(heading)}</th>" for heading in head),
        checkpoints=_facts(origin),
        without_paper=_hidden_without(papers),
        papers="".join(map(_paper, papers)),
        paper_notes=escape(" ".join(report.paper.notes if report.paper else ())),
        without_commands=_hidden_without(report.commands),
        commands=escape("\n".join(report.commands)),
    )


def _head(column: str) -> str:
    first = "descending" if COLUMNS[column].better == "higher" else "ascending"
    return f'<th scope="col"><button data-first="{first}">{header(column, "<br>")}</button></th>'


def _paper(table: Table) -> str:
    head = "".join(f'<th scope="col">{header(column, "<br>")}</th>' for column in table.columns)
    lines = "".join(_line(line, table.columns) for line in table.lines)
    return (
        f'<h2>{escape(table.heading)}</h2><div class="card"><table class="values">'
        f"<thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _line(line: Line, columns: Iterable[str]) -> str:
    cells = "".join(_cell(line.cells.get(column)) for column in columns)
    return f'<tr><th scope="row">{escape(line.title)}</th>{cells}</tr>'


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    mark = ' class="best"' if cell.best else ""
    interval = f"<small>{cell.interval}</small>" if cell.interval else ""
    # JavaScript's numbers call it Infinity.
    value = str(cell.value).replace("inf", "Infinity")
    return f'<td{mark} data-value="{value}">{cell.text}{interval}</td>'


def _pictures(comparison: Comparison) -> Iterator[str]:
    for number, pictures in enumerate(comparison.rows, start=1):
        yield "<tr>"
        for title, picture in zip(comparison.titles, pictures, strict=True):
            image = f'<img alt="{escape(title)}, photo {number}" src="{_uri(picture)}">' if picture else "–"
            yield f"<td>{image}</td>"
        yield "</tr>"


def _uri(picture: Image.Image) -> str:
    return "data:image/webp;base64," + base64.b64encode(encode(picture, "WEBP")).decode()


def _facts(rows: Iterable[Sequence[str]]) -> str:
    """A row of each tuple of texts, headed by the first."""
    return "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(text)}</td>" for text in texts)}</tr>'
        for name, *texts in rows
    )


def _hidden_without(content: Sequence[object]) -> str:
    return "" if content else "hidden"
