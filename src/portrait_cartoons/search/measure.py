"""The evaluation of all runs of a search, on the test pictures of its data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from portrait_cartoons.check.resume import differences
from portrait_cartoons.cli.config import composed, literal, plain
from portrait_cartoons.evaluation.report import Report, read
from portrait_cartoons.search.child import last_words, ran
from portrait_cartoons.search.file import SweepError
from portrait_cartoons.search.record import Folder, Record

SIZES = ("size", "load_size")  # which the evaluation takes from the checkpoints


def evaluated(folder: Folder, records: Mapping[int, Record], overrides: Sequence[str]) -> Report:
    """The report of `src.evaluate` on the runs, which it continues where there is one already.

    Args:
        overrides: those of one of the runs, which tell the data, the features and the device.

    Raises:
        SweepError: the evaluation failed.
    """
    output, log = folder.path / "evaluation", folder.path / "evaluation.txt"
    runs = ",".join(f"'{folder.run(number)}'" for number in records)
    print(f"evaluating {len(records)} runs; the output is {log}", flush=True)
    if ran(["evaluate", f"ckpt=[{runs}]", f"output={output}", *_options(list(overrides))], log):
        raise SweepError(f"the runs are trained, but their evaluation failed: {last_words(log)}")
    return read(output / "report.json")


def _options(overrides: list[str]) -> list[str]:
    """The arguments with which src.evaluate measures on the data of a training, as it was measured there."""
    choice = composed("train", overrides, with_hydra=True).hydra.runtime.choices.data
    trained = plain(composed("train", overrides))
    usual = plain(composed("train", [f"data={choice}"]))["data"]
    changed = [(key, now) for key, _, now in differences(usual, trained["data"]) if key not in SIZES]
    options = [f"data={choice}", *(literal(f"data.{key}={'null' if now is None else now}") for key, now in changed)]
    metrics = trained["metrics"]
    options += [f"{key}={metrics[key]}" for key in ("features", "weights") if metrics.get(key)]
    return [*options, *(["device=cpu"] if trained["trainer"]["accelerator"] == "cpu" else [])]


def row_of(report: Report, run: Path) -> str:
    """The name of the run's row. Raises StopIteration where it has none."""
    return next(row.name for row in report.rows if row.checkpoint and Path(row.checkpoint).is_relative_to(run))
