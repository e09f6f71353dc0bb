"""The files of a report, all made from its JSON and the pictures beside it."""

import os
from pathlib import Path

from portrait_cartoons.evaluation.grid import compare, draw, encode
from portrait_cartoons.evaluation.page import page
from portrait_cartoons.evaluation.report import Report, ReportError, dumped
from portrait_cartoons.evaluation.text import report_csv, report_markdown

_PHOTOS = 12  # of the comparison in the page; the picture for papers has half as many


def write(report: Report, folder: Path) -> None:
    """Write report.json, report.md, report.csv, index.html and, where there are pictures, grid.png into the folder.

    Each file is written atomically, the JSON first, because the others can be made from it. Raises ReportError where
    the disk refuses.
    """
    _replace(folder / "report.json", dumped(report))
    comparison = compare(report, folder, _PHOTOS)
    if comparison.rows:
        _replace(folder / "grid.png", encode(draw(compare(report, folder, _PHOTOS // 2)), "PNG"))
    _replace(folder / "report.md", report_markdown(report, "grid.png" if comparison.rows else None).encode())
    _replace(folder / "report.csv", report_csv(report).encode())
    _replace(folder / "index.html", page(report, comparison).encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}; make room or name another output") from error
