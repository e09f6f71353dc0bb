"""Measure how fast this machine loads data, trains and translates, and which share of its own rate that is.

    python -m src.benchmark [group=choice ...] [key=value ...] [steps=5] [json=<file>] [compare=<file>]

Groups and keys are those of src.train, but where no experiment is chosen pictures have the published 256 pixels.
Nothing is kept of what is trained. FLOPs are those of convolutions and matrix products, 2 per multiply-add. The
reference step computes the same in the plain way: float32, one batch in each pass, nothing compiled or fused; it is
timed in turn with the step. The machine's best rate is that of a 3 x 3 convolution with 256 channels.

  model    all measures every model, each in a process of its own, and prints a row for each that can be measured
  steps    how often each measurement is repeated; the median counts
  json     where to write the figures, in seconds, bytes, FLOPs and FLOPs per second
  compare  a file that json= wrote, to show what changed since

Examples:

    python -m src.benchmark model=cyclegan
    python -m src.benchmark model=all json=today.json compare=before.json
    python -m src.benchmark trainer=exact trainer.precision=bf16-mixed
    python -m src.benchmark data=folder data.source.photo=photos data.source.cartoon=cartoons data.num_workers=4
"""

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from portrait_cartoons.check import ConfigError, checked_config
from portrait_cartoons.check.overrides import applied
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.arguments import split
from portrait_cartoons.cli.command import in_words_of_here
from portrait_cartoons.cli.config import PACKAGE, composed, literal
from portrait_cartoons.cli.usage import groups
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, write

# What measures is imported late: help and wrong use need not wait for torch and Lightning.

COMPARABLE = {"model", "size", "batch_size", "training", "loader_per_training", "parameters"}  # what a report has


@dataclass
class Options:
    """What the command understands beside the overrides of a configuration."""

    steps: int = 5
    json: Path | None = None
    compare: Path | None = None
    all: bool = False


def main(arguments: list[str]) -> None:
    """Print the table and write the JSON file. Raises UserError for wrong use, ConfigError with all its problems."""
    if usage.asked(arguments):
        print(in_words_of_here(__doc__ or ""), end="")
        return
    options, overrides = split_options(arguments)
    before = _read(options.compare) if options.compare else []
    # An experiment brings a size of its own.
    root = "train" if any(override.startswith("experiment=") for override in overrides) else "benchmark"
    missing: list[str] = []
    if options.all:
        reports, missing = _every_model(root, overrides, options)
    else:
        cfg = _checked(root, overrides)
        name = composed(root, overrides, with_hydra=True).hydra.runtime.choices.model

        from portrait_cartoons.speed.figures import measure

        reports = [measure(cfg, name, options.steps)]
        _save(reports, options.json)

    from portrait_cartoons.speed.table import changes, overview, table

    console = Console()
    console.print(overview(reports) if options.all else table(reports[0]))
    if before:
        console.print(changes(reports, before))
    if missing:
        raise UserError(f"the table lacks {', '.join(missing)}, for the reasons above")


def _every_model(root: str, overrides: list[str], options: Options) -> tuple[list[dict[str, Any]], list[str]]:
    """The reports of all models that can be measured so, each saved as soon as it is known, and the names of the rest.

    Raises UserError where none can.
    """
    arguments = {name: [f"model={name}", *overrides] for name in groups()["model"]}
    problems: dict[str, ConfigError] = {}
    print("checking the configurations ...", flush=True)
    for name, own in arguments.items():
        try:
            with redirect_stdout(StringIO()):  # what it says would come once for each model
                _checked(root, own)
        except ConfigError as problem:
            problems[name] = problem
    if len(problems) == len(arguments):
        raise next(iter(problems.values()))
    for name, refusal in problems.items():
        print(f"{name}: {refusal}", file=sys.stderr)
    reports, missing = [], list(problems)
    for place, (name, own) in enumerate(arguments.items(), start=1):
        if name in problems:
            continue
        print(f"measuring {name}, {place} of {len(arguments)} ...", flush=True)
        if report := _apart([*own, f"steps={options.steps}"]):
            reports.append(report)
            _save(reports, options.json)
        else:
            missing.append(name)
    if not reports:
        raise UserError("no model could be measured, for the reasons above")
    return reports, missing


def _checked(root: str, overrides: list[str]) -> DictConfig:
    """The configuration, with random weights of feature networks: published ones are as fast, but may not be here."""
    found, _, problems = applied(root, overrides)
    seeing = () if problems else ("features", "discriminator")
    parts = [name for name in seeing if found.model.get(name, {}).get("weights")]
    return checked_config(root, [f"model.{name}.weights=random" for name in parts] + overrides)


def _apart(arguments: list[str]) -> dict[str, Any] | None:
    """The report of a process of its own, whose memory is not that of the models before; None if it said why not."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        module = [sys.executable, "-m", "portrait_cartoons", "benchmark", *arguments, f"json={file}"]
        path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        child = subprocess.run(module, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}, check=False)  # noqa: S603
        return None if child.returncode else _read(file)[0]


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        reports = json.loads(file.read_text())
        if reports and all(report.keys() >= COMPARABLE for report in reports):
            return reports
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    raise UserError(f"compare={file} is not a file that json= wrote; name another one")


def split_options(arguments: list[str]) -> tuple[Options, list[str]]:
    """The options of this command, and the other arguments. Raises UserError for a value that cannot be used."""
    options, others = Options(), []
    for argument in arguments:
        key, given = split(argument)
        value = given or ""
        if key == "steps":
            if not (value.isdecimal() and int(value)):
                raise UserError(f"{argument}: it must be a whole number of at least 1")
            options.steps = int(value)
        elif argument == "model=all":
            options.all = True
        elif key == "compare":
            options.compare = expanded(value)
        elif key == "json":
            options.json = expanded(value)
            if not value or options.json.is_dir() or not options.json.parent.is_dir():
                raise UserError(
                    f"{argument} must name a file in a folder that exists; name another, or make the folder"
                )
        else:
            others.append(literal(argument))
    return options, others


def _save(reports: list[dict[str, Any]], file: Path | None) -> None:
    if file is None:
        return
    try:
        write(file, json.dumps(reports, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"json={file} cannot be written: {error.strerror}; name another file") from error
