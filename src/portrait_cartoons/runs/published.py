"""Checkpoints of generators that others trained."""

from pathlib import Path
from typing import Any

from portrait_cartoons import files
from portrait_cartoons.models.published import PublishedGenerator
from portrait_cartoons.networks.layouts import Published, recognised
from portrait_cartoons.networks.weights import file_sha256, state_dict
from portrait_cartoons.runs.checkpoint import write


def convert(source: Path, output: Path, licence: str) -> Published:
    """Write the checkpoint of a published file, and say what was found in it.

    Beside what every checkpoint holds, it has `published`: the layout, name and sha256 of the file, and the licence.

    Raises:
        WeightsError: the file cannot be read, or has no known layout.
        OSError: the checkpoint cannot be written.
    """
    found = recognised(state_dict(source, "published weights", "name the file as its authors publish it"), str(source))
    kind, options = found.network
    model: dict[str, Any] = {
        "_target_": f"{PublishedGenerator.__module__}.{PublishedGenerator.__name__}",
        "generator": {"_target_": f"{kind.__module__}.{kind.__name__}", "_partial_": True, **options},
        "batch_size": 1,
        "epochs": 0,
        "decay_share": 0.0,
    }
    origin = {"layout": found.layout, "file": source.name, "sha256": file_sha256(source), "licence": licence}
    content = {
        "state_dict": {f"g.{name}": value.contiguous() for name, value in found.weights.items()},
        "generator_prefix": "g.",
        "hyper_parameters": {"model": model, "loss": {}, "data": {"size": found.size}},
        "published": origin,
    }
    with files.atomic(output) as file:
        write(content, file)
    return found
