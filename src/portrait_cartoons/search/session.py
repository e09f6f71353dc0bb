"""A search from its first run to its table."""

from pathlib import Path

from rich.console import Console

from portrait_cartoons.evaluation.text import show_tables
from portrait_cartoons.files import write
from portrait_cartoons.runs.lock import LockedError, locked
from portrait_cartoons.search.agent import work
from portrait_cartoons.search.file import Search, SweepError
from portrait_cartoons.search.measure import evaluated
from portrait_cartoons.search.plan import overrides
from portrait_cartoons.search.record import DONE, Folder
from portrait_cartoons.search.table import arranged, table_csv

TABLE = "table.csv"


def finish(search: Search, path: Path, shared: list[str]) -> list[str]:
    """Train the runs that are missing, evaluate all that have a result, and show the table.

    Where other processes are still at some runs, the table is left to the last of them. Returns a sentence about each
    run that failed. Raises SweepError where none has a result.
    """
    folder = Folder(path)
    folder.begin(search, shared)
    work(search, folder, shared)
    records = {number: record for number, record in folder.records().items() if number <= search.runs}
    failed = [f"run {number}: {record.reason}" for number, record in records.items() if record.state == "failed"]
    if missing := search.runs - len(failed) - sum(record.state in DONE for record in records.values()):
        print(f"other processes are at {missing} of the runs; the last of them makes the table")
        return failed
    done = {number: record for number, record in records.items() if record.state in DONE}
    if not done:
        raise SweepError("\n  - ".join(["all runs failed", *failed]))
    try:
        with locked(path):
            report = evaluated(folder, done, [*shared, *overrides(next(iter(done.values())).values)])
    except LockedError:
        print("another process makes the table")
        return failed
    table = arranged(search.sweep, folder, done, report)
    write(path / TABLE, table_csv(table))
    show_tables([table], Console())
    if search.sweep.metric and all(record.metric is None for record in done.values()):
        print(f"no run has logged {search.sweep.metric.name}, which {search.file} optimises")
    print(f"the table is {path / TABLE}, the report with pictures is in {path / 'evaluation'}")
    return failed
