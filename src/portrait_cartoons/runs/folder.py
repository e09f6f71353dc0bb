"""Run folders: where a run's files go, what is written there about its making, and which run is continued."""

import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, write
from portrait_cartoons.runs.checkpoint import CheckpointError, load_generator, read
from portrait_cartoons.runs.names import BEST, CHECKPOINTS, CONFIG, DIFF, ENVIRONMENT, LAST, OVERRIDES, PREVIOUS
from portrait_cartoons.runs.plain_yaml import plain_yaml

ROOT = Path("runs")
PROBE = 128  # side of a picture that all generators can be tried on, in pixels
PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "hydra-core", "omegaconf", "albumentations", "numpy")


def title(choices: Mapping[str, Any]) -> str:
    """What runs with these choices of the configuration groups go by: the experiment, else <model>-<data>."""
    return choices["experiment"] or f"{choices['model']}-{choices['data']}"


def new(title: str, named: str | None) -> Path:
    """The folder of a new run: the one named, or a fresh runs/<title>/<time>, taken the moment it is given."""
    if named:
        return _made(expanded(named), exist_ok=True)
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        try:
            return _made(ROOT / title / f"{now}{suffix}", exist_ok=False)
        except FileExistsError:
            continue
    raise UserError(f"a hundred runs began in {ROOT} this second; name a folder with run_dir=<folder>")


def _made(folder: Path, exist_ok: bool) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        raise
    except OSError as error:
        raise UserError(
            f"cannot create the run folder {folder}: {error.strerror}; name another, run_dir=<folder>"
        ) from error
    return folder


def newest_first() -> list[Path]:
    """The runs that have a checkpoint, by the time of their last one."""
    last = {file.parent: _checkpoints(file.parent) for file in ROOT.glob(f"*/*/{OVERRIDES}")}
    runs = [run for run, files in last.items() if files]
    return sorted(runs, key=lambda run: max(file.stat().st_mtime_ns for file in last[run]), reverse=True)


def config(run: Path) -> dict[str, Any]:
    """The configuration that the run was last trained with, as plain data."""
    content = _plain_yaml(run / CONFIG)
    if not isinstance(content, dict):
        raise UserError(f"{run / CONFIG} is not a configuration; restore it or start anew")
    return content


def environment(run: Path) -> dict[str, Any]:
    """The commit, the versions and the machine that the run was last started with; empty where nothing says so."""
    content = _plain_yaml(run / ENVIRONMENT) if (run / ENVIRONMENT).is_file() else {}
    return content if isinstance(content, dict) else {}


def of(path: Path) -> Path:
    """The run folder that a run folder or a checkpoint file in it means."""
    run = path.parent.parent if path.is_file() and path.parent.name == CHECKPOINTS else path
    if not (run / OVERRIDES).is_file():
        raise UserError(f"resume={path} is neither a run folder nor a checkpoint in one; name one or use resume=auto")
    return run


def newest_checkpoint(path: Path) -> tuple[Path, dict[str, Any]]:
    """The checkpoint that `path` means, and its content: the file itself, or of a run folder the last readable one.

    Of a run folder a damaged one is passed over with a warning.
    """
    if path.is_file():
        return path, read(path)
    damaged: list[str] = []
    for file in _checkpoints(path):
        try:
            checkpoint = read(file)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        for sentence in damaged:
            print(f"warning: {sentence}; resuming from {file}", file=sys.stderr)
        return file, checkpoint
    raise CheckpointError(
        "; ".join(damaged) or f"{path} has no checkpoint to resume from; train anew with run_dir={path}"
    )


def last_good(run: Path) -> Path | None:
    """The last checkpoint of a run that can be read and whose generator draws pictures of finite numbers."""
    for file in _checkpoints(run):
        with suppress(CheckpointError), torch.inference_mode():
            network = load_generator(file).network
            if network(torch.linspace(-1, 1, 3 * PROBE**2).view(1, 3, PROBE, PROBE)).isfinite().all():
                return file
    return None


def _checkpoints(run: Path) -> list[Path]:
    """The checkpoints there are, the latest first, and the best, which is older, as the last resort."""
    return [file for name in (LAST, PREVIOUS, BEST) if (file := run / CHECKPOINTS / name).is_file()]


def epochs_done(checkpoint: dict[str, Any]) -> int:
    """How many epochs the run has behind it, as its checkpoint says. Raises CheckpointError for one that does not."""
    try:
        return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            "the checkpoint does not say how many epochs it has; use one that src.train wrote"
        ) from error


def finished(runs: Sequence[Path]) -> Path | None:
    """The last checkpoint of the newest of these runs, the last in their order, that has all its epochs."""
    for run in reversed(runs):
        try:
            file, content = newest_checkpoint(run)
            if epochs_done(content) >= content["hyper_parameters"]["trainer"]["max_epochs"]:
                return file
        except (CheckpointError, KeyError, TypeError):
            continue
    return None


def of_experiment(experiment: str) -> list[Path]:
    """The runs of the experiment in their order of time."""
    found: list[Path] = []
    for file in ROOT.glob(f"*/*/{OVERRIDES}"):
        with suppress(UserError):
            if f"experiment={experiment}" in overrides(file.parent):
                found.append(file.parent)
    return sorted(found, key=lambda run: run.name)


def overrides(run: Path) -> list[str]:
    """The overrides the run was started with."""
    saved = _plain_yaml(run / OVERRIDES)
    if not isinstance(saved, list) or not all(isinstance(line, str) for line in saved):
        raise UserError(f"{run / OVERRIDES} is not a list of overrides; restore it or start anew")
    return saved


def _plain_yaml(file: Path) -> Any:
    """What a file says that may come from another person."""
    try:
        return plain_yaml(file)
    except ValueError as error:
        raise UserError(f"cannot read {file} ({error}); restore it or start anew") from error


def describe(run: Path, config: dict[str, Any], overrides: list[str]) -> None:
    """Write the resolved configuration, the overrides, versions and git state beside the results."""
    try:
        write(run / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))
        write(run / OVERRIDES, OmegaConf.to_yaml(OmegaConf.create(overrides)))
        write(run / ENVIRONMENT, OmegaConf.to_yaml(OmegaConf.create(_environment())))
        if diff := _git("diff", "HEAD"):
            write(run / DIFF, diff)
    except OSError as error:
        raise UserError(
            f"cannot write into the run folder {run}: {error.strerror}; make room or use run_dir=<folder>"
        ) from error


def _environment() -> dict[str, Any]:
    return {
        "command": shlex.join(["python", "-m", "src.train", *sys.argv[1:]]),
        "started": datetime.now().isoformat(timespec="seconds"),
        "commit": (_git("rev-parse", "HEAD") or "unknown").strip(),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: version(package) for package in PACKAGES},
    }


def _git(*arguments: str) -> str | None:
    """What git prints about the project's own checkout; None where there is none."""
    here = Path(__file__).parent
    try:
        return subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
