"""Measure trained models on the test split of a data set, beside the unchanged photo, and write one report.

    python -m src.evaluate ckpt=<file, run folder, glob or list> data=<choice> [data.<key>=<value> ...] [key=value ...]
    python -m src.evaluate report=camgan_tables

The report is a folder: a page with pictures (index.html), tables (report.md, report.csv), all values (report.json) and
the pictures they were taken from, so that others can score them. An evaluation that was interrupted goes on when it is
started again with output=<its folder>. On several GPUs: torchrun --nproc-per-node=<GPUs> -m src.evaluate ...

Examples:

    python -m src.evaluate ckpt=runs/cyclegan-toy/2026-01-31_12-00-00 data=toy
    python -m src.evaluate ckpt='runs/*/*' data=folder data.source.photo=photos data.source.cartoon=cartoons
    python -m src.evaluate ckpt=[a.ckpt,b.ckpt] data=ffhq_whitebox output=comparison fidelity=true
"""

import difflib
import re
import shlex
from typing import Any, cast

from omegaconf import OmegaConf

from portrait_cartoons.check import valid_overrides
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF, literal
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.evaluation.options import Options, names
from portrait_cartoons.evaluation.paper import Paper, paper
from portrait_cartoons.stylizing import KINDS as STYLE_KINDS
from portrait_cartoons.stylizing import check_style

OPTIONS = CONF / "evaluate.yaml"
KINDS = {
    "limit": "a whole number of pictures or null",
    "fidelity": "true or false",
    "lpips": "true or false",
    "bootstrap": "a whole number of resamples",
    "seed": "a whole number",
    **STYLE_KINDS,
}
CHOICES = {"features": ("auto", "inception", "squeezenet", "random"), "split": ("test", "val", "all")}


def main(arguments: list[str]) -> None:
    """Run the command. Wrong use raises UserError, with all problems of the data."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS))
        print(f"Data, with the keys of src.train: {', '.join(usage.groups()['data'])}")
        return
    options, overrides = parsed(arguments)
    paper = chosen_paper(options.report) if options.report else None
    if paper:
        overrides = [f"data={paper.data}", *overrides]  # unless other data are named: the last one counts
    elif not any(override.startswith("data=") for override in overrides):
        raise OptionError("data is missing: add data=<choice>, the pictures to measure on; see --help")
    valid_overrides("train", overrides)

    from portrait_cartoons.evaluating import evaluate  # torch comes with it, which wrong use need not wait for

    evaluate(options, overrides, paper, shlex.join(["python", "-m", "src.evaluate", *arguments]))


def parsed(arguments: list[str]) -> tuple[Options, list[str]]:
    """The options, and the overrides of the data. Raises OptionError."""
    data = [text for text in arguments if re.match(r"[+~]*data\b", text)]
    options = parse_options(Options, OPTIONS, [text for text in arguments if text not in data], KINDS, ("data",))
    for key, choices in CHOICES.items():
        if (value := getattr(options, key)) not in choices:
            raise OptionError(f"{key}={value}: it must be {', '.join(choices[:-1])} or {choices[-1]}")
    for key, least in (("limit", 2), ("bootstrap", 0), ("seed", 0)):
        value = getattr(options, key)
        if value is not None and value < least:
            raise OptionError(f"{key}={value}: it must be a whole number of at least {least}")
    check_style(options)
    names(options.baselines)
    if (options.ckpt is None) == (options.report is None):
        raise OptionError("what is to be evaluated? name either ckpt=<checkpoints> or report=<choice>; see --help")
    return options, [literal(text) for text in data]


def chosen_paper(choice: str) -> Paper:
    """The paper that a file of conf/report describes. Raises OptionError where there is no such file."""
    choices = {file.stem: file for file in sorted((CONF / "report").glob("*.yaml"))}
    if choice not in choices:
        near = difflib.get_close_matches(choice, choices, 1) or [f"one of {', '.join(choices)}"]
        raise OptionError(f"report={choice}: there is no conf/report/{choice}.yaml; did you mean {near[0]}?")
    return paper(cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(choices[choice]))))
