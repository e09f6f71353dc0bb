"""Safetensors files: the generator's weights alone, and in the header all that is needed to rebuild it.

Weights of 16 bits are computed with in 32, as all others.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import torch as safetensors
from torch import nn

from portrait_cartoons.deployment import contract
from portrait_cartoons.errors import first_line
from portrait_cartoons.runs.checkpoint import CheckpointError, Trained, rebuilt

SUFFIX = ".safetensors"


def encoded(network: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    half = metadata["weights"] == "float16"
    weights = {name: value.half() if half else value for name, value in network.state_dict().items()}
    return safetensors.save({name: value.contiguous() for name, value in weights.items()}, dict(metadata))


def decoded(data: bytes) -> Trained:
    """The generator of untrusted bytes. Raises an exception of any kind for others than those of a slim file."""
    stored = safetensors.load(data)
    weights = {name: value.float() if value.dtype == torch.float16 else value for name, value in stored.items()}
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    model, options, size = contract.parsed(header.get("__metadata__", {}))
    return rebuilt(model, options, size, weights)


def load(path: Path) -> Trained:
    """The generator of a file. It is untrusted: only networks of this package are built. Raises CheckpointError."""
    try:
        return decoded(path.read_bytes())
    except Exception as error:  # a hostile file can make the reader fail in any way
        reason = first_line(error)
        raise CheckpointError(f"the file {path} cannot be used: {reason}; use another one") from error
