"""The folder of a search: what it searches, and a record of each run, so that it can be continued by anybody."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from portrait_cartoons.files import write
from portrait_cartoons.runs.lock import LockedError, locked
from portrait_cartoons.search.file import Search, SweepError

SEARCH = "search.json"
DONE = ("finished", "ended early")


class Record(BaseModel):
    """How a run stands; `metric` is the best value of its validations, and `reason` says why it failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, Any]
    state: Literal["running", "finished", "ended early", "failed"]
    metric: float | None = None
    reason: str = ""


class Folder:
    """Of the search `path`/search.json, of its run n `path`/00n.json, `path`/00n (its run folder) and `path`/00n.txt.

    Several processes may work in one folder: each run belongs to whoever has its lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, search: Search, overrides: list[str]) -> None:
        """Make the folder, or go on in it. Raises SweepError where it holds something else."""
        # More runs, or fewer, are the same search.
        meant = search.sweep.model_dump(mode="json", exclude={"run_cap", "name", "description", "project", "entity"})
        content = json.dumps({"overrides": overrides, "sweep": meant}, indent=2)
        file = self.path / SEARCH
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not file.exists() and not any(self.path.iterdir()):
                write(file, content)
            found = file.read_text(encoding="utf-8") if file.is_file() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise SweepError(f"output={self.path} cannot be used ({error}): name another folder") from error
        if found != content:
            kept = "another search, or this one with other overrides," if found else "other files"
            raise SweepError(f"output={self.path} holds {kept}: name another folder with output=<folder>")

    def run(self, number: int) -> Path:
        return self.path / f"{number:03d}"

    def log(self, number: int) -> Path:
        return self.path / f"{number:03d}.txt"

    def records(self) -> dict[int, Record]:
        """By number; a damaged one counts as missing."""
        found = {}
        for file in sorted(self.path.glob("[0-9]*.json")):
            try:
                found[int(file.stem)] = Record.model_validate_json(file.read_bytes())
            except (OSError, ValidationError, ValueError):
                continue
        return found

    def keep(self, number: int, record: Record) -> None:
        """Write the record in place of the one before. Raises SweepError where the disk refuses."""
        try:
            write(self.path / f"{number:03d}.json", record.model_dump_json(indent=2))
        except OSError as error:
            raise SweepError(f"cannot write into {self.path} ({error.strerror}): make room and start again") from error

    @contextmanager
    def claimed(self, number: int) -> Iterator[bool]:
        """Whether the run is ours inside; not where another process is at it, even one whose search was killed."""
        with ExitStack() as locks:
            try:
                locks.enter_context(locked(self.path, f".{number:03d}.claim"))
                if self.run(number).is_dir():
                    locked(self.run(number)).close()
            except LockedError:
                yield False
            else:
                yield True
