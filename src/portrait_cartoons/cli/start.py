"""How every command begins and ends, in a checkout and installed."""

import io
import os
import sys
from importlib import import_module
from typing import Any, TextIO

from portrait_cartoons.cli.launch import first
from portrait_cartoons.errors import reported

COMMANDS = {
    "train": "train, or continue, one model",
    "sweep": "search for weights: run a sweep file of W&B without an account",
    "validate": "say what would be wrong with a training run, and start nothing",
    "evaluate": "measure trained models and compare them",
    "translate": "turn photos into cartoons with a trained model",
    "export": "write a trained model as one file for other programs: ONNX, safetensors or torch.export",
    "convert": "make a checkpoint of a generator that others published",
    "app": "serve a page on this machine to try trained models on",
    "benchmark": "measure how fast loading, training and translating are here",
    "gallery": "make the page of a run anew",
    "prepare": "make a data set of any folders of pictures, or a page that judges one",
}


def start(name: str, arguments: list[str] | None = None) -> None:
    """Run a command with its arguments, by default those of the program, and leave with its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
    sys.stdout, sys.stderr = _tireless(sys.stdout), _tireless(sys.stderr)
    if not first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
    try:
        with reported():
            sys.exit(import_module(f"portrait_cartoons.{name}").main(arguments))
    except KeyboardInterrupt:
        print("\nstopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)


class _Tireless(io.FileIO):
    """Output that nobody reads any more, as after `| head -1`, or that no longer fits on a disk, is dropped."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _tireless(stream: TextIO) -> TextIO:
    """The stream such that writing to it never fails: what a command does is worth more than what it says.

    A file's name may hold bytes that are no text: they are written as escapes.
    """
    if type(stream) is not io.TextIOWrapper:  # a substitute, as in tests
        return stream
    stream.flush()
    raw = io.BufferedWriter(_Tireless(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        raw, stream.encoding, "backslashreplace", None, stream.line_buffering or stream.write_through
    )
