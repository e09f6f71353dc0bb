"""How the user calls this project: `python -m src.train` in a checkout, `portrait-cartoons train` where installed."""

import os
import re
import sys
from pathlib import Path


def command(name: str) -> str:
    """The words that start a command here."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py" and program.parent.name == "portrait_cartoons":
        return f"python -m portrait_cartoons {name}"
    installed = program.name == "portrait-cartoons" or not (Path(__file__).parents[3] / "conf").is_dir()
    return f"portrait-cartoons {name}" if installed else f"python -m src.{name}"


def module(name: str) -> tuple[list[str], dict[str, str]]:
    """The program and its arguments that start a command in a process of its own, and the environment it needs."""
    package = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return [sys.executable, "-m", package.name, name], {**os.environ, "PYTHONPATH": path}


def in_words_of_here(text: str) -> str:
    """A help text, which is written for a checkout, with the commands as they are started here."""
    return re.sub(r"python -m src\.(\w+)", lambda match: command(match[1]), text)
