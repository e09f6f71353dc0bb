"""One training, from its configuration to the lines that say where everything lies."""

import errno
import shlex
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.callbacks import LambdaCallback
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from portrait_cartoons import ranks
from portrait_cartoons.check.resume import differences
from portrait_cartoons.cli.build import Experiment, as_torchrun, build
from portrait_cartoons.cli.command import command
from portrait_cartoons.cli.config import plain, total_epochs
from portrait_cartoons.cores import threads_beside_others
from portrait_cartoons.errors import UserError, first_line
from portrait_cartoons.models.base import DivergenceError
from portrait_cartoons.networks.catalogue import named
from portrait_cartoons.runs import folder as run_folder
from portrait_cartoons.runs.checkpoint import CheckpointError
from portrait_cartoons.runs.fitting import refuse_full_disk, refuse_misfit
from portrait_cartoons.runs.lock import locked
from portrait_cartoons.runs.names import CHECKPOINTS, CONFIG, METRICS, PAGE
from portrait_cartoons.speed.way import restored

NETWORKS = ("model._target_", "model.generator", "model.discriminator", "model.segmenter")
DISK_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)


class LostError(UserError):
    """A process that the training needs has died or hangs."""

    exit_code = 1


def train(cfg: DictConfig) -> None:
    """Run the experiment in a folder of its own, or go on in that of the run it resumes; on each rank its share."""
    as_torchrun()
    with ranks.launched("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"):
        _train(cfg)


def _train(cfg: DictConfig) -> None:
    cfg.trainer.max_epochs = total_epochs(plain(cfg))
    choices = HydraConfig.get().runtime.choices
    overrides = [o for o in HydraConfig.get().overrides.task if not o.startswith(("resume=", "run_dir="))]
    checkpoint: Path | None = None
    content: dict[str, Any] = {}
    lock = ExitStack()

    def taken() -> Path:
        resumed = cfg.resume is not None
        run = run_folder.of(Path(cfg.resume)) if resumed else run_folder.new(run_folder.title(choices), cfg.run_dir)
        lock.enter_context(locked(run))
        return run

    folder = ranks.decided(taken)
    if cfg.resume is not None:
        checkpoint, content = run_folder.newest_checkpoint(Path(cfg.resume))
    cfg.run_dir, cfg.resume = str(folder), None
    if checkpoint:
        _compare(content["hyper_parameters"], {**plain(cfg), "model": named(plain(cfg)["model"])})
        if run_folder.epochs_done(content) >= cfg.trainer.max_epochs:
            print(f"{folder} has all its {cfg.trainer.max_epochs} epochs; to train on, add model.epochs=<more>")
            return
        print(f"resuming from {checkpoint}")
    ranks.decided(lambda: run_folder.describe(folder, plain(cfg), overrides))

    experiment = build(cfg, restored(content.get("way"), cfg.trainer) if checkpoint else None)
    if checkpoint:
        refuse_misfit(content, experiment.model)
    ranks.decided(lambda: refuse_full_disk(folder, experiment.model, resumed=checkpoint is not None))
    print(f"training {choices['model']} on {choices['data']} in {folder}")
    if features := cfg.model.get("features"):
        print(f"content loss: {features.layer}, weights {features.weights}")
    threads = threads_beside_others()
    if threads and threads < torch.get_num_threads() and experiment.trainer.strategy.root_device.type == "cpu":
        print(f"note: other programs keep processors busy; beside them steps are faster with OMP_NUM_THREADS={threads}")
    started = time.monotonic()
    _fit(experiment, folder, checkpoint)
    _summarise(folder, experiment.trainer.callback_metrics, time.monotonic() - started)
    for callback in experiment.trainer.callbacks:  # type: ignore[attr-defined]
        for sentence in getattr(callback, "findings", {}).values():
            print(f"warning: during this training {sentence}")
    lock.close()


def _fit(experiment: Experiment, folder: Path, checkpoint: Path | None) -> None:
    """Train to the end. Whatever ends it earlier, but a mistake in the code, is a UserError or leaves the program."""
    begun: list[bool] = []
    callbacks: list[Any] = experiment.trainer.callbacks  # type: ignore[attr-defined]
    callbacks.insert(0, LambdaCallback(on_train_start=lambda *_: begun.append(True)))
    try:
        experiment.trainer.fit(experiment.model, experiment.data, ckpt_path=checkpoint, weights_only=True)
    except DivergenceError as error:
        good = run_folder.last_good(folder)
        found = f"the last good checkpoint is {good}" if good else "there is no good checkpoint"
        raise DivergenceError(f"{error}; {found}") from error
    except OSError as error:
        if not (folder / CONFIG).exists():
            raise UserError(f"the run folder {folder} was deleted during the training, which cannot go on") from error
        if error.errno not in DISK_FAILURES:
            raise
        raise UserError(
            f"writing to {folder} failed: {error}; mend that, then continue with resume={folder}"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        if lost := _lost(error):
            raise LostError(f"{lost}; continue with resume={folder}") from error
        if checkpoint is None or begun:
            raise
        reason = first_line(error)
        raise CheckpointError(f"cannot go on from {checkpoint}: {reason}; use another one or train anew") from error


def _lost(error: Exception) -> str | None:
    """Which other process has failed, where that is what PyTorch reports."""
    text = str(error)
    if "DataLoader timed out" in text:
        return "the loader processes have delivered nothing for minutes: look at the disk that the pictures are on"
    if "DataLoader worker" in text:
        return "a loader process was killed, as happens when memory runs out: try a lower data.num_workers"
    if ranks.world() > 1 and ("gloo" in text.lower() or "nccl" in text.lower()):
        return "another process of this training was lost, and what it printed says why"
    return None


def _compare(then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to resume with other networks; tell of every other difference, because it makes another experiment."""
    changed = {
        key: (a, b) for key, a, b in differences(then, now) if not key.startswith(("run_dir", "resume", "logger"))
    }
    fatal = [key for key in changed if key.startswith(NETWORKS) and not key.endswith(".weights")]
    if fatal:
        raise UserError(
            f"{', '.join(fatal)} differ from the run to be resumed; leave them as they were or start a new run"
        )
    for key, (a, b) in changed.items():
        print(f"note: resuming with {key} = {b!r} instead of {a!r}")


def _summarise(folder: Path, metrics: dict[str, Any], seconds: float) -> None:
    """Print the last validation beside the unchanged photo, where everything lies, and what to do next."""
    console = Console()
    if "val/target/psnr" in metrics:
        table = Table("nearness to the true cartoon", "PSNR dB", "SSIM", "MSE", title="last validation")
        for row, prefix in (("output", "val/target"), ("unchanged photo", "baseline/target")):
            table.add_row(row, *(f"{metrics[f'{prefix}/{name}']:.4g}" for name in ("psnr", "ssim", "mse")))
        console.print(table)
    for name in ("fid", "squeeze_fd", "random_fd"):
        if f"val/{name}" in metrics:
            values = metrics[f"val/{name}"], metrics[f"baseline/{name}"], int(metrics[f"val/{name}_n"])
            print("{} to the val cartoons: output {:.4g}, unchanged photo {:.4g} ({} images)".format(name, *values))
    print(
        f"\ntrained for {seconds / 60:.1f} minutes\n"
        f"  samples      {folder / PAGE}\n"
        f"  metrics      {folder / METRICS}\n"
        f"  checkpoints  {folder / CHECKPOINTS}\n"
        f"next: {command('translate')} {shlex.quote(f'ckpt={folder}')} input=<photo or folder> output=<folder>"
    )
