"""The page of a run: its samples epoch by epoch and its curves, in one file that opens from disk.

Made during training; `python -m src.gallery <run folder>` makes it anew.
"""

import base64
import io
import json
import math
import re
from datetime import datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import write
from portrait_cartoons.runs.meaning import meaning
from portrait_cartoons.runs.names import CONFIG, METRICS, PAGE, SAMPLES

_MAX_FRAMES = 60
_MAX_POINTS = 200
_MAX_SIDE = 1600  # pixels of an embedded sample grid
_WEBP_QUALITY = 80
# The groups of charts that are shown first, and the headings of those whose names are short.
_TITLES = {
    "val": "Validation",
    "train": "Training",
    "lr": "Learning rate",
    "grad_norm": "Gradient norm",
    "time": "Time",
}


def write_gallery(run_dir: Path) -> Path:
    """Write `index.html` into a run's folder, atomically, from its samples, metrics.csv and config.yaml.

    Whatever of these is missing or cannot be read is left out. At most 60 epochs or so are embedded, evenly spaced,
    with the first and the last; longer curves are thinned to 200 points. Raises UserError where there is no folder.
    """
    if not run_dir.is_dir():
        raise UserError(f"there is no run folder {run_dir}: name one that a training has written")
    from portrait_cartoons.runs.metrics_csv import read_metrics  # loads Lightning, which takes seconds

    rows = read_metrics(run_dir / METRICS)
    series = _series(rows)
    data = {"frames": _frames(run_dir / SAMPLES, rows), "groups": _groups(series)}
    config = run_dir / CONFIG
    page = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8")).substitute(
        name=escape("/".join(run_dir.resolve().parts[-2:])),
        status=_status(rows),
        validation=_validation_table(series),
        config=escape(config.read_text(encoding="utf-8", errors="replace") if config.exists() else f"no {CONFIG}"),
        # An end tag or a comment in a name must not end the script element.
        data=json.dumps(data, allow_nan=False).replace("<", "\\u003c"),
    )
    path = run_dir / PAGE
    write(path, page)
    return path


def _frames(folder: Path, rows: list[dict[str, float]]) -> list[dict[str, Any]]:
    """The sample grids to embed: epoch, the last step logged in it (or 0) and the picture as a data URI."""
    epochs = {int(m[1]): path for path in folder.glob("epoch_*.png") if (m := re.fullmatch(r"epoch_(\d+)", path.stem))}
    numbers = sorted(epochs)
    # The stride stays the same for many epochs, and so do the pictures already encoded.
    stride = math.ceil(len(numbers) / _MAX_FRAMES) or 1
    last_step = {row["epoch"] + 1: row["step"] for row in rows if "epoch" in row}
    return [
        {"epoch": epoch, "step": last_step.get(epoch, 0), "image": image}
        for epoch in dict.fromkeys(numbers[::stride] + numbers[-1:])
        if (image := _data_uri(epochs[epoch], epochs[epoch].stat().st_mtime_ns))
    ]


@lru_cache(maxsize=2 * _MAX_FRAMES)
def _data_uri(path: Path, _modified: int) -> str | None:
    """The picture as WebP; None where it cannot be read."""
    try:
        with Image.open(path, formats=["PNG"]) as file:
            image = file.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    image.thumbnail((_MAX_SIDE, _MAX_SIDE))
    encoded = io.BytesIO()
    image.save(encoded, "WEBP", quality=_WEBP_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode()


def _series(rows: list[dict[str, float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of each metric, in order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "epoch"))
    points = {name: np.array([(row["step"], row[name]) for row in rows if name in row]) for name in names}
    return {name: (xy[:, 0], xy[:, 1]) for name, xy in points.items()}


def _baseline(name: str, series: dict[str, tuple[np.ndarray, np.ndarray]]) -> float | None:
    """The latest value of baseline/<tail>, measured on the unchanged photos, for val/<tail>."""
    if not name.startswith("val/") or (reference := "baseline/" + name.removeprefix("val/")) not in series:
        return None
    value = float(series[reference][1][-1])
    return value if math.isfinite(value) else None


def _groups(series: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """The charts by the first part of their names."""
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in _TITLES}
    for name, (steps, values) in series.items():
        group, _, tail = name.partition("/")
        if group == "baseline" and f"val/{tail}" in series:
            continue
        finite = np.isfinite(values)
        curve = _thin(steps[finite], values[finite])
        extra = {"baseline": _baseline(name, series), "invalid": int((~finite).sum())}
        groups.setdefault(group, []).append(
            {"name": tail or group, "metric": name, "meaning": meaning(name), **curve, **extra}
        )
    return [{"name": _TITLES.get(name, name), "charts": charts} for name, charts in groups.items() if charts]


def _thin(steps: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """Points x, y of a curve; a long one becomes the means of equal buckets with their lowest and highest values."""
    buckets = np.array_split(np.arange(len(steps)), min(len(steps), _MAX_POINTS) or 1)
    if len(steps) <= _MAX_POINTS:
        return {"x": steps.tolist(), "y": _short(values), "low": None, "high": None}
    return {
        "x": [float(steps[i[-1]]) for i in buckets],
        "y": _short(values[i].mean() for i in buckets),
        "low": _short(values[i].min() for i in buckets),
        "high": _short(values[i].max() for i in buckets),
    }


def _short(values: Any) -> list[float]:
    """With five digits, more than can be seen."""
    return [float(f"{value:.5g}") for value in values]


def _status(rows: list[dict[str, float]]) -> str:
    now = datetime.now().astimezone()
    updated = f'<time datetime="{now.isoformat(timespec="seconds")}">{now:%Y-%m-%d %H:%M}</time>'
    if not rows:
        return f"Nothing logged yet · {updated}"
    epoch = max((row["epoch"] for row in rows if "epoch" in row), default=0)
    return f"Epoch {epoch + 1:.0f} · step {rows[-1]['step']:,.0f} · {updated}"


def _validation_table(series: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    rows = [
        f'<tr><th scope="row">{escape(name.removeprefix("val/"))}</th><td>{values[0]:.4g}</td>'
        f"<td>{values[-1]:.4g}</td><td>{'–' if (reference := _baseline(name, series)) is None else f'{reference:.4g}'}"
        "</td></tr>"
        for name, (_, values) in series.items()
        if name.startswith("val/")
    ]
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Validation", "First", "Latest", "Unchanged photo"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
