"""Checkpoint files: found, checked and turned back into networks. They are untrusted input.

A file is what Lightning saves, plus `generator_prefix`, where in its state dict the photo -> cartoon network lies. Its
`hyper_parameters` are the run's resolved configuration, so the file alone rebuilds the model. It is read with
`weights_only=True`, and only classes that live in `src.` are ever built from it.
"""

import importlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from portrait_cartoons.errors import UserError

if TYPE_CHECKING:
    from portrait_cartoons.models.base import Translator

FOLDER = "checkpoints"
BEST, LAST, PREVIOUS = "best.ckpt", "last.ckpt", "previous.ckpt"


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, or not one of ours; the sentence names the file."""


def find(path: str | Path) -> Path:
    """The checkpoint file that `path` means: itself, or of a run folder the best one, else the newest."""
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint {path}; name a .ckpt file or a run folder")
    if path.is_file():
        return path
    for name in (BEST, LAST, PREVIOUS):
        if (file := path / FOLDER / name).is_file():
            return file
    raise CheckpointError(f"the folder {path} holds no {FOLDER}/{BEST} or {LAST}; name a run folder or a .ckpt file")


def read(path: Path) -> dict[str, Any]:
    """The checkpoint's tensors, on the CPU, and plain data. Every byte is checked against the file's own checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise CheckpointError(f"the checkpoint {path} is damaged (in its part {damaged}); use another one")
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # a hostile file can make the reader fail in any way
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"the file {path} is no readable checkpoint ({reason}); use another one") from error
    if not isinstance(checkpoint, dict) or not {"state_dict", "hyper_parameters"} <= checkpoint.keys():
        raise CheckpointError(f"the file {path} is no checkpoint of this project; name one that src.train wrote")
    return checkpoint


def load_generator(path: str | Path) -> tuple[nn.Module, int]:
    """The photo -> cartoon network of a checkpoint file or run folder, in eval mode on the CPU.

    The number beside it is the side of the pictures that it was trained on, in pixels.
    """
    path = find(path)
    checkpoint = read(path)
    try:
        options = dict(checkpoint["hyper_parameters"]["model"]["generator"])
        options.pop("_partial_", None)
        network = _class(options.pop("_target_"), "portrait_cartoons.networks", nn.Module)(**options)
        prefix = checkpoint["generator_prefix"]
        weights = checkpoint["state_dict"].items()
        network.load_state_dict({key.removeprefix(prefix): value for key, value in weights if key.startswith(prefix)})
        size = cast(int, checkpoint["hyper_parameters"]["data"]["size"])
        if type(size) is not int or size < 1:
            raise ValueError(f"data.size is {size!r}")
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not describe a generator this version can build: {error}") from error
    return network.eval(), size


def load(path: str | Path) -> "Translator":
    """The model of a checkpoint file or run folder, in eval mode on the CPU; it can validate, but not train.

    Perceptual features serve training alone, and a file of weights that the configuration names was its beginning:
    neither is needed here, and a checkpoint opens no other file.
    """
    from hydra.utils import instantiate

    from portrait_cartoons.models.base import Translator

    path = find(path)
    checkpoint = read(path)
    try:
        options = checkpoint["hyper_parameters"]["model"]
        _class(options["_target_"], "portrait_cartoons.models", Translator)
        for target in _targets([v for key, v in options.items() if key not in ("_target_", "optimizers")]):
            _class(target, "portrait_cartoons.networks", nn.Module)
        model = instantiate(_without_files(options), weights=checkpoint["hyper_parameters"]["loss"], _convert_="all")
        model.load_state_dict(checkpoint["state_dict"])
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # whatever a foreign configuration makes a constructor raise
        raise CheckpointError(f"{path} does not describe a model this version can build: {error}") from error
    return model.eval()


def _without_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """The model's options without those that would make a network read a file of weights, and without optimizers."""
    nodes = {
        key: {name: value for name, value in node.items() if name != "weights"} if isinstance(node, Mapping) else node
        for key, node in options.items()
    }
    nodes["optimizers"] = {}
    if "features" in nodes:
        nodes["features"] = {"_target_": "torch.nn.Identity", "_partial_": True}
    return nodes


def _class(target: object, package: str, base: type) -> type:
    """The class named `target`, refused unless it is a `base` defined inside `package`."""
    refusal = CheckpointError(f"its configuration asks for {target!r}, which is no {base.__name__} of {package}")
    if not isinstance(target, str) or not target.startswith(f"{package}."):
        raise refusal
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise refusal from error
    if not (isinstance(found, type) and issubclass(found, base) and found.__module__ == module):
        raise refusal
    return found


def _targets(node: Any) -> Iterable[Any]:
    """Every `_target_` in nested plain data."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield node["_target_"]
        node = node.values()
    elif not isinstance(node, list | tuple):
        return
    for child in node:
        yield from _targets(child)
