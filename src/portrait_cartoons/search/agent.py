"""Trains the runs of a search one after another: those that are missing and that no other process is at."""

import math
from collections.abc import Sequence
from pathlib import Path

from portrait_cartoons.runs.metrics_csv import read_metrics
from portrait_cartoons.runs.names import CHECKPOINTS, METRICS
from portrait_cartoons.search.child import last_words, ran
from portrait_cartoons.search.file import Search
from portrait_cartoons.search.halving import hopeless
from portrait_cartoons.search.plan import Values, overrides, planned
from portrait_cartoons.search.record import DONE, Folder, Record


def work(search: Search, folder: Folder, shared: Sequence[str]) -> None:
    """Train every run of the search that is not done; one that fails is told of, and the others go on.

    Each is begun with the overrides that all share and those of its values. A run that was stopped is continued.
    """
    for number in range(1, search.runs + 1):
        with folder.claimed(number) as ours:
            records = folder.records()
            record = records.pop(number, None)
            if not ours or (record and record.state in DONE):
                continue
            values = record.values if record else planned(search.sweep, number, records)
            folder.keep(number, Record(values=values, state="running"))
            told = " ".join(f"{key}={value}" for key, value in values.items())
            print(f"run {number} of {search.runs}: {told}; its output is {folder.log(number)}", flush=True)
            record = _trained(search, folder, number, [*shared, *overrides(values)], values)
            folder.keep(number, record)
            print(f"  {_told(search, record)}", flush=True)


def _trained(search: Search, folder: Folder, number: int, arguments: list[str], values: Values) -> Record:
    run, rule = folder.run(number), search.sweep.early_terminate

    def enough() -> bool:
        others = [_history(search, folder.run(n)) for n in folder.records() if n != number]
        return rule is not None and hopeless(rule, _history(search, run), others)

    begun = any((run / CHECKPOINTS).glob("*.ckpt"))
    code = ran(["train", *([f"resume={run}"] if begun else [*arguments, f"run_dir={run}"])], folder.log(number), enough)
    history = _history(search, run)
    best = min(history, default=None)
    if best is not None and search.sweep.metric and search.sweep.metric.goal == "maximize":
        best = -best
    if code == 0 or enough():
        return Record(values=values, state="ended early" if code else "finished", metric=best)
    reason = last_words(folder.log(number)) or f"it ended with code {code}"
    return Record(values=values, state="failed", metric=best, reason=reason)


def _history(search: Search, run: Path) -> list[float]:
    """The metric after each validation of a run so far, smaller being better."""
    if not (metric := search.sweep.metric):
        return []
    sign = -1 if metric.goal == "maximize" else 1
    values = [sign * row[metric.name] for row in read_metrics(run / METRICS) if metric.name in row]
    return [value for value in values if math.isfinite(value)]


def _told(search: Search, record: Record) -> str:
    metric = (
        "" if record.metric is None or not search.sweep.metric else f", {search.sweep.metric.name} {record.metric:.4g}"
    )
    return f"failed: {record.reason}" if record.state == "failed" else f"{record.state}{metric}"
