"""Networks and pictures, really made: what no reading of values can tell."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import nn
from torch.overrides import TorchFunctionMode

from portrait_cartoons.check.keys import Problem, Tree
from portrait_cartoons.check.players import inputs
from portrait_cartoons.data.picture import Splits, read
from portrait_cartoons.errors import UserError

SMALL, LARGE = 32, 512  # sides of the images that networks are tried on, in pixels


def trial_problems(tree: Tree, known: Collection[str], networks: bool = True) -> dict[str, str]:
    """By key the sentence about it.

    Args:
        tree: the configuration.
        known: keys with problems already; what needs one of them is not tried.
        networks: whether to try them too, as for a training, or the pictures alone, as for an evaluation.
    """
    trials: list[tuple[Callable[[Tree], Iterator[Problem]], tuple[str, ...]]] = []
    if networks:
        needs = ("data.size", "model._target_", *(f"model.{name}" for name in _network_nodes(tree)))
        trials.append((_network_problems, needs))
    trials.append((partial(_picture_problems, training=networks), ("data.source", "data.load_size")))
    problems: dict[str, str] = {}
    for find, needs in trials:
        if not any(f"{key}.".startswith(f"{need}.") for key in known for need in needs):
            problems |= dict(find(tree))
    return problems


def networks(tree: Tree) -> dict[str, nn.Module]:
    """The networks of the model by their names there, with weights that mean nothing. Raises what they raise."""
    return {name: _network(node) for name, node in _network_nodes(tree).items()}


def pictures(tree: Tree) -> Splits:
    """The pictures of the data source. Raises what it raises."""
    return _made(tree["data"]["source"])


def _network_problems(tree: Tree) -> Iterator[Problem]:
    yield from _accelerator_problems(tree)
    built = {}
    for name, node in (nodes := _network_nodes(tree)).items():
        try:
            built[name] = _network(node)
        except Exception as error:  # whatever unsuitable values make a constructor raise
            sentence = f"model.{name} cannot be built: {_reason(error)}; change its values, see conf/model"
            yield f"model.{name}", sentence
    if len(built) == len(nodes):
        yield from _size_problems(built, tree["data"]["size"])


def _size_problems(built: Mapping[str, nn.Module], size: int) -> Iterator[Problem]:
    multiple = getattr(built.get("generator"), "multiple", 1)
    if size % multiple:
        near = " or ".join(str(s) for s in (size // multiple * multiple, -(-size // multiple) * multiple) if s)
        yield "data.size", f"data.size={size} must be a multiple of {multiple} for this generator; use {near}"
        return
    for name in [name for name in ("generator", "discriminator") if name in built]:
        # What works on small images works on large ones, but takes longer to try.
        if not (_runs(built[name], min(size, SMALL // multiple * multiple)) or _runs(built[name], size)):
            larger = range(size + multiple, LARGE, multiple)
            enough = next((side for side in larger if _runs(built[name], side)), None)
            way_out = f"use data.size={enough} or larger, or fewer layers" if enough else "use fewer layers"
            yield f"model.{name}", f"model.{name} cannot work on images of data.size={size}: {way_out}, see conf/model"


def _accelerator_problems(tree: Tree) -> Iterator[Problem]:
    name = tree["trainer"].get("accelerator")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = {"cuda": ("cuda",), "gpu": ("cuda", "mps"), "mps": ("mps",)}.get(str(name), ())
    if wanted and not any(available[kind] for kind in wanted):
        yield "trainer.accelerator", f"trainer.accelerator={name}: this machine has none; use auto or cpu"


def _picture_problems(tree: Tree, training: bool) -> Iterator[Problem]:
    try:
        splits = pictures(tree)
        for domain, found in (("photo", splits.train_photos), ("cartoon", splits.train_cartoons)):
            if training and not found:
                yield (
                    f"data.source.{domain}",
                    f"data.source.{domain} has {domain}s for the test only: put some to train on into a folder train"
                    " beside test",
                )
                return
        photo = read(splits.train_photos if training else splits.test_photos, 0, [])
        if photo.mask is None and ("photo_mask" in inputs(tree) or tree["data"]["background"] != "keep"):
            yield (
                "data.source.photo_mask",
                "data.source.photo_mask is missing: this model or background needs the photos' person masks; name their"
                " folder, data.source.photo_mask=<folder>",
            )
    except UserError as error:
        for n, sentence in enumerate(getattr(error, "problems", (str(error),))):
            yield f"data.{n}", sentence
    except Exception as error:  # whatever unsuitable values make it raise
        yield "data.source", f"data.source cannot be made: {_reason(error)}; change its values, see conf/data"


class _Undrawn(TorchFunctionMode):
    """Leaves weights as memory has them: drawing those of large networks takes seconds, and fills memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _network_nodes(tree: Tree) -> dict[str, dict[str, Any]]:
    return {name: node for name, node in tree["model"].items() if isinstance(node, dict) and node.get("_partial_")}


def _network(node: dict[str, Any]) -> nn.Module:
    with _Undrawn():
        network = _made({**node, "_partial_": False})
    if any(parameter.numel() == 0 for parameter in network.parameters()):
        raise ValueError("a layer would be empty")
    return network


def _runs(network: nn.Module, size: int) -> bool:
    """Whether one image of that size goes through the network."""
    try:
        with torch.inference_mode():
            output = network(torch.zeros(1, 3, size, size))
    except (RuntimeError, ValueError):
        return False
    return not isinstance(output, torch.Tensor) or output.numel() > 0


def _made(node: Mapping[str, Any]) -> Any:
    """The object of a node. Raises what its target raises."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise (error.__cause__ or error) from None


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
