"""How every command begins and ends, in a checkout and installed."""

import sys
from importlib import import_module

from portrait_cartoons.errors import reported

COMMANDS = {
    "train": "train, or continue, one model",
    "validate": "say what would be wrong with a training run, and start nothing",
    "evaluate": "measure trained models and compare them",
    "translate": "turn photos into cartoons with a trained model",
    "benchmark": "measure how fast loading, training and translating are here",
    "gallery": "make the page of a run anew",
    "prepare": "make a data set of any folders of pictures, or a page that judges one",
}


def start(name: str, arguments: list[str] | None = None) -> None:
    """Run a command with its arguments, by default those of the program, and leave with its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    with reported():
        sys.exit(import_module(f"portrait_cartoons.{name}").main(arguments))
