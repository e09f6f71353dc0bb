"""Dotted keys of a configuration: all that exist, and the one that was probably meant."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF

Tree = Mapping[str, Any]  # a resolved configuration
Problem = tuple[str, str]  # the key it is about, and the sentence

# Where the keys of a group stand, if not under its name.
PLACES = {"generator": "model.generator", "discriminator": "model.discriminator"}

# What other programs and the papers call a key, by its last part.
OTHER_NAMES = {
    "gpus": "accelerator",
    "gpu": "accelerator",
    "device": "accelerator",
    "learning_rate": "lr",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "w1": "content",
    "w2": "seg",
}


def nodes(node: Any, path: str = "") -> dict[str, Any]:
    """Every node below by its dotted key, but `_target_` and its like."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    found: dict[str, Any] = {}
    for name, child in items:
        if not str(name).startswith("_"):
            found |= {f"{path}{name}": child, **nodes(child, f"{path}{name}.")}
    return found


def affected(keys: Iterable[str], by: Iterable[str]) -> bool:
    """Whether one of the keys, or a key below it, is among the others."""
    return any(f"{other}.".startswith(f"{key}.") for other in by for key in keys)


@cache
def choices_by_key() -> dict[str, list[str]]:
    """Of every key in a file of a config group the choices that have it."""
    found: dict[str, list[str]] = {}
    for group, choices in usage.groups().items():
        for choice in choices if group != "experiment" else ():
            tree = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"))
            for key in nodes(tree):
                found.setdefault(f"{PLACES.get(group, group)}.{key}", []).append(choice)
    return found


def unknown(key: str, known: Iterable[str]) -> str:
    """A sentence about a key that does not exist, where these do."""
    if key in choices_by_key():
        return f"unknown key {key}: it exists with {_choice(key)}, add that"
    return f"unknown key {key}: {hint(key, known)}"


def hint(key: str, known: Iterable[str]) -> str:
    """The key that was probably meant, among those known, or else those that other choices of the groups bring."""
    if near := _nearest(key, list(known)):
        return f"did you mean {near}?"
    if near := _nearest(key, list(choices_by_key())):
        return f"did you mean {near}? It exists with {_choice(near)}"
    return usage.see_help()


def _nearest(key: str, known: list[str]) -> str | None:
    """One with the same last part, or a similar name."""
    last = {k: k.rpartition(".")[2] for k in known if k != key}
    leaf = key.rpartition(".")[2]
    similar = [k for k in last if last[k] == OTHER_NAMES.get(leaf)]
    similar = similar or [k for k in last if last[k] == leaf] or get_close_matches(key, last, 1, 0.75)
    if not similar and (leaves := get_close_matches(leaf, last.values(), 1, 0.7)):
        similar = [k for k in last if last[k] == leaves[0]]
    return similar[0] if similar else None


def _choice(key: str) -> str:
    group = next((group for group, place in PLACES.items() if key.startswith(f"{place}.")), key.partition(".")[0])
    return f"{group}={' or '.join(choices_by_key()[key])}"
