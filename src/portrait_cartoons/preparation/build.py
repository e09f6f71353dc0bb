"""Any folders of pictures become a data set: a function of the files' contents and the options alone.

Nothing depends on the order in which files are found or processes finish, and every file is written whole or not at
all. So a run that was interrupted goes on where it stopped, and what it makes is what a whole run makes.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from portrait_cartoons.image import save_image
from portrait_cartoons.preparation import splits
from portrait_cartoons.preparation.choose import choose
from portrait_cartoons.preparation.manifest import Journal, Row, write_manifest
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.products import Task, produce
from portrait_cartoons.preparation.sheet import contact_sheet, sample
from portrait_cartoons.preparation.sources import find_sources
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.progress import tracked

_OURS = re.compile(r".+-[0-9a-f]{12}\.\w+|\..+\.tmp")  # the names of files written here, finished or not


def build(options: Options, inputs: Iterable[Path], output: Path, pool: Pool) -> list[Row]:
    """Write the pictures, the contact sheets and the manifest, whose rows are returned, sorted by source.

    Raises OSError or ImageError where the disk refuses.
    """
    manifest, journal = output / f"{options.domain}.csv", Journal(output / f".{options.domain}.jsonl")
    rows = choose(find_sources(inputs), options, manifest, journal, pool)
    rows = sorted(_produced(rows, options, output, pool), key=lambda row: row.source)
    _tidy(rows, options, output)
    for split in splits.SPLITS:
        sheet = output / f"{options.domain}-{split}.jpg"
        if files := sample(output / row.file for row in rows if row.split == split):
            save_image(contact_sheet(files), sheet)
        else:
            sheet.unlink(missing_ok=True)
    write_manifest(manifest, rows)
    journal.path.unlink(missing_ok=True)
    return rows


def _produced(rows: list[Row], options: Options, output: Path, pool: Pool) -> Iterable[Row]:
    """The rows, once the files that they name are there; what fails now is left out."""
    for split in splits.SPLITS:
        (output / options.domain / split).mkdir(parents=True, exist_ok=True)
    tasks = {
        row.file: Task(Path(row.source), row.facts, options.size, options.crop, {output / row.file: "square"})
        for row in rows
        if row.facts and row.file and not (output / row.file).is_file()
    }
    reasons = dict(zip(tasks, tracked(pool.map(produce, tasks.values()), len(tasks), "writing"), strict=True))
    for row in rows:
        reason = reasons.get(row.file)
        yield replace(row, file="", split="", reason=reason) if reason else row


def _tidy(rows: list[Row], options: Options, output: Path) -> None:
    """Remove what earlier and interrupted runs wrote and this one did not; files of other names are the user's own."""
    wanted = {row.file for row in rows}
    for path in (output / options.domain).glob("*/*"):
        if _OURS.fullmatch(path.name) and path.relative_to(output).as_posix() not in wanted:
            path.unlink()
