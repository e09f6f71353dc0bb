"""The figures of a benchmark for people."""

from typing import Any

from rich.table import Table

# Images the loader must deliver per image trained on, since training takes its share of the processors.
LEAST_RATIO = 3


def table(report: dict[str, Any]) -> Table:
    """The figures for people."""
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
    ratio = report["loader_per_training"]
    verdict = "ok" if ratio >= LEAST_RATIO else "the loader holds training up"
    result.add_row("loader / training", f"{ratio:,.1f}", f"at least {LEAST_RATIO}", verdict)
    share = f"{evaluation['forward_share']:.0%}"
    result.add_row("passes / evaluation", share, "of the time", f"with {evaluation['features']}", end_section=True)
    for name, part in (("FLOPs of a step", training), ("FLOPs of an image", inference)):
        share = f"{part['share_of_machine']:.1%} of {part['dtype']}"
        result.add_row(name, _si(part["flops"], "FLOP"), "", share)
    for dtype, rate in report["machine_flops_per_second"].items():
        result.add_row(f"{dtype} here", _si(rate, "FLOP/s"), "in matrix products")
    whose = "of the process" if report["device"].startswith("CPU") else "on the device"
    result.add_row("peak memory", _si(training["peak_memory"], "B"), whose, end_section=True)
    for player, count in report["parameters"].items():
        result.add_row(f"parameters, {player}", _si(count, ""))
    return result


def _si(value: float, unit: str) -> str:
    """Three digits and the unit with its prefix: 0.01234 s is 12.3 ms."""
    value = float(f"{value:.3g}")  # before the prefix is chosen, because 999.9 is 1 k
    prefixes = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ"}
    factor = next((factor for factor in prefixes if value >= factor), 1e-6)
    return f"{value / factor:.3g} {prefixes[factor]}{unit}".rstrip()
