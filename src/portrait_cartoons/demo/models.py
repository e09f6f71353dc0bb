"""The trained models that the page offers."""

from functools import lru_cache
from pathlib import Path

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import walk
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.runs.names import CHECKPOINTS

SUFFIXES = (".ckpt", ".safetensors", ".onnx")
_KEPT = 2  # models in memory


class Models:
    """What lies in a folder, by names that a user can tell apart: the paths below it.

    The newest one comes first, or with `newest_first=False`, where the files' ages say nothing, the alphabet's first.
    Raises UserError for a folder without models.
    """

    def __init__(self, path: Path, device: str, max_side: int | None, newest_first: bool = True) -> None:
        self.paths = {str(found.relative_to(path)) if found != path else found.name: found for found in _found(path)}
        if not self.paths:
            raise UserError(f"models={path} holds no run folder and no {', '.join(SUFFIXES)} file; train a model first")
        self.newest_first = newest_first
        self.load = lru_cache(_KEPT)(lambda name: Cartoonizer.load(self.paths[name], device, max_side))

    @property
    def names(self) -> list[str]:
        age = (lambda name: -self.paths[name].stat().st_mtime) if self.newest_first else None
        return sorted(self.paths, key=age)


def _found(path: Path) -> list[Path]:
    """The run folders and model files at or below the path."""
    if path.is_file() or (path / CHECKPOINTS).is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, files in walk(path, set(), lambda _: None):
        if CHECKPOINTS in folders:
            found.append(folder)
            folders.clear()
        else:
            found += [folder / name for name in files if Path(name).suffix.lower() in SUFFIXES]
    return found
