"""`python -m src.validate model=cyclegan data=toy`: what would be wrong with a training run, without starting it."""

import os

from portrait_cartoons.check import checked_config
from portrait_cartoons.check.resume import resumed
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import composed


def main(arguments: list[str]) -> None:
    """Print what a run with these overrides would be. Raises ConfigError with all problems, UserError likewise."""
    if usage.asked(arguments):
        print(usage.page("validate"))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for networks tried on one small image, threads only cost time
    overrides = resumed(arguments)
    cfg = checked_config("train", overrides)
    from portrait_cartoons.check.summary import summary  # torch comes with it, which wrong use need not wait for

    print(summary(cfg, composed("train", overrides, with_hydra=True).hydra.runtime.choices))
