"""The configuration that conf/ and the overrides of a command make."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.cli.arguments import split

PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries it inside the package; in a checkout it lies at the top.
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parents[1] / "conf"


def literal(override: str) -> str:
    """The override with its value quoted where Hydra's grammar does not read it as it stands: ~/photos, Jörg, a=b."""
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        key, value = split(override)
        if value is None or key.startswith("-"):  # a flag
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
    earlier = sum(phase["epochs"] for phase in (model.get("phases") or {}).values())
    return model["epochs"] + earlier if wanted is None else wanted


def epoch_steps(tree: Mapping[str, Any], samples: int, ranks: int) -> int:
    """How many training steps an epoch of so many samples has where so many processes share it."""
    batches = -(-(samples // ranks) // tree["data"]["batch_size"])
    return min(tree["trainer"]["limit_train_batches"] or batches, batches)
