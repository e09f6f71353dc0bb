"""The figures of a benchmark for people."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from portrait_cartoons.speed.profile import CONVOLUTIONS

# Images the loader must deliver per image trained on, since training takes its share of the processors.
LEAST_RATIO = 3
MOST_LOOP = 1.03  # what is around a step may take so much of it
LEAST_SHARE = 0.02  # of a step's time, for a kind of operation to have a row

Report = dict[str, Any]


def table(report: Report) -> Table:
    """The figures of one model."""
    loader, training, inference, evaluation = (
        report[part] for part in ("loader", "training", "inference", "evaluation")
    )
    title = (
        report["model"],
        f"{report['size']} px",
        f"batch size {report['batch_size']}",
        report["way"],
        report["device"],
    )
    result = Table("", "median", "fastest .. slowest", "", title=", ".join(title))
    measured = {
        "load a batch": loader,
        "training step": training,
        "translate an image": inference,
        "evaluate a batch": evaluation,
    }
    for name, timing in measured.items():
        extremes = f"{_si(timing['fastest'], 's')} .. {_si(timing['slowest'], 's')}"
        result.add_row(name, _si(timing["seconds"], "s"), extremes, f"{timing['images_per_second']:.3g} images/s")
    for stage, seconds in report["loader_stages"].items():
        result.add_row(f"a sample: {stage}", _si(seconds, "s"), "", "in one process")
    times = f"{training['times_reference']:.2f} times as fast"
    result.add_row("reference step", _si(training["reference"], "s"), "in turn with the step", times)
    loop = training["loop_per_step"]
    result.add_row(
        "loop / step", f"{loop:.3f}", f"at most {MOST_LOOP}", "ok" if loop <= MOST_LOOP else "much around it"
    )
    ratio = report["loader_per_training"]
    verdict = "ok" if ratio >= LEAST_RATIO else "the loader holds training up"
    result.add_row("loader / training", f"{ratio:,.1f}", f"at least {LEAST_RATIO}", verdict)
    share = f"{evaluation['forward_share']:.0%}"
    result.add_row("passes / evaluation", share, "of the time", f"with {evaluation['features']}", end_section=True)
    for name, part in (("FLOPs of a step", training), ("FLOPs of an image", inference)):
        share = f"{part['share_of_machine']:.1%} of the fastest convolution"
        result.add_row(name, _si(part["flops"], "FLOP"), "", share)
    for kind, share_of_time in training.get("time_shares", {}).items():
        if share_of_time >= LEAST_SHARE:
            alone = f"at {_in_convolutions(training):.1%} of the fastest" if kind == CONVOLUTIONS else ""
            result.add_row(f"a step: {kind}", f"{share_of_time:.0%}", "of its time", alone)
    for dtype, rate in report["machine_flops_per_second"].items():
        result.add_row(f"{dtype} here", _si(rate, "FLOP/s"), "in convolutions", report["instructions"])
    whose = "of the process" if report["device"].startswith("CPU") else "on the device"
    result.add_row("peak memory", _si(training["peak_memory"], "B"), whose, end_section=True)
    for player, count in report["parameters"].items():
        result.add_row(f"parameters, {player}", _si(count, ""))
    return result


def overview(reports: Sequence[Report]) -> Table:
    """A row per model: of each part the figures that tell whether it is as fast as it could be here."""
    first = reports[0]
    result = Table(title=f"{first['size']} px, {first['device']}, {first['instructions']}")
    for heading, _ in COLUMNS:
        result.add_column(heading, justify="left" if heading == "model" else "right")
    for report in reports:
        result.add_row(*(shown(report) for _, shown in COLUMNS))
    return result


COLUMNS: list[tuple[str, Callable[[Report], str]]] = [
    ("model", lambda r: r["model"]),
    ("batch", lambda r: str(r["batch_size"])),
    ("way", lambda r: r["way"]),
    ("step", lambda r: _si(r["training"]["seconds"], "s")),
    ("x reference", lambda r: f"{r['training']['times_reference']:.2f}"),
    ("of machine", lambda r: f"{r['training']['share_of_machine']:.0%}"),
    ("convolutions", lambda r: _percent(r["training"].get("time_shares", {}).get(CONVOLUTIONS))),
    ("loop / step", lambda r: f"{r['training']['loop_per_step']:.3f}"),
    ("loader / step", lambda r: f"{r['loader_per_training']:.3g}"),
    ("evaluate", lambda r: _si(r["evaluation"]["seconds"] / r["evaluation"]["images"], "s")),
    ("translate", lambda r: _si(r["inference"]["seconds"], "s")),
    ("parameters", lambda r: _si(r["parameters"]["total"], "")),
    ("memory", lambda r: _si(r["training"]["peak_memory"], "B")),
    ("work", lambda r: _si(r["training"]["flops"], "FLOP")),
]

# What can be compared between two times on one machine, whatever else ran there.
COMPARED: dict[str, Callable[[Report], float]] = {
    "x reference": lambda r: r["training"]["times_reference"],
    "of machine": lambda r: r["training"]["share_of_machine"],
    "loop / step": lambda r: r["training"]["loop_per_step"],
    "loader / step": lambda r: r["loader_per_training"],
    "memory": lambda r: r["training"]["peak_memory"],
    "work": lambda r: r["training"]["flops"],
    "parameters": lambda r: r["parameters"]["total"],
}


def changes(now: Sequence[Report], before: Sequence[Report]) -> Table:
    """How the figures that do not depend on what else ran differ from those of an earlier file, for the same models."""
    earlier = {_subject(report): report for report in before}
    result = Table("model", "figure", "before", "now", "change", title="compared with the earlier file")
    for report in now:
        if (old := earlier.get(_subject(report))) is None:
            result.add_row(report["model"], "not in the earlier file")
            continue
        for name, figure in COMPARED.items():
            then, found = figure(old), figure(report)
            result.add_row(report["model"], name, f"{then:.4g}", f"{found:.4g}", f"{found / then - 1:+.1%}")
    return result


def _subject(report: Report) -> tuple[str, int, int]:
    return report["model"], report["size"], report["batch_size"]


def _in_convolutions(training: Report) -> float:
    """The share of the machine's rate that a step reaches while it convolves, where nearly all of its FLOPs are."""
    return training["share_of_machine"] / training["time_shares"][CONVOLUTIONS]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _si(value: float, unit: str) -> str:
    """Three digits and the unit with its prefix: 0.01234 s is 12.3 ms."""
    value = float(f"{value:.3g}")  # before the prefix is chosen, because 999.9 is 1 k
    prefixes = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ"}
    factor = next((factor for factor in prefixes if value >= factor), 1e-6)
    return f"{value / factor:.3g} {prefixes[factor]}{unit}".rstrip()
