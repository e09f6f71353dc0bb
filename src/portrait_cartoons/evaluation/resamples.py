"""How the values of each system vary between resamples, kept beside the report so that later systems are compared."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from portrait_cartoons.evaluation.bootstrap import Estimate
from portrait_cartoons.evaluation.report import ReportError, Row
from portrait_cartoons.files import atomic

FOLDER = "resamples"


def keep(folder: Path, name: str, estimates: Mapping[str, Estimate]) -> None:
    """Write the deviations of a system's estimates into a report's folder. Raises ReportError if the disk refuses."""
    file = folder / FOLDER / f"{name}.npz"
    arrays = {key: e.deviations.numpy().astype(np.float32) for key, e in estimates.items() if e.deviations is not None}
    try:
        file.parent.mkdir(exist_ok=True)
        with atomic(file) as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise ReportError(f"cannot write {file}: {error.strerror}; make room or name another output") from error


def kept(folder: Path, row: Row) -> dict[str, Estimate]:
    """The estimates of a row with what `keep` has written; no estimate where that cannot be read any more."""
    try:
        with np.load(folder / FOLDER / f"{row.name}.npz", allow_pickle=False) as arrays:
            return {
                key: Estimate(row.values[key].value, torch.from_numpy(arrays[key].astype(np.float64)))
                for key in arrays.files
                if key in row.values
            }
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
