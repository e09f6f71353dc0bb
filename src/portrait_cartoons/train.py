"""`python -m src.train model=cyclegan data=toy`: train, or continue, one model. See --help."""

import os
import sys
import traceback

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.check import checked_config, checked_sweep, valid_overrides
from portrait_cartoons.check.resume import resumed
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF, composed, literal
from portrait_cartoons.cli.flags import split_flags
from portrait_cartoons.cli.launch import first, launched, to_start
from portrait_cartoons.errors import UserError, reported

SIGNALS = 128  # exit codes above it tell of a signal

failed: list[str] = []  # the overrides of the runs of a --multirun that failed


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
    run()
    if failed:
        raise FailedRunsError("\n  - ".join(["some of the runs failed, each for the reason printed above", *failed]))


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


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def run(cfg: DictConfig) -> None:
    """Train; among several runs one that fails is noted in `failed`, and the others go on."""
    from portrait_cartoons.training import train  # torch comes with it, which wrong use need not wait for

    several = HydraConfig.get().mode is RunMode.MULTIRUN
    try:
        with reported():
            train(cfg)
        return
    except SystemExit as error:
        if not several or (isinstance(error.code, int) and error.code > SIGNALS):
            raise
    except Exception:
        if not several:
            raise
        traceback.print_exc()
    failed.append(" ".join(HydraConfig.get().overrides.task))
