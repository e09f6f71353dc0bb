"""Run a sweep file of W&B without an account: each of its trainings in turn, then one table of them all.

    python -m src.sweep sweeps/<file>.yaml [output=<folder>] [runs=<number>] [key=value ...]

Methods grid, random and bayes (with Optuna: pip install 'portrait-cartoons[sweep]'), and early_terminate. A run that
fails is reported, and the others go on. Start the command again to continue: what is done is not done again, and what
was stopped goes on where it was. Started once per GPU, or on several machines with a common folder, it shares the runs:

    CUDA_VISIBLE_DEVICES=0 python -m src.sweep sweeps/selfiegan_grid.yaml &
    CUDA_VISIBLE_DEVICES=1 python -m src.sweep sweeps/selfiegan_grid.yaml

Examples:

    python -m src.sweep sweeps/selfiegan_grid.yaml data=toy metrics.features=random
    python -m src.sweep sweeps/selfiegan_bayes.yaml runs=10 output=runs/first_ten
"""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from portrait_cartoons.check import checked_runs, refuse_foreign_code
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.arguments import key_of, split
from portrait_cartoons.cli.config import CONF, literal
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded
from portrait_cartoons.search.file import Search, read
from portrait_cartoons.search.plan import extremes, overrides

OPTIONS = CONF / "sweep.yaml"
ROOT = Path("runs", "sweeps")


@dataclass
class Options:
    """The types of the keys in conf/sweep.yaml, which explains them."""

    output: str | None
    runs: int | None


class FailedRunsError(UserError):
    """Some runs of the search failed; the others have their results."""

    exit_code = 1


def main(arguments: list[str]) -> None:
    """Run the command. Wrong use, and a file that cannot be run, raise UserError before any run."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS))
        return
    file, options, typed = parsed(arguments)
    search = read(expanded(file), options.runs)
    shared = shared_overrides(search, typed)
    signal.signal(signal.SIGTERM, _terminated)

    from portrait_cartoons.search.session import finish  # Lightning comes with it, which wrong use need not wait for

    folder = expanded(options.output) if options.output else ROOT / search.file.stem
    if failed := finish(search, folder, shared):
        raise FailedRunsError("\n  - ".join(["some of the runs failed; start again to repeat them", *failed]))


def parsed(arguments: list[str]) -> tuple[str, Options, list[str]]:
    """The file, the options, and the overrides of all runs. Raises OptionError."""
    files = [argument for argument in arguments if split(argument)[1] is None]
    if len(files) != 1 or files[0].startswith("-"):
        raise OptionError("name one sweep file, for example sweeps/selfiegan_grid.yaml; all else is key=value")
    ours = [argument for argument in arguments if key_of(argument) in ("output", "runs")]
    options = parse_options(Options, OPTIONS, ours, {"runs": "a whole number or null"})
    if options.runs is not None and options.runs < 1:
        raise OptionError(f"runs={options.runs}: it must be a whole number of at least 1")
    return files[0], options, [literal(a) for a in arguments if a not in (*files, *ours)]


def shared_overrides(search: Search, typed: list[str]) -> list[str]:
    """What all runs are started with: the file's overrides and, instead of those of the same keys, the ones typed.

    Raises UserError where a run would be refused, or where the file would decide what code runs.
    """
    given = {key_of(text) for text in typed}
    if clash := sorted(given & {*search.sweep.parameters, "resume", "run_dir"}):
        raise OptionError(f"{clash[0]}= differs from run to run: leave it out, or change {search.file}")
    fixed = [literal(text) for text in search.sweep.fixed if key_of(text) not in given]
    runs = [[*fixed, *overrides(values)] for values in extremes(search.sweep)]
    for run in runs:
        refuse_foreign_code("train", run, typed, search.file)
    checked_runs("train", [[*run, *typed] for run in runs])
    return [*fixed, *typed]


def _terminated(number: int, _: FrameType | None) -> NoReturn:
    """Leave, so that the training at hand is told to save its state first."""
    sys.exit(128 + number)
