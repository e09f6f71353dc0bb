"""Dotted keys of a configuration: all that exist, and the one that was probably meant."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from omegaconf import OmegaConf

from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.usage import groups

Tree = Mapping[str, Any]  # a resolved configuration
Problem = tuple[str, str]  # the key it is about, and the sentence

HELP = "python -m src.train --help lists groups and keys"


def nodes(node: Any, path: str = "") -> dict[str, Any]:
    """Every node below by its dotted key, but `_target_` and its like."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    found: dict[str, Any] = {}
    for name, child in items:
        if not str(name).startswith("_"):
            found |= {f"{path}{name}": child, **nodes(child, f"{path}{name}.")}
    return found


def choices_with(key: str) -> list[str]:
    """The choices of a key's group whose files hold the key."""
    group, _, rest = key.partition(".")
    files = {choice: CONF / group / f"{choice}.yaml" for choice in groups().get(group, ())}
    return [choice for choice, file in files.items() if rest in nodes(OmegaConf.to_container(OmegaConf.load(file)))]


def unknown(key: str, known: Iterable[str]) -> str:
    """A sentence about a key that does not exist, where these do."""
    if choices := choices_with(key):
        return f"unknown key {key}: it exists with {key.partition('.')[0]}={' or '.join(choices)}, add that"
    return f"unknown key {key}: {hint(key, known)}"


def hint(key: str, known: Iterable[str]) -> str:
    """The key that was probably meant: one with the same last part, or a similar name."""
    last = {k: k.rpartition(".")[2] for k in known if k != key}
    leaf = key.rpartition(".")[2]
    similar = get_close_matches(key, last, 1, 0.75) or [k for k in last if last[k] == leaf]
    if not similar and (leaves := get_close_matches(leaf, last.values(), 1, 0.7)):
        similar = [k for k in last if last[k] == leaves[0]]
    return f"did you mean {similar[0]}?" if similar else HELP
