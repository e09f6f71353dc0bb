"""Reads files of trained generators, of any kind."""

from pathlib import Path

from portrait_cartoons.deployment import slim
from portrait_cartoons.errors import needing
from portrait_cartoons.runs.checkpoint import CheckpointError, Trained, load_generator

ONNX = ".onnx"


def load(path: str | Path) -> Trained:
    """The generator of a run folder, a checkpoint, a safetensors or an ONNX file, told by its suffix; not trusted.

    Raises CheckpointError, and UserError where a package is missing.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix not in (ONNX, slim.SUFFIX):
        return load_generator(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; name a run folder, or a .ckpt, .safetensors or .onnx file")
    if suffix == slim.SUFFIX:
        return slim.load(path)
    with needing("export", "ONNX"):
        from portrait_cartoons.deployment import onnx_network
    return onnx_network.load(path)
