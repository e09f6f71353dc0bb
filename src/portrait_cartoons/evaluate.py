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
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.check import checked_config
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.arguments import key_of
from portrait_cartoons.cli.command import in_words_of_here
from portrait_cartoons.cli.config import CONF, literal
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded

if TYPE_CHECKING:
    from portrait_cartoons.evaluation.evaluator import Evaluator
    from portrait_cartoons.evaluation.paper import Paper
    from portrait_cartoons.evaluation.report import Report
    from portrait_cartoons.evaluation.systems import System

# torch and what needs it is imported late: help and wrong use need not wait for it.

OPTIONS = CONF / "evaluate.yaml"
ROOT = Path("runs", "evaluations")
KINDS = {
    "limit": "a whole number of pictures or null",
    "fidelity": "true or false",
    "bootstrap": "a whole number of resamples",
    "seed": "a whole number",
}
CHOICES = {"features": ("auto", "inception", "random"), "split": ("test", "val", "all")}


@dataclass
class Options:
    """The types of the keys in conf/evaluate.yaml, which explains them."""

    ckpt: str | None
    output: str | None
    split: str
    limit: int | None
    features: str
    weights: str | None
    fidelity: bool
    bootstrap: int
    seed: int
    device: str
    report: str | None


def main(arguments: list[str]) -> None:
    """Run the command. Wrong use raises UserError, with all problems of the data."""
    if usage.asked(arguments):
        page = f"{__doc__}\nKeys and their defaults:\n\n{OPTIONS.read_text(encoding='utf-8')}"
        print(in_words_of_here(page))
        print(f"Data, with the keys of src.train: {', '.join(usage.groups()['data'])}")
        return
    options, overrides = parsed(arguments)
    paper = chosen_paper(options.report) if options.report else None
    missing: list[str] = []
    if paper:
        systems, missing = finished_runs(paper)
        overrides = [f"data={paper.data}", *overrides]  # unless other data are named: the last one counts
    elif not any(override.startswith("data=") for override in overrides):
        raise OptionError("data is missing: add data=<choice>, the pictures to measure on; see --help")
    cfg = checked_config("train", overrides, networks=False)

    from portrait_cartoons.evaluation import ranks
    from portrait_cartoons.evaluation.session import begun, confirmed, measured
    from portrait_cartoons.evaluation.systems import given

    if not paper:
        systems = given(str(options.ckpt))
    _adopt_sizes(cfg, overrides, systems)
    with ranks.launched():
        evaluator = _evaluator(options, cfg)
        if ranks.rank() == 0:
            print(f"evaluating into {evaluator.folder}")
        command = shlex.join(["python", "-m", "src.evaluate", *arguments])
        report = measured(evaluator, begun(evaluator, command, paper), systems)
        if options.fidelity:
            report = confirmed(evaluator, report)
        if ranks.rank() == 0:
            _show(report, evaluator, missing)


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
    if (options.ckpt is None) == (options.report is None):
        raise OptionError("what is to be evaluated? name either ckpt=<checkpoints> or report=<choice>; see --help")
    return options, [literal(text) for text in data]


def chosen_paper(choice: str) -> "Paper":
    """The paper that a file of conf/report describes. Raises OptionError where there is no such file."""
    from portrait_cartoons.evaluation.paper import paper

    choices = {file.stem: file for file in sorted((CONF / "report").glob("*.yaml"))}
    if choice not in choices:
        near = difflib.get_close_matches(choice, choices, 1) or [f"one of {', '.join(choices)}"]
        raise OptionError(f"report={choice}: there is no conf/report/{choice}.yaml; did you mean {near[0]}?")
    return paper(cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(choices[choice]))))


def finished_runs(paper: "Paper") -> "tuple[list[System], list[str]]":
    """The systems there are, and a sentence about each that is missing. Raises UserError where there is none."""
    from portrait_cartoons.evaluation.systems import of_paper

    systems, missing = of_paper(paper)
    if not systems:
        raise UserError("\n  - ".join(["none of the experiments has a finished run", *missing]))
    return systems, missing


def _adopt_sizes(cfg: DictConfig, overrides: list[str], systems: "list[System]") -> None:
    """Measure at the size of training where none is given. Raises OptionError where the systems do not agree on it."""
    chosen = {key_of(override) for override in overrides}
    if "data.size" in chosen:
        for system in systems:
            if (trained := system.origin.sizes.get("size", cfg.data.size)) != cfg.data.size:
                sentence = f"{system.name} was trained at {trained} pixels and is measured at {cfg.data.size}"
                print(f"warning: {sentence}; without data.size the size of training is taken", file=sys.stderr)
        return
    for key in ("size", "load_size"):
        sizes = sorted({system.origin.sizes[key] for system in systems if key in system.origin.sizes})
        if f"data.{key}" in chosen or not sizes:
            continue
        if len(sizes) > 1:
            told = " and ".join(map(str, sizes))
            raise OptionError(
                f"the checkpoints were trained with data.{key} of {told}: measure at one, for"
                f" example data.{key}={sizes[0]}, or evaluate those of one size at a time"
            )
        cfg.data[key] = sizes[0]


def _evaluator(options: Options, cfg: DictConfig) -> "Evaluator":
    from portrait_cartoons.devices import device
    from portrait_cartoons.evaluation import ranks
    from portrait_cartoons.evaluation.bootstrap import Bootstrap
    from portrait_cartoons.evaluation.evaluator import Evaluator, Split
    from portrait_cartoons.evaluation.features import Choice, feature_network
    from portrait_cartoons.evaluation.session import made

    network = feature_network(cast(Choice, options.features), options.weights, keys="")
    if options.fidelity and network.weights is None:
        raise OptionError("fidelity=true needs the Inception weights: use features=inception, or leave fidelity out")
    from portrait_cartoons.cli.build import build_data

    data = build_data(cfg, ("photo",))
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    folder = expanded(options.output) if options.output else ranks.agreed(ROOT / now)
    split = cast(Split, options.split)
    chosen, bootstrap = device(options.device), Bootstrap(options.bootstrap, options.seed)
    return Evaluator(data, split, options.limit, network, bootstrap, chosen, made(folder))


def _show(report: "Report", evaluator: "Evaluator", missing: list[str]) -> None:
    """Print the tables, and what their reader must know."""
    from rich.console import Console

    from portrait_cartoons.evaluation.table import paper_tables, tabulate
    from portrait_cartoons.evaluation.text import show_tables

    more = report.paper.notes if report.paper else []
    show_tables(paper_tables(report) or [tabulate(report)], Console(), more)
    if evaluator.network.weights is None:
        print("There is no FID without the Inception weights: features=inception downloads them.")
    for sentence in missing:
        print(sentence)
    print(f"the report is {evaluator.folder / 'index.html'}")
