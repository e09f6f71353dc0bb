"""The numbers of a run as one table: `metrics.csv`, a row per logged step, that survives kills and resumes."""

import csv
import io
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from portrait_cartoons.files import write
from portrait_cartoons.runs.names import METRICS


class MetricsCSV(Logger):
    """Writes `<folder>/metrics.csv`: columns step, epoch, then the metrics in order of appearance.

    Metrics logged for one step share its row, and steps never decrease within a session. After a resume the rows from
    the first step on that is logged again are dropped, because they come from work after the checkpoint, which is now
    repeated: the file goes on as if the run had never stopped.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.path = Path(folder) / METRICS
        self._columns: list[str] = []  # those of the file; none until this session first writes
        self._row: dict[str, str] = {}  # the row of the latest step, which may still grow
        self._row_start = 0  # where that row begins in the file, in bytes

    @property
    def name(self) -> str:
        """Empty: the folder belongs to one run."""
        return ""

    @property
    def version(self) -> str:
        """Empty: the folder belongs to one run."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.path.parent)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the run's `config.yaml` keeps them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Add scalars to the row of a step, by default to that of the step before."""
        row_step = self._row.get("step", "0") if step is None else str(step)
        if row_step != self._row.get("step"):
            if self._row:
                self._row_start += self._write_row()
            self._row = {"step": row_step}
        self._row |= {name: str(v.item() if isinstance(v, Tensor) else v) for name, v in metrics.items()}

    @rank_zero_only
    def save(self) -> None:
        """Bring the file up to date; the work does not grow with its length unless a new metric has appeared."""
        if self._row:
            self._write_row()

    def _write_row(self) -> int:
        """Put the latest row in its place at the end of the file and return its length in bytes."""
        if not self._row.keys() <= set(self._columns) or not self.path.exists():  # a user may have taken it away
            self._rewrite()
        line = _csv_lines([[self._row.get(name, "") for name in self._columns]])
        with open(self.path, "r+b") as file:
            file.seek(self._row_start)
            file.truncate()
            file.write(line)
        return len(line)

    def _rewrite(self) -> None:
        """Write the file anew with all columns, up to the latest row."""
        step = int(self._row["step"])
        earlier = [row for row in _read_rows(self.path) if int(row["step"]) < step]
        self._columns = list(dict.fromkeys(chain(("step", "epoch"), *earlier, self._row)))
        content = _csv_lines([self._columns, *([row.get(name, "") for name in self._columns] for row in earlier)])
        write(self.path, content)
        self._row_start = len(content)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a metrics file, each without its blank cells; none where there is no file.

    A last line without its end, as a kill can leave it, and cells that are no numbers are left out.
    """
    return [{name: v for name, cell in row.items() if (v := _number(cell)) is not None} for row in _read_rows(path)]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _read_rows(path: Path) -> list[dict[str, str]]:
    """The whole lines of a metrics file that have a step, by column, without blank cells."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
    header = next(lines, [])
    rows = [{name: cell for name, cell in zip(header, line, strict=False) if cell} for line in lines]
    return [row for row in rows if row.get("step", "").isdecimal()]


def _csv_lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
