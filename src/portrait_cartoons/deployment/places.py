"""The files that an export writes."""

from pathlib import Path

SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2", "safetensors": ".safetensors", "web": ".html"}


def beside(path: Path) -> tuple[Path, Path]:
    """The sha256 and the card of an exported file."""
    return path.with_name(f"{path.name}.sha256"), path.with_name(f"{path.name}.md")
