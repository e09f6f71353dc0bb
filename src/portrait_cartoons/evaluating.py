"""One evaluation, from the checkpoints that were named to the tables on the terminal."""

import sys
from datetime import datetime
from pathlib import Path
from typing import cast

import torch
from omegaconf import DictConfig
from rich.console import Console
from torch import Tensor

from portrait_cartoons import ranks
from portrait_cartoons.check import checked_config
from portrait_cartoons.cli.arguments import key_of
from portrait_cartoons.cli.build import build_data
from portrait_cartoons.cli.options import OptionError
from portrait_cartoons.devices import device
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.baselines import Baseline
from portrait_cartoons.evaluation.bootstrap import Bootstrap
from portrait_cartoons.evaluation.evaluator import Evaluator, Split
from portrait_cartoons.evaluation.features import Choice, feature_network
from portrait_cartoons.evaluation.lpips import SMALLEST, Lpips
from portrait_cartoons.evaluation.options import Options, names
from portrait_cartoons.evaluation.paper import Paper
from portrait_cartoons.evaluation.report import Report
from portrait_cartoons.evaluation.session import begun, compared, confirmed, made, measured
from portrait_cartoons.evaluation.systems import System, given, of_paper
from portrait_cartoons.evaluation.table import paper_tables, tabulate
from portrait_cartoons.evaluation.text import show_tables
from portrait_cartoons.files import expanded
from portrait_cartoons.image import from_uint8, to_uint8
from portrait_cartoons.networks.padding import Padded
from portrait_cartoons.preparation.abstraction import abstraction
from portrait_cartoons.stylizing import neural_style, style_picture

ROOT = Path("runs", "evaluations")


def evaluate(options: Options, overrides: list[str], paper: Paper | None, command: str) -> None:
    """Measure the systems of `options.ckpt`, or those of `paper`, on the data that the overrides describe.

    Args:
        overrides: those of the data, as for `src.train`.
        command: how the user wrote all this, for the report.

    Raises:
        UserError: there is nothing to measure, or not with these options.
    """
    systems, missing = finished_runs(paper) if paper else ([], [])
    cfg = checked_config("train", overrides, networks=False)
    if not paper:
        systems = given(str(options.ckpt))
    _adopt_sizes(cfg, overrides, systems)
    with ranks.launched():
        evaluator = _evaluator(options, cfg)
        if ranks.rank() == 0:
            print(f"evaluating into {evaluator.folder}")
        report = compared(evaluator, begun(evaluator, command, paper), _baselines(options, evaluator))
        report = measured(evaluator, report, systems)
        if options.fidelity:
            report = confirmed(evaluator, report)
        if ranks.rank() == 0:
            _show(report, evaluator, missing)


def finished_runs(paper: Paper) -> tuple[list[System], list[str]]:
    """The systems there are, and a sentence about each that is missing. Raises UserError where there is none."""
    systems, missing = of_paper(paper)
    if not systems:
        raise UserError("\n  - ".join(["none of the experiments has a finished run", *missing]))
    return systems, missing


def _adopt_sizes(cfg: DictConfig, overrides: list[str], systems: list[System]) -> None:
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


def _evaluator(options: Options, cfg: DictConfig) -> Evaluator:
    network = feature_network(cast(Choice, options.features), options.weights, keys="")
    if options.fidelity and network.weights is None:
        raise OptionError("fidelity=true needs the Inception weights: use features=inception, or leave fidelity out")
    if options.lpips and cfg.data.size < SMALLEST:
        raise OptionError(f"lpips=true needs pictures of at least {SMALLEST} pixels: use a larger data.size")
    perceptual = Lpips() if options.lpips else None
    data = build_data(cfg, ("photo",))
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    folder = expanded(options.output) if options.output else ranks.agreed(ROOT / now)
    split = cast(Split, options.split)
    chosen, bootstrap = device(options.device), Bootstrap(options.bootstrap, options.seed)
    return Evaluator(data, split, options.limit, network, bootstrap, chosen, made(folder), perceptual)


def _baselines(options: Options, evaluator: Evaluator) -> list[Baseline]:
    """What draws without training, of those that are asked for."""
    return [
        {"classical": _classical, "neural_style": _neural_style}[name](options, evaluator)
        for name in names(options.baselines)
    ]


def _classical(_: Options, evaluator: Evaluator) -> Baseline:
    def draw(photos: Tensor) -> Tensor:
        pictures = to_uint8(photos).permute(0, 2, 3, 1).cpu().numpy()
        return torch.stack([from_uint8(abstraction(picture)) for picture in pictures]).to(evaluator.device)

    return Baseline("classical abstraction", draw, {"drawn by": "filters and quantisation, as src.prepare does"})


def _neural_style(options: Options, evaluator: Evaluator) -> Baseline:
    size = evaluator.data.size
    if options.style_picture:
        style, whose = style_picture(options.style_picture, size), options.style_picture
    else:
        style, whose = evaluator.data.split("train")[1][0]["cartoon"][None], "the first training cartoon"
    drawer = neural_style(options, style)
    told = (
        f"{options.style_steps} steps from the photo, strength {options.style_strength:g}, features of"
        f" {options.style_network} ({options.style_weights}), style of {whose}"
    )
    draw = Padded(drawer, drawer.size_divisor).to(evaluator.device)
    return Baseline("neural style", draw, {"drawn by": told}, slow=True)


def _show(report: Report, evaluator: Evaluator, missing: list[str]) -> None:
    """Print the tables, and what their reader must know."""
    more = report.paper.notes if report.paper else []
    show_tables(paper_tables(report) or [tabulate(report)], Console(), more)
    if evaluator.network.weights is None:
        print("There is no FID without the Inception weights: features=inception downloads them.")
    for sentence in missing:
        print(sentence)
    print(f"the report is {evaluator.folder / 'index.html'}")
