"""The format of checkpoint files, and the networks made of them. They are untrusted input.

A file is what Lightning saves, sealed with a hash over all its bytes, and in addition

    format, version     of this layout, and the package's that wrote it
    generator_prefix    where in its state dict the photo -> cartoon network lies
    hyper_parameters    the run's resolved configuration, plain data, so that the file alone rebuilds the model

The configuration calls the model and its networks by the names of their classes. Only classes that this package
defines are ever made, with plain values, and not before their tensors are known to be those of the file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from portrait_cartoons.errors import UserError, first_line
from portrait_cartoons.networks import torch_file
from portrait_cartoons.networks.catalogue import class_named, named, network_nodes
from portrait_cartoons.runs.names import BEST, CHECKPOINTS, LAST, PREVIOUS

if TYPE_CHECKING:
    from portrait_cartoons.models.base import Translator

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)

FORMAT = 1
# Options that would make a network read a file; what it would read there is in the checkpoint.
FILES = ("weights",)
# No network of a file is larger than its tensors, but small ones may count more than they hold.
COUNT = 1024


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, or not one of ours; the sentence names the file."""


@dataclass(frozen=True)
class Trained:
    """The photo -> cartoon network of a file, and what the file says about it.

    Attributes:
        network: in eval mode, on the CPU.
        size: side in pixels of the pictures that it was trained on.
        model: the name of the system that was trained, such as CycleGAN.
        options: the network's class, as `_target_`, and what it was made with; plain data.
    """

    network: nn.Module
    size: int
    model: str
    options: Mapping[str, Any]


def find(path: str | Path) -> Path:
    """The checkpoint file that `path` means: itself, or of a run folder the best one, else the newest."""
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint {path}; name a .ckpt file or a run folder")
    if not path.is_dir():
        return path
    for name in (BEST, LAST, PREVIOUS):
        if (file := path / CHECKPOINTS / name).is_file():
            return file
    raise CheckpointError(
        f"the folder {path} holds no {CHECKPOINTS}/{BEST} or {LAST}; name a run folder or a .ckpt file"
    )


def write(content: Mapping[str, Any], file: BinaryIO) -> None:
    """Write what Lightning saves as a checkpoint into an empty file. Raises OSError where the disk refuses."""
    parameters = content["hyper_parameters"]
    parameters = {**parameters, "model": named(parameters["model"])}
    torch_file.save({**content, "format": FORMAT, "version": version(), "hyper_parameters": parameters}, file)


def read(path: Path) -> dict[str, Any]:
    """The checkpoint's tensors, on the CPU, and plain data. Raises CheckpointError for any other file."""
    try:
        content = torch_file.load(path, sealed=True)
    except torch_file.TorchFileError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be used: {error}; use another one") from error
    if not isinstance(content, dict) or "format" not in content:
        raise CheckpointError(f"the file {path} is not a checkpoint of this project; name one that src.train wrote")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"the checkpoint {path} has format {content['format']!r}, and this version reads format {FORMAT}; use it"
            f" with the version that wrote it, {content.get('version')}"
        )
    mappings = [content.get(part) for part in ("state_dict", "hyper_parameters")]
    if not all(isinstance(part, dict) and all(isinstance(name, str) for name in part) for part in mappings):
        raise CheckpointError(f"the checkpoint {path} lacks its weights or its configuration; use another one")
    return content


def load_generator(path: str | Path) -> Trained:
    """The photo -> cartoon network of a checkpoint file or run folder. Raises CheckpointError."""

    def make(content: dict[str, Any]) -> Trained:
        model = content["hyper_parameters"]["model"]
        prefix = content["generator_prefix"]
        weights = {
            name.removeprefix(prefix): value for name, value in content["state_dict"].items() if name.startswith(prefix)
        }
        return rebuilt(model["_target_"], model["generator"], content["hyper_parameters"]["data"]["size"], weights)

    return _made(path, "generator", make)


def rebuilt(model: Any, options: Mapping[str, Any], size: Any, weights: Mapping[str, Any]) -> Trained:
    """The generator that untrusted values describe. Raises an exception of any kind where they do not fit."""
    if type(size) is not int or size < 1:
        raise ValueError(f"data.size is {size!r}")
    if not isinstance(model, str):
        raise ValueError(f"the model's name is {model!r}")
    network = _filled(_maker(options, weights), weights)
    plain = {name: value for name, value in options.items() if name not in ("_partial_", *FILES)}
    return Trained(network, size, model, plain)


def load(path: str | Path) -> "Translator":
    """The model of a checkpoint file or run folder, in eval mode on the CPU; it can validate, but not train.

    Perceptual features and optimizers serve training alone, and a file of weights that the configuration names was
    its beginning: none of them is needed here, and a checkpoint opens no other file.
    """
    from portrait_cartoons.models.base import Translator

    def make(content: dict[str, Any]) -> "Translator":
        options, weights = dict(content["hyper_parameters"]["model"]), content["state_dict"]
        model = class_named(options.pop("_target_"), "portrait_cartoons.models", Translator)
        networks = {name: _maker(node, weights) for name, node in network_nodes(options).items() if name != "features"}
        if "features" in options:
            networks["features"] = nn.Identity
        loss = _numbers(content["hyper_parameters"]["loss"])
        return _filled(partial(model, **{**options, **networks, "weights": loss, "optimizers": {}}), weights)

    return _made(path, "model", make)


def _made(path: str | Path, what: str, make: Callable[[dict[str, Any]], T]) -> T:
    path = find(path)
    content = read(path)
    try:
        return make(content)
    except Exception as error:  # whatever a foreign configuration makes a constructor raise
        reason = first_line(error)
        raise CheckpointError(f"{path} does not describe a {what} that this version can build: {reason}") from error


def _maker(node: Mapping[str, Any], weights: Mapping[str, Any]) -> Callable[[], nn.Module]:
    """What makes a network of these options, which may not count to more than the weights can fill."""
    network = class_named(node["_target_"], "portrait_cartoons.networks", nn.Module)
    options = {name: value for name, value in node.items() if name not in ("_target_", "_partial_", *FILES)}
    sides = [side for value in weights.values() if isinstance(value, Tensor) for side in value.shape]
    most = max(COUNT, len(weights), *sides)
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(v, Mapping | list) or (isinstance(v, int) and abs(v) > most) for v in values):
            raise ValueError(f"the option {name} of {node['_target_']} does not fit its weights")
    return partial(network, **options)


def _filled(make: Callable[[], M], weights: Mapping[str, Any]) -> M:
    """What `make` makes, with these weights. Raises ValueError where they are not its own, before memory is taken."""
    with torch.device("meta"), _Undrawn():
        blank = make().state_dict()
    if name := first_misfit(blank, weights):
        raise ValueError(f"its weights do not fit, the first being {name}")
    with _Undrawn():
        module = make()
    module.load_state_dict(dict(weights))
    return module.eval()


_DRAWING = (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_, Tensor.normal_, Tensor.uniform_)


class _Undrawn(TorchFunctionMode):
    """Networks made inside draw no weights, as those of a file take their place.

    To draw them without memory PyTorch would import its compiler, which takes longer than all else.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWING:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def first_misfit(own: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """The first name in two state dicts that one of them lacks, or whose tensors differ in shape or type."""
    return next((name for name in {**own, **given} if _kind(own.get(name)) != _kind(given.get(name))), None)


def _kind(value: Any) -> tuple[Any, ...]:
    return (value.shape, value.dtype) if isinstance(value, Tensor) else (type(value),)


def _numbers(loss: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The weights of the loss terms, by player. Raises ValueError for what are no numbers."""
    weights = {player: dict(terms) for player, terms in loss.items()}
    if not all(isinstance(weight, int | float) for terms in weights.values() for weight in terms.values()):
        raise ValueError("a loss weight is not a number")
    return weights


def version() -> str:
    """The version of this package, for what it writes."""
    try:
        return version_of("portrait-cartoons")
    except PackageNotFoundError:  # a checkout
        return "of a checkout"
