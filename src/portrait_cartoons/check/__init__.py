"""Every problem of a configuration at once, before any work: each one sentence that names the key and the way out."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from hydra.errors import HydraException
from omegaconf import DictConfig

from portrait_cartoons.check.foreign import unknown_targets, unsafe_overrides
from portrait_cartoons.check.overrides import applied, parsed, swept
from portrait_cartoons.check.static import signature_problems, static_problems
from portrait_cartoons.cli.config import plain
from portrait_cartoons.errors import UserError


class ConfigError(UserError):
    """Everything that is wrong with a configuration, one sentence per problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        several = "\n  - ".join((f"{len(self.problems)} problems in the configuration", *self.problems))
        super().__init__(several if len(self.problems) > 1 else self.problems[0])


def checked_config(root: str, overrides: list[str], networks: bool = True) -> DictConfig:
    """The configuration `root` (a file of conf/) with Hydra overrides, in which `check` finds nothing wrong.

    Without `networks` they are not tried: the command will not use those of the configuration.

    Raises:
        ConfigError: with every override that cannot be applied, or else every problem of what they describe.
    """
    cfg, _, problems = applied(root, overrides)
    problems += check(cfg, root, networks, bool(problems))
    if problems:
        raise ConfigError(problems)
    return cfg


def checked_sweep(root: str, overrides: list[str]) -> None:
    """Check every value of each override that holds several, beside the first value of the others.

    Raises:
        ConfigError: with the problems of all these configurations.
    """
    problems: dict[str, None] = {}
    for key in ("run_dir", "resume"):
        if any(text.lstrip("+").startswith(f"{key}=") for text in overrides):
            problems[f"{key} cannot go with --multirun, whose runs begin in folders of their own: leave it out"] = None
    if "trainer=ddp" in overrides and not any(text.startswith("hydra/launcher=") for text in overrides):
        problems["trainer=ddp cannot go with --multirun, whose runs share one process: use src.sweep"] = None
    if "hydra/launcher=slurm" in overrides and not shutil.which("srun"):
        problems[
            "hydra/launcher=slurm: srun is not found here; start on a cluster, or use hydra/launcher=submitit_local"
        ] = None
    values = [_single(text) for text in overrides]
    first = [texts[0] for texts in values]
    runs = [first, *([*first[:n], text, *first[n + 1 :]] for n, texts in enumerate(values) for text in texts[1:])]
    checked_runs(root, runs, problems)


def checked_runs(root: str, runs: Iterable[list[str]], known: Iterable[str] = ()) -> None:
    """Check the runs that these lists of overrides describe.

    Raises:
        ConfigError: with the problems that are known and those of all the runs.
    """
    problems = dict.fromkeys(known)
    for run in runs:
        try:
            checked_config(root, run)
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(problems)


def refuse_foreign_code(root: str, saved: list[str], typed: list[str], file: Path) -> None:
    """Refuse overrides saved in a file, which may come from another person, if they decide what code runs.

    Args:
        root: the file of conf/ they are meant for.
        saved: the overrides of the file, without those that `typed` replaces.
        typed: what the user gave beside them. The classes named there are the user's own choice.

    Raises:
        ConfigError: with a sentence about each.
    """
    problems = [f"{file}: {sentence}; mend that line or start a new run" for sentence in unsafe_overrides(saved)]
    if not problems:
        foreign = unknown_targets(applied(root, [*saved, *typed]).cfg, typed)
        problems = [
            f"{file} names {target}, which is not part of this project; if you know and trust it, give {key}={target}"
            " yourself"
            for key, target in foreign.items()
        ]
    if problems:
        raise ConfigError(problems)


def valid_overrides(root: str, overrides: list[str]) -> None:
    """Raise ConfigError with every override that cannot be applied; what the others describe is not looked at."""
    if problems := applied(root, overrides).problems:
        raise ConfigError(problems)


def check(cfg: DictConfig, root: str = "train", networks: bool = True, at_once: bool = False) -> list[str]:
    """One sentence for each problem of a composed configuration of training, or of another root that extends it.

    Args:
        root: the file of conf/ whose keys are known at the top level.
        networks: whether to try networks, optimizers and trainer, as for a training, or only to look for the pictures.
        at_once: whether to say only what can be said without importing the classes that the configuration names.
    """
    problems = static_problems(cfg, root)
    if not at_once and not problems:
        print("loading libraries ...", flush=True)
        from portrait_cartoons.check.pictures import (  # these bring torch and lightning
            picture_problems,
            pictures_left_out,
        )
        from portrait_cartoons.check.trial import trial_problems

        tree = plain(cfg)
        problems |= signature_problems(cfg)
        problems |= trial_problems(tree, problems) if networks else {}
        problems |= picture_problems(tree, problems, training=networks)
        if not problems:
            for sentence in pictures_left_out(tree):
                print(f"note: {sentence}")
    return list(problems.values())


def _single(text: str) -> list[str]:
    """The overrides, of one value each, that a sweep makes of this one."""
    try:
        override = parsed(text)
    except HydraException:  # it is reported where it is applied
        return [text]
    return [f"{override.get_key_element()}={value}" for value in swept(override)] or [text]
