"""The files of a report, all made from its JSON and the pictures beside it."""

from pathlib import Path

from portrait_cartoons.evaluation.grid import compare, draw, encode
from portrait_cartoons.evaluation.page import page
from portrait_cartoons.evaluation.report import Report, ReportError, dumped
from portrait_cartoons.evaluation.text import report_csv, report_markdown
from portrait_cartoons.files import write as write_file

_PHOTOS = 12  # of the comparison in the page; the picture for papers has half as many


def write(report: Report, folder: Path) -> None:
    """Write report.json, report.md, report.csv, index.html and, where there are pictures, grid.png into the folder.

    Each file is written atomically, the JSON first, because the others can be made from it. Raises ReportError where
    the disk refuses.
    """
    comparison = compare(report, folder, _PHOTOS)
    grid = encode(draw(compare(report, folder, _PHOTOS // 2)), "PNG") if comparison.rows else None
    contents: dict[str, bytes | str | None] = {
        "report.json": dumped(report),
        "grid.png": grid,
        "report.md": report_markdown(report, "grid.png" if grid else None),
        "report.csv": report_csv(report),
        "index.html": page(report, comparison),
    }
    for name, content in contents.items():
        if content is not None:
            try:
                write_file(folder / name, content)
            except OSError as error:
                raise ReportError(
                    f"cannot write {folder / name}: {error.strerror}; make room or name another output"
                ) from error
