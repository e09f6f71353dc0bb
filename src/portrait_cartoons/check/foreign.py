"""What a run folder says about its making may come from another person: it is data, and never decides what code runs.

Overrides are safe to apply when they refer to nothing but other keys, when they leave Hydra's own settings alone, and
when every class they lead to is one that `conf/` names itself. What the user types beside them is the user's own.
"""

import re
from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.cli.config import CONF

REFERENCE = re.compile(r"\$\{[\w.]*\}")  # ${key}, ${group.key}, ${..sibling}: plain references to another key
OPTIMIZER = re.compile(r"torch\.optim\.[A-Z]\w*")  # PyTorch's own, of which conf/ names only some
MAIN_KEYS = ("resume", "run_dir")  # where to read and write: decided by the user alone


def runs_a_resolver(text: str) -> bool:
    """Whether the text holds an interpolation that does more than to refer to another key, such as ${oc.env:HOME}."""
    return "${" in REFERENCE.sub("", text)


def unsafe_overrides(overrides: list[str]) -> Iterator[str]:
    """A sentence about each override that a run folder has no say in."""
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException:
            yield f"{text!r} cannot be read as key=value"
            continue
        root = re.split(r"[./@]", override.key_or_group)[0]
        if root == "hydra" or override.key_or_group in MAIN_KEYS or override.package is not None:
            yield f"{text!r} is not about the model, the data or the training"
        elif runs_a_resolver(text):
            yield f"{text!r} holds a ${{...}} that is not the plain name of another key"


def unknown_targets(cfg: DictConfig, typed: list[str]) -> dict[str, Any]:
    """By key each class or function of a configuration that neither conf/ names nor the overrides typed by the user."""
    allowed = {*_shipped(), *(target for text in typed for target in _typed(text))}
    return {
        key: target
        for key, target in _targets(OmegaConf.to_container(cfg)).items()
        if target not in allowed and not (isinstance(target, str) and OPTIMIZER.fullmatch(target))
    }


def _shipped() -> set[Any]:
    return {t for file in CONF.rglob("*.yaml") for t in _targets(OmegaConf.to_container(OmegaConf.load(file))).values()}


def _typed(text: str) -> list[Any]:
    try:
        override: Override = OverridesParser.create().parse_override(text)
    except HydraException:
        return []
    value = override.value()
    return [value] if override.key_or_group.endswith("._target_") else list(_targets(value).values())


def _targets(node: Any, path: str = "") -> dict[str, Any]:
    """Every `_target_` in nested plain data, by its dotted key; one that is no text by what it looks like."""
    if not isinstance(node, dict | list):
        return {}
    found: dict[str, Any] = {}
    for name, child in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "_target_":
            found[f"{path}_target_"] = child if isinstance(child, str) else repr(child)
        found |= _targets(child, f"{path}{name}.")
    return found
