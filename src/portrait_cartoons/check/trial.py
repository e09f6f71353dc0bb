"""Networks, optimizers, trainer and W&B, really tried: what no reading of values can tell.

Networks are tried on the meta device, where shapes are computed and nothing else: at the true size in milliseconds.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from portrait_cartoons.check.keys import Problem, Tree, affected
from portrait_cartoons.check.signatures import is_node
from portrait_cartoons.cli.build import made, quiet, reason
from portrait_cartoons.cli.launch import together
from portrait_cartoons.networks.catalogue import network_nodes
from portrait_cartoons.speed.trainer import Trainer

LAYERS, PARAMETERS = 10_000, 2 * 10**9  # more of them nobody can train, and building them takes minutes


def trial_problems(tree: Tree, known: Collection[str]) -> dict[str, str]:
    """By key the sentence about it. What needs one of the keys known to have a problem already is not tried."""
    needs = ("data.size", "model._target_", *(f"model.{name}" for name in network_nodes(tree["model"])))
    trials: dict[Callable[[Tree], Iterator[Problem]], tuple[str, ...]] = {
        _network_problems: needs,
        _optimizer_problems: ("model.optimizers",),
        _trainer_problems: ("trainer",),
    }
    problems: dict[str, str] = {}
    for find, keys in trials.items():
        if not affected(keys, known):
            problems |= dict(find(tree))
    return problems


def networks(tree: Tree) -> dict[str, nn.Module]:
    """The networks of the model by their names there, without weights, on the meta device. Raises what they raise."""
    return {name: _network(node) for name, node in network_nodes(tree["model"]).items()}


def _network_problems(tree: Tree) -> Iterator[Problem]:
    built = {}
    for name, node in (nodes := network_nodes(tree["model"])).items():
        try:
            built[name] = _network(node)
        except Exception as error:  # whatever unsuitable values make a constructor raise
            sentence = f"model.{name} cannot be built: {reason(error)}; change its values, see conf/model"
            yield f"model.{name}", sentence
    if tree["data"].get("batch_size") == 1:
        yield from _batch_problems(built)
    if (tree["trainer"].get("strategy") or together() > 1) and not torch.cuda.is_available():
        yield from _norm_problems(built)
    if len(built) == len(nodes):
        yield from _size_problems(built, tree["data"]["size"])


def _size_problems(built: Mapping[str, nn.Module], size: int) -> Iterator[Problem]:
    divisors = {name: getattr(network, "size_divisor", 1) for name, network in built.items()}
    if unfit := [name for name, divisor in divisors.items() if size % divisor]:
        step = math.lcm(*divisors.values())
        near = " or ".join(str(side) for side in (size // step * step, -(-size // step) * step) if side)
        yield (
            "data.size",
            f"data.size={size} must be a multiple of {step} for model.{' and model.'.join(unfit)}; use {near}",
        )
        return
    for name, network in built.items():
        if not _runs(network, size):
            larger = list(range(size + divisors[name], 2 * size + 256, divisors[name]))[:64]
            enough = next((side for side in larger if _runs(network, side)), None)
            way_out = f"use data.size={enough} or larger, or fewer layers" if enough else "use fewer layers"
            yield f"model.{name}", f"model.{name} cannot work on images of data.size={size}: {way_out}, see conf/model"


def _batch_problems(built: Mapping[str, nn.Module]) -> Iterator[Problem]:
    for name, network in built.items():
        if any(isinstance(module, _BatchNorm) and module.training for module in network.modules()):
            sentence = f"data.batch_size=1: the batch norm of model.{name} needs several pictures; use 4 or more"
            yield "data.batch_size", sentence


def _norm_problems(built: Mapping[str, nn.Module]) -> Iterator[Problem]:
    for name, network in built.items():
        if any(isinstance(module, _BatchNorm) and module.training for module in network.modules()):
            sentence = (
                f"trainer=ddp: the batch norm of model.{name} can be synchronised on GPUs only; use instance norm"
            )
            yield "trainer.strategy", f"{sentence}, or trainer=exact"


def _optimizer_problems(tree: Tree) -> Iterator[Problem]:
    for player, node in tree["model"].get("optimizers", {}).items():
        try:
            if is_node(node):
                made(node)([torch.zeros(1, requires_grad=True)])
        except Exception as error:  # an optimizer's own words about its arguments
            key = f"model.optimizers.{player}"
            yield key, f"{key} cannot be made: {reason(error)}; change its values, see conf/model"


def _trainer_problems(tree: Tree) -> Iterator[Problem]:
    name = tree["trainer"].get("accelerator")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = {"cuda": ("cuda",), "gpu": ("cuda", "mps"), "mps": ("mps",)}.get(str(name), ())
    if wanted and not any(available[kind] for kind in wanted):
        yield "trainer.accelerator", f"trainer.accelerator={name}: this machine has none; use auto or cpu"
        return
    devices, nodes = tree["trainer"].get("devices"), tree["trainer"].get("num_nodes") or 1
    if devices != "auto" and together() not in (1, devices * nodes):
        yield (
            "trainer.devices",
            f"trainer.devices={devices} on trainer.num_nodes={nodes} machines need as many processes, but {together()}"
            " were started: make the numbers agree",
        )
        return
    quiet()
    try:
        ours = ("_target_", "max_time", "strategy")
        options = {key: value for key, value in tree["trainer"].items() if key not in ours}
        if strategy := tree["trainer"].get("strategy"):
            options["strategy"] = made(strategy)
        Trainer(**options, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    except Exception as error:  # Lightning's own words about its arguments
        yield "trainer", f"the trainer cannot be made: {reason(error)}; change its values, see conf/trainer"


class _Undrawn(TorchFunctionMode):
    """Leaves weights as memory has them: drawing those of large networks takes seconds, and fills memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def _bounded() -> Iterator[None]:
    """Refuse, with ValueError, to build a network that nobody could train."""
    layers, parameters = 0, 0

    def count_layer(*_: Any) -> None:
        nonlocal layers
        layers += 1
        if layers > LAYERS:
            raise ValueError(f"it has more than {LAYERS} layers")

    def count_parameter(_: nn.Module, __: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters
        parameters += 0 if parameter is None else parameter.numel()
        if parameters > PARAMETERS:
            raise ValueError(f"it has more than {PARAMETERS:.0e} parameters")

    hooks = (
        register_module_module_registration_hook(count_layer),
        register_module_parameter_registration_hook(count_parameter),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _network(node: dict[str, Any]) -> nn.Module:
    with _Undrawn(), _bounded():
        network = made({**node, "_partial_": False})
    if any(parameter.numel() == 0 for parameter in network.parameters()):
        raise ValueError("a layer would be empty")
    return network.to("meta")


def _runs(network: nn.Module, size: int) -> bool:
    """Whether one image of that size goes through the network."""
    first = next((layer.in_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)), 3)
    channels = getattr(network, "channels", first)
    try:
        with torch.inference_mode():
            output = network(torch.zeros(1, channels, size, size, device="meta"))
    except (RuntimeError, ValueError):
        return False
    return not isinstance(output, torch.Tensor) or output.numel() > 0
