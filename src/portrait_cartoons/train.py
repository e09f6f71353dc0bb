"""`python -m src.train model=cyclegan data=toy`: train, or continue, one model. See --help."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.check import checked_config, checked_sweep, valid_overrides
from portrait_cartoons.check.resume import resumed
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF, composed, literal
from portrait_cartoons.cli.flags import split_flags
from portrait_cartoons.cli.launch import first, launched, to_start
from portrait_cartoons.errors import UserError, first_line, reported

SIGNALS = 128  # exit codes above it tell of a signal

failed: list[str] = []  # the overrides of the runs of a --multirun that failed, once all have ended


class FailedRunsError(UserError):
    """Some runs of a --multirun failed, the others have their results."""

    exit_code = 1


def main(arguments: list[str]) -> None:
    """Train as the arguments say. Raises UserError for wrong use."""
    if usage.asked(arguments):
        print(usage.page("train"))
        return
    flags, given = split_flags(arguments)
    if flags.show:
        overrides = resumed(given)
        valid_overrides("train", overrides)
        print(OmegaConf.to_yaml(composed("train", overrides), resolve=flags.resolve), end="")
        return
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # a user's own model may fail, and must see where
    sys.argv[1:] = checked(given, flags.multirun)
    if not flags.multirun and (count := to_start(composed("train", sys.argv[1:]).trainer)) > 1:
        sys.exit(launched(count, "train", sys.argv[1:]))
    try:
        run()
    except Exception as error:
        if not type(error).__module__.startswith("submitit"):
            raise
        raise FailedRunsError(f"the jobs cannot all be followed to their end: {first_line(error)}") from error
    if failed:
        place = "in its job's output" if any(text.startswith("hydra/launcher=") for text in given) else "printed above"
        raise FailedRunsError("\n  - ".join([f"some of the runs failed, each for the reason {place}", *failed]))


def checked(arguments: list[str], multirun: bool = False) -> list[str]:
    """The arguments for Hydra, with `resume=` resolved. Raises ConfigError with all that is wrong with the start."""
    if multirun:
        overrides = [literal(argument) for argument in arguments]
        checked_sweep("train", overrides)
        return ["--multirun", *overrides]
    try:
        overrides = resumed(arguments)
        checked_config("train", overrides)
    except UserError as error:
        if first():
            raise
        sys.exit(error.exit_code)  # the first process says why
    return overrides


class Failures(Callback):
    """Finds the notes that failed runs have left, whichever process or machine they were on."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        notes = Path(config.hydra.sweep.dir).glob("*.failed")
        failed.extend(note.read_text() for note in sorted(notes, key=lambda note: int(note.stem)))


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def run(cfg: DictConfig) -> None:
    """Train; among several runs one that fails leaves a note, and the others go on."""
    from portrait_cartoons.training import train  # torch comes with it, which wrong use need not wait for

    ours = HydraConfig.get()
    several, job = ours.mode is RunMode.MULTIRUN, "SUBMITIT_EXECUTOR" in os.environ
    try:
        with reported():
            train(cfg)
        return
    except SystemExit as error:
        # A signal ends all the runs of this process; a job of a cluster has one.
        if not several or (isinstance(error.code, int) and error.code > SIGNALS and not job):
            raise
    except Exception:
        if not several:
            raise
        traceback.print_exc()
    Path(ours.sweep.dir, f"{ours.job.num}.failed").write_text(" ".join(ours.overrides.task))
