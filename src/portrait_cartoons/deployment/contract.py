"""What a deployed file says about itself, so that a program that has nothing else can use it."""

import json
from collections.abc import Mapping
from typing import Any

from portrait_cartoons.runs.checkpoint import Trained, version

FORMAT = "portrait-cartoons 1"
INPUT, OUTPUT = "photo", "cartoon"
LICENCE = "The code is under the MIT licence; whether the weights may be shared depends on the pictures of training"


def metadata(trained: Trained, licence: str, bytes_per_pixel: float, weights: str = "float32") -> dict[str, str]:
    """Names and texts, as ONNX, safetensors and torch.export can hold them; nothing of the machine is in them.

    `bytes_per_pixel` is the memory that the network needs; `weights` is float32, or what they are stored in instead.
    """
    return {
        "format": FORMAT,
        "version": version(),
        "model": trained.model,
        "generator": json.dumps(dict(trained.options)),
        "size": str(trained.size),
        "weights": weights,
        "size_divisor": str(trained.network.size_divisor),
        "layout": "N x 3 x height x width, float32",
        "colour_order": "RGB",
        "range": "[-1, 1]",
        "bytes_per_pixel": str(round(bytes_per_pixel)),
        "licence": licence,
    }


def parsed(found: Mapping[str, str]) -> tuple[str, dict[str, Any], int]:
    """The model's name, the generator's options and the size of training. Raises ValueError for other metadata."""
    if found.get("format") != FORMAT:
        raise ValueError(
            f"its format is {found['format']!r} where this version reads {FORMAT!r}"
            if "format" in found
            else "it says nothing about itself, so it is not a file of this project"
        )
    try:
        options, size = json.loads(found["generator"]), int(found["size"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError("its description is damaged") from error
    if not isinstance(options, dict) or not 0 < size < 1 << 20:
        raise ValueError("its description is damaged")
    return found.get("model", ""), options, size
