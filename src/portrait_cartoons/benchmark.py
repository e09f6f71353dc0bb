"""Measure how fast this machine loads data, trains and translates, and which share of its own rate that is.

    python -m src.benchmark [group=choice ...] [key=value ...] [steps=5] [json=<file>]

Groups and keys are those of src.train, but where no experiment is chosen pictures have the published 256 pixels.
Nothing is kept of what is trained. FLOPs are those of convolutions and matrix products, 2 per multiply-add.

  steps   how often each measurement is repeated; the median counts
  json    where to write the figures, in seconds, bytes, FLOPs and FLOPs per second

Examples:

    python -m src.benchmark model=cyclegan
    python -m src.benchmark trainer.precision=bf16-mixed json=bf16.json
    python -m src.benchmark data=folder data.source.photo=photos data.source.cartoon=cartoons data.num_workers=4
"""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from portrait_cartoons.check import checked_config
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.arguments import split
from portrait_cartoons.cli.command import in_words_of_here
from portrait_cartoons.cli.config import literal
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, write

# What measures is imported late: help and wrong use need not wait for torch and Lightning.


@dataclass
class Options:
    """What the command understands beside the overrides of a configuration."""

    steps: int = 5
    json: Path | None = None


def main(arguments: list[str]) -> None:
    """Print the table and write the JSON file. Raises UserError for wrong use, ConfigError with all its problems."""
    if usage.asked(arguments):
        print(in_words_of_here(__doc__ or ""), end="")
        return
    options, overrides = split_options(arguments)
    # An experiment brings a size of its own.
    root = "train" if any(override.startswith("experiment=") for override in overrides) else "benchmark"
    cfg = checked_config(root, overrides)

    from portrait_cartoons.speed.figures import measure
    from portrait_cartoons.speed.table import table

    report = measure(cfg, options.steps)
    Console().print(table(report))
    if options.json:
        _write(options.json, json.dumps(report, indent=2) + "\n")


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
        elif key == "json":
            options.json = expanded(value)
            if not value or options.json.is_dir() or not options.json.parent.is_dir():
                raise UserError(
                    f"{argument} must name a file in a folder that exists; name another, or make the folder"
                )
        else:
            others.append(literal(argument))
    return options, others


def _write(path: Path, text: str) -> None:
    try:
        write(path, text)
    except OSError as error:
        raise UserError(f"json={path} cannot be written: {error.strerror}; name another file") from error
