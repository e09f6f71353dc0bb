"""From a composed configuration to objects: the only place that instantiates."""

import logging
import os
import resource
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import lightning
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from omegaconf import DictConfig

from portrait_cartoons import ranks
from portrait_cartoons.callbacks.checkpoint import AtomicCheckpointIO
from portrait_cartoons.callbacks.duration import Duration
from portrait_cartoons.callbacks.rank_state import RankState
from portrait_cartoons.callbacks.reseed import Reseed
from portrait_cartoons.cli.config import epoch_steps, plain
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.errors import first_line
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.choice import choose
from portrait_cartoons.speed.way import Way


@dataclass(frozen=True)
class Experiment:
    """What a training run consists of."""

    model: Translator
    data: Portraits
    trainer: lightning.Trainer


def made(node: Mapping[str, Any], **arguments: Any) -> Any:
    """The object of a node. Raises what its target raises, where Hydra would hide the cause."""
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        raise (error.__cause__ or error) from None


def reason(error: BaseException) -> str:
    """What an exception says, as a part of a sentence."""
    return first_line(error).rstrip(".!")


def quiet() -> None:
    """Leave out what Lightning tells about devices and about other projects."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # The data's own sampler resumes exactly, of which Lightning knows nothing.
    warnings.filterwarnings("ignore", ".*your dataloader is not resumable")
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # feature networks are meant to be
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*`broadcast_buffers` is deprecated.*")  # older versions know no other
    warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # the metrics are those of all ranks already


def build_model(cfg: DictConfig) -> Translator:
    """The model with its initial weights, which depend on the seed alone."""
    lightning.seed_everything(cfg.seed, verbose=False)
    model = made(cfg.model, weights=cfg.loss)
    model.hparams.update(plain(cfg))
    return model


def build_data(cfg: DictConfig, inputs: Collection[str]) -> Portraits:
    """The data, with what training batches must hold."""
    return made(cfg.data, fields=list(inputs))


def build(cfg: DictConfig, way: Way | None = None) -> Experiment:
    """Everything a run needs; `run_dir` is set and exists. A run that is resumed goes on in the `way` it began."""
    quiet()
    _allow_open_files()
    model = build_model(cfg)
    data = build_data(cfg, model.inputs)
    if way is None:
        steps = cfg.trainer.max_epochs * epoch_steps(plain(cfg), len(data.train), ranks.world())
        way = ranks.decided(lambda: choose(cfg.trainer, model, data.size, data.batch_size, steps))
    callbacks = [made(node) for node in (cfg.metrics, *cfg.callbacks.values())]
    trainer = made(
        {key: value for key, value in cfg.trainer.items() if key != "max_time"},  # the checkpoints see to that
        **way.to_dict(),
        callbacks=[Reseed(cfg.seed), Duration(), RankState(), *callbacks],
        logger=[made(node) for node in cfg.logger.values()],
        default_root_dir=cfg.run_dir,
        plugins=[AtomicCheckpointIO(), *([TorchElasticEnvironment()] if "WORLD_SIZE" in os.environ else [])],
        # The sampler is ours, the first validation is the baseline's, and the networks' sizes stand in the model card.
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain(cfg))
    return Experiment(model, data, trainer)


def as_torchrun() -> None:
    """Tell of the other processes in torchrun's words where SLURM has started them.

    So there is one way to be started. Lightning's own for SLURM would save checkpoints on SIGUSR1 that resuming does
    not look for.
    """
    if "WORLD_SIZE" not in os.environ and SLURMEnvironment.detect():
        slurm = SLURMEnvironment()
        told: dict[str, Any] = {
            "WORLD_SIZE": slurm.world_size(),
            "RANK": slurm.global_rank(),
            "LOCAL_RANK": slurm.local_rank(),
        }
        told |= {"GROUP_RANK": slurm.node_rank(), "MASTER_ADDR": slurm.main_address, "MASTER_PORT": slurm.main_port}
        os.environ |= {name: str(value) for name, value in told.items()}


def _allow_open_files() -> None:
    """As many as the machine lets a user have: workers pass every tensor on through one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
