"""From a composed configuration to objects: the only place that instantiates."""

import logging
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    import lightning

    from portrait_cartoons.data.datamodule import Portraits
    from portrait_cartoons.models.base import Translator

PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries it inside the package; in a checkout it lies at the top.
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parents[1] / "conf"


@dataclass(frozen=True)
class Experiment:
    """What a training run consists of."""

    model: "Translator"
    data: "Portraits"
    trainer: "lightning.Trainer"


def literal(override: str) -> str:
    """The override with its value quoted where Hydra's grammar does not read it as it stands: ~/photos, Jörg, a=b."""
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        key, equals, value = override.partition("=")
        if not equals or key.startswith("-"):  # a flag
            return override
        # Between quotes, backslashes count before a quote only.
        escaped = re.sub(r"(\\*)('|$)", lambda match: 2 * match[1] + ("\\'" if match[2] else ""), value)
        return f"{key}='{escaped}'"
    return override


def composed(root: str, overrides: list[str], with_hydra: bool = False) -> DictConfig:
    """The configuration `root` (a file of conf/) with Hydra overrides; Hydra's own exceptions for wrong ones."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(root, overrides, return_hydra_config=with_hydra)


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The resolved configuration as nested dicts, lists and scalars, which any checkpoint can hold."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))


def total_epochs(tree: Mapping[str, Any]) -> int:
    """How many epochs a run with this plain configuration trains: as the trainer says, or all of the model's phases."""
    model, wanted = tree["model"], tree["trainer"]["max_epochs"]
    earlier = sum(phase["epochs"] for phase in model.get("phases", {}).values())
    return model["epochs"] + earlier if wanted is None else wanted


def build_model(cfg: DictConfig) -> "Translator":
    """The model with its initial weights, which depend on the seed alone."""
    from hydra.utils import instantiate
    from lightning import seed_everything

    seed_everything(cfg.seed, verbose=False)
    model = instantiate(cfg.model, weights=cfg.loss, _convert_="all")
    model.hparams.update(plain(cfg))
    return model


def build_data(cfg: DictConfig, inputs: Collection[str]) -> "Portraits":
    """The data, with what training batches must hold."""
    from hydra.utils import instantiate

    return instantiate(cfg.data, smooth_edges="cartoon_smooth" in inputs, _convert_="all")


def build(cfg: DictConfig) -> Experiment:
    """Everything a run needs; `run_dir` is set and exists."""
    from hydra.utils import instantiate

    from portrait_cartoons.callbacks.checkpoint import AtomicCheckpointIO
    from portrait_cartoons.callbacks.reseed import Reseed

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its hints are not about this project
    # The data's own sampler resumes exactly, of which Lightning knows nothing.
    warnings.filterwarnings("ignore", ".*your dataloader is not resumable")
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # feature networks are meant to be
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    model = build_model(cfg)
    data = build_data(cfg, model.inputs)
    callbacks = [instantiate(node, _convert_="all") for node in (cfg.metrics, *cfg.callbacks.values())]
    trainer = instantiate(
        cfg.trainer,
        callbacks=[Reseed(cfg.seed), *callbacks],
        logger=[instantiate(node, _convert_="all") for node in cfg.logger.values()],
        default_root_dir=cfg.run_dir,
        plugins=[AtomicCheckpointIO(), *_cluster()],
        # The sampler is ours, the first validation is the baseline's, and the networks' sizes stand in the model card.
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        _convert_="all",
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain(cfg))
    return Experiment(model, data, trainer)


def _cluster() -> list[Any]:
    """Under SLURM its environment, without Lightning's own checkpoints on SIGUSR1, which resuming does not look for."""
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
