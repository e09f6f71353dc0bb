"""What can be written on the command line: the choices that conf/ offers, and the help page made of them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from textwrap import fill

from portrait_cartoons.cli.command import command, in_words_of_here
from portrait_cartoons.cli.config import CONF

GROUPS = (
    "model",
    "generator",
    "discriminator",
    "data",
    "loss",
    "trainer",
    "metrics",
    "callbacks",
    "logger",
    "experiment",
)

_PURPOSE = {
    "train": "Train, or continue, one model.",
    "validate": "Report every problem of the training run that these overrides describe, and start nothing.",
}

_PAGE = """\
{purpose}

    {command} [group=choice ...] [key=value ...] {flags}

Groups and their choices (the files of conf/):
{groups}

Keys, among others:
  data.source.photo, data.source.cartoon   folders of your own pictures, with data=folder
  data.size, data.batch_size               side of the squares in pixels, photos per step
  model.epochs, model.optimizers.g.lr      length of training, learning rate
  loss.<player>.<term>                     weight of a loss term, 0: not computed
  trainer.accelerator                      auto, cpu, gpu or mps
  trainer.precision                        auto (the fastest here), 32-true or bf16-mixed; trainer=exact: plain float32
  trainer.limit_train_batches              batches per epoch, where all are too many
  seed, run_dir, resume                    randomness, where results go, auto or the run to continue
A key that the files lack is added with a plus: +model.clip.g=1

Examples:
{examples}"""

_EXAMPLES = {
    "data=toy model.epochs=20": "built-in portraits",
    "data=folder data.source.photo=photos data.source.cartoon=cartoons": "your own",
    "resume=auto": "continue the newest run",
    "experiment=<choice> logger=wandb": "a whole setup by name",
}
_SWEEP = {
    "--multirun loss.g.identity=0,5": "one run for each value",
    "model=camgan --cfg job --resolve": "print the configuration, start nothing",
}


@cache
def groups() -> dict[str, dict[str, str]]:
    """Of each config group the choices, and of each choice what the first line of its file says, if that is a comment.

    A line `# @package ...`, which is for Hydra, is passed over.
    """
    return {
        group: {file.stem: _description(file.read_text()) for file in sorted((CONF / group).glob("*.yaml"))}
        for group in GROUPS
    }


def asked(arguments: Sequence[str]) -> bool:
    """Whether the arguments ask for help instead of a run."""
    return any(argument in ("-h", "--help", "help") for argument in arguments)


def see_help() -> str:
    """The way out where nothing better is known."""
    return f"{command('train')} --help lists groups and keys"


def page(entry: str) -> str:
    """The help page of train or validate: one screen."""
    examples = _EXAMPLES | (_SWEEP if entry == "train" else {})
    return _PAGE.format(
        purpose=_PURPOSE[entry],
        command=command(entry),
        flags="[--multirun | --cfg job]" if entry == "train" else "",
        groups="\n".join(_lines()),
        examples="\n".join(f"  {command(entry)} {text}  # {comment}" for text, comment in examples.items()),
    )


def page_of_keys(text: str, file: Path) -> str:
    """The help page of a command whose keys, with their defaults and comments, are a file of conf/."""
    return f"{in_words_of_here(text)}\nKeys and their defaults:\n\n{file.read_text(encoding='utf-8')}"


def _lines() -> list[str]:
    return [
        fill(", ".join(choices), 120, initial_indent=f"  {group:<15}", subsequent_indent=" " * 17)
        for group, choices in groups().items()
    ]


def _description(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.startswith("# @package"))
    first = next(lines, "")
    return first.removeprefix("#").strip() if first.startswith("#") else ""
