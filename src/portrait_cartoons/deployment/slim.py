"""Safetensors files: the generator's weights alone, and in the header all that is needed to rebuild it."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import torch as safetensors
from torch import nn

from portrait_cartoons.deployment import contract
from portrait_cartoons.runs.checkpoint import CheckpointError, Trained, rebuilt

SUFFIX = ".safetensors"


def encoded(network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    return safetensors.save({name: value.contiguous() for name, value in network.state_dict().items()}, dict(metadata))


def decoded(data: bytes) -> Trained:
    """The generator of untrusted bytes. Raises an exception of any kind for others than those of a slim file."""
    weights = safetensors.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    model, options, size = contract.parsed(header.get("__metadata__", {}))
    return rebuilt(model, options, size, weights)


def load(path: Path) -> Trained:
    """The generator of a file. It is untrusted: only networks of this package are built. Raises CheckpointError."""
    try:
        return decoded(path.read_bytes())
    except Exception as error:  # a hostile file can make the reader fail in any way
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"the file {path} cannot be used: {reason}; use another one") from error
