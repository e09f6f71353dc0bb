"""How the system in a checkpoint came about. Files are untrusted: what they do not say, or not clearly, is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from portrait_cartoons.runs.checkpoint import read
from portrait_cartoons.runs.names import BEST

LARGEST = 4096  # pixels of a side that is believed


@dataclass(frozen=True)
class Origin:
    """What a report says about a system, and what its evaluation needs.

    Attributes:
        sizes: `size` and `load_size` of the pictures that it was trained on, in pixels.
        facts: by heading, for a report's readers.
        seen: identities of the pictures that it was trained on and chosen by, by split and domain; None where the file
            does not say.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    seen: Mapping[str, Tensor] | None = None


def origin(file: Path) -> Origin:
    """What the checkpoint says. Raises CheckpointError for a file that is not a checkpoint of this project."""
    content = read(file)
    data = _at(content, "hyper_parameters", "data")
    sizes = {key: size for key in ("size", "load_size") if 0 < (size := _number(_at(data, key))) <= LARGEST}
    facts = {
        "trained on": f"{sizes['size']} x {sizes['size']} pixels" if "size" in sizes else "unknown",
        "chosen": _chosen(file, content),
        "loss weights": _loss(_at(content, "hyper_parameters", "loss")),
    }
    return Origin(sizes, facts, _seen(_at(content, "Portraits", "seen")))


def overlap(origin: Origin, measured: Mapping[str, Tensor]) -> tuple[str, bool]:
    """How many of the measured pictures the system has seen, in words, and whether there are any.

    `measured` holds the identities of the measured pictures by `photos` and `cartoons`.
    """
    if origin.seen is None:
        return "unknown, the checkpoint does not say", False
    counts = {
        f"{found} {domain} {verb}": found
        for domain, identities in measured.items()
        for split, verb in (("train", "trained on"), ("val", "chosen by"))
        if (found := _common(identities, origin.seen.get(f"{split}_{domain}")))
    }
    return ", ".join(counts) or "none", bool(counts)


def _chosen(file: Path, content: dict[str, Any]) -> str:
    """Which epoch of the run it is, and what chose it."""
    epochs = _number(_at(content, "loops", "fit_loop", "epoch_progress", "current", "processed"))
    planned = _number(_at(content, "hyper_parameters", "trainer", "max_epochs"))
    done = f"epoch {epochs} of {planned}"
    best = _at(content, "callbacks", "Checkpoints", "best")
    if file.name != BEST or not isinstance(best, Mapping) or not best:
        return f"{done}, the last" if epochs else "unknown"
    return f"{done}, selected by {next(iter(best))} on the validation pictures"


def _loss(players: object) -> str:
    """The weights by player, without those that are 0: "g: adv 1.0, cycle 10.0; d: adv 1.0"."""
    if not isinstance(players, Mapping):
        return "unknown"
    by_player = {player: terms for player, terms in players.items() if isinstance(terms, Mapping)}
    return "; ".join(
        f"{player}: " + ", ".join(f"{term} {weight}" for term, weight in terms.items() if weight)
        for player, terms in by_player.items()
    )


def _seen(identities: object) -> Mapping[str, Tensor] | None:
    if not isinstance(identities, Mapping):
        return None
    return {name: x for name, x in identities.items() if isinstance(x, Tensor) and x.dtype == torch.int64}


def _common(ours: Tensor, theirs: Tensor | None) -> int:
    return 0 if theirs is None else int(torch.isin(ours, theirs).sum())


def _at(node: object, *keys: str) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _number(value: object) -> int:
    return value if type(value) is int else 0
