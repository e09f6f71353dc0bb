"""Any folders of pictures become a data set: a function of the files' contents and the options alone.

Nothing depends on the order in which files are found or processes finish, and every file is written whole or not at
all. So a run that was interrupted goes on where it stopped, and what it makes is what a whole run makes.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from portrait_cartoons.files import clear
from portrait_cartoons.image import save_image
from portrait_cartoons.preparation import layout, splits
from portrait_cartoons.preparation.choose import choose, file_name
from portrait_cartoons.preparation.manifest import Journal, Row, write_manifest
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.products import Makers, Task, produce
from portrait_cartoons.preparation.sheet import contact_sheet, sample
from portrait_cartoons.preparation.sources import find_sources
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.progress import tracked

_OURS = re.compile(r".+-[0-9a-f]{12}\.\w+")  # the names of files written here


def build(
    options: Options, inputs: Iterable[Path], output: Path, makes: Collection[str], makers: Makers, pool: Pool
) -> list[Row]:
    """Write the pictures, the contact sheets and the manifest, whose rows are returned, sorted by source.

    Raises OSError or ImageError where the disk refuses.
    """
    manifest, journal = output / f"{options.domain}.csv", Journal(output / f".{options.domain}.jsonl")
    chosen = choose(find_sources(inputs), options, manifest, journal, pool)
    tasks = {
        row.source: Task(Path(row.source), row.facts, output, _files(row, options, makes))
        for row in chosen
        if row.split and row.facts
    }
    failures = _write(tasks, makers, pool)
    rows = []
    for row in sorted(chosen, key=lambda row: row.source):
        if failure := failures.get(row.source):
            del tasks[row.source]
            row = replace(row, split="", reason=failure)
        rows.append(replace(row, file=tasks[row.source].files[0].path) if row.source in tasks else row)
    wanted = {file.path for task in tasks.values() for file in task.files}
    made = layout.FOLDERS if "cartoons" in makes else ("target",) if "targets" in makes else ()
    owned = [folder for folder in layout.FOLDERS if folder.startswith(options.domain) or folder in made]
    _tidy(wanted, output, owned)
    _draw_sheets(wanted, output, owned)
    write_manifest(manifest, rows)
    journal.path.unlink(missing_ok=True)
    return rows


def _files(row: Row, options: Options, makes: Collection[str]) -> list[layout.File]:
    source = Path(row.source)
    key = splits.person(source, row.sha256, options.people)
    return layout.files_of(file_name(source, row.sha256), options.format, key, row.split, options.domain, makes)


def _write(tasks: dict[str, Task], makers: Makers, pool: Pool) -> dict[str, str]:
    """Write the files that are not there yet. Of the sources that fail, the reason."""
    left = {}
    for source, task in tasks.items():
        if missing := [file for file in task.files if not (task.output / file.path).is_file()]:
            left[source] = replace(task, files=missing)
    for folder in {(task.output / file.path).parent for task in left.values() for file in task.files}:
        folder.mkdir(parents=True, exist_ok=True)
    reasons = tracked(pool.map(partial(produce, makers=makers), left.values()), len(left), "writing")
    return {source: reason for source, reason in zip(left, reasons, strict=True) if reason}


def _tidy(wanted: Collection[str], output: Path, owned: Iterable[str]) -> None:
    """Remove what earlier and interrupted runs wrote and this one did not; files of other names are the user's own."""
    for folder in owned:
        for path in (output / folder).glob("*/*"):
            if _OURS.fullmatch(path.name) and path.relative_to(output).as_posix() not in wanted:
                path.unlink()
    clear(output)


def _draw_sheets(wanted: Iterable[str], output: Path, owned: Iterable[str]) -> None:
    """A contact sheet of each folder and split, none where there is no picture."""
    (output / "sheets").mkdir(exist_ok=True)
    parts: dict[str, list[Path]] = {f"{folder}-{split}": [] for folder in owned for split in splits.SPLITS}
    for path in wanted:
        folder, split, _ = path.split("/")
        parts[f"{folder}-{split}"].append(output / path)
    for name, paths in parts.items():
        sheet = output / "sheets" / f"{name}.jpg"
        if paths:
            save_image(contact_sheet(sample(paths)), sheet)
        else:
            sheet.unlink(missing_ok=True)
