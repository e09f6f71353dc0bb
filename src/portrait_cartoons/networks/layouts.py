"""Generators that others trained, in the layouts of the files in which they are passed on.

A layout is known by its names, and every name and shape must fit: the network is one of this package's then, and the
weights are given its names. What their code does to pictures and ours does not is worked into the weights.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from portrait_cartoons.networks.animegan import AnimeGenerator
from portrait_cartoons.networks.cartoongan import CartoonGenerator
from portrait_cartoons.networks.resnet import ResnetGenerator
from portrait_cartoons.networks.weights import WeightsError

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Published:
    """A generator of this package with the weights of a file.

    Attributes:
        layout: what the file is, for people.
        network: the class and its options.
        weights: the network's state dict.
        size: side of the pictures that it was trained on, in pixels.
    """

    layout: str
    network: tuple[type[nn.Module], dict[str, Any]]
    weights: dict[str, Tensor]
    size: int


@dataclass(frozen=True)
class Layout:
    """`mark` is a name that no other layout has; `read` gives the class, its options and the weights by our names."""

    name: str
    mark: str
    size: int
    read: Callable[[Weights], tuple[type[nn.Module], dict[str, Any], dict[str, Tensor]]]


def recognised(entries: Mapping[str, Any], what: str) -> Published:
    """The generator that the entries of a file are.

    Args:
        entries: values by their names.
        what: the file, for errors.

    Raises:
        WeightsError: they have no known layout, or some of them do not fit it.
    """
    layout = next((layout for layout in LAYOUTS if layout.mark in entries), None)
    if layout is None:
        known = "; ".join(f"{layout.name} ({layout.mark})" for layout in LAYOUTS)
        raise WeightsError(f"{what} has no layout that is known; these are, each by one of its names: {known}")
    tensors = {name: value.float() for name, value in entries.items() if isinstance(value, Tensor)}
    try:
        kind, options, weights = layout.read(tensors)
        with torch.device("meta"):
            own = {name: value.shape for name, value in kind(**options).state_dict().items()}
    except (LookupError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{what} looks like {layout.name}, but lacks {error}; name the whole file") from error
    given = {name: value.shape for name, value in weights.items()}
    if misfit := next((name for name in {**own, **given} if own.get(name) != given.get(name)), None):
        sides = [list(shapes[misfit]) if misfit in shapes else "nothing" for shapes in (own, given)]
        raise WeightsError(
            f"{what} looks like {layout.name}, but where the network has {sides[0]} at {misfit}, the file has"
            f" {sides[1]}; name a file of that layout"
        )
    return Published(layout.name, (kind, options), weights, layout.size)


def cyclegan(theirs: Weights) -> tuple[type[nn.Module], dict[str, Any], dict[str, Tensor]]:
    """`<n>_net_G.pth` of junyanz/pytorch-CycleGAN-and-pix2pix: a ResNet generator with instance norm, no dropout.

    Files of old versions of PyTorch hold running statistics, which instance norm does not use.
    """
    places = {"1": "0", "5": "3"}  # of a block's convolutions, in theirs beside two paddings
    blocks = {name.split(".")[1] for name in theirs if ".conv_block." in name}
    ours = {}
    for name, value in theirs.items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            name = re.sub(r"conv_block\.([15])\.", lambda place: f"body.{places[place[1]]}.", name)
            ours[name.removeprefix("model.")] = value
    return ResnetGenerator, {"width": len(theirs["model.1.weight"]), "blocks": len(blocks)}, ours


def cartoongan(theirs: Weights) -> tuple[type[nn.Module], dict[str, Any], dict[str, Tensor]]:
    """`<style>_net_G_float.pth` of Yijunmaverick/CartoonGAN-Test-Pytorch-Torch.

    It takes and gives BGR: the channels of its first and last convolution change places. Its norms have eps 1e-9 where
    ours have 1e-5: what a norm is given is multiplied by the root of their ratio, which is the same.
    """
    places = {"conv01_1": "0", "in01_1": "1", "conv02_1": "3", "conv02_2": "4", "in02_1": "5"}
    places |= {"conv03_1": "7", "conv03_2": "8", "in03_1": "9"}
    for n in range(8):
        inside = {"conv{}_1": 0, "in{}_1": 1, "conv{}_2": 3, "in{}_2": 4}
        places |= {name.format(f"{n + 4:02}"): f"{n + 11}.body.{place}" for name, place in inside.items()}
    places |= {"deconv01_1": "19", "deconv01_2": "20", "in12_1": "21"}
    places |= {"deconv02_1": "23", "deconv02_2": "24", "in13_1": "25", "deconv03_1": "27"}
    unnormed = ("conv02_1", "conv03_1", "deconv01_1", "deconv02_1", "deconv03_1")
    ours = {}
    for name, value in theirs.items():
        layer, _, kind = name.partition(".")
        if layer.startswith("in"):
            kind = {"scale": "weight", "shift": "bias"}[kind]
        elif layer not in unnormed:
            value = value * (1e-5 / 1e-9) ** 0.5
        if layer == "deconv03_1":
            value = value.flip(0)
        if name == "conv01_1.weight":
            value = value.flip(1)
        ours[f"{places[layer]}.{kind}"] = value
    return CartoonGenerator, {"width": len(theirs["conv01_1.weight"]), "blocks": 8, "norm": "affine"}, ours


def animegan(theirs: Weights) -> tuple[type[nn.Module], dict[str, Any], dict[str, Tensor]]:
    """`<style>.pt` of bryandlee/animegan2-pytorch, which holds the weights of AnimeGANv2's authors, and its own."""
    first = {"a": (0, 4, 8), "b": (12, 16), "c": (20, 24, 25, 26, 27, 28), "d": (33, 37), "e": (42, 46, 50)}
    inside = {"layers.0.1": 1, "layers.0.2": 2, "layers.1.1": 5, "layers.1.2": 6, "layers.2": 8, "layers.3": 9}
    places = {
        f"block_{block}.{n}.{m}": f"{at + m}"
        for block, ats in first.items()
        for n, at in enumerate(ats)
        for m in (1, 2)
    }
    places |= {f"block_c.{n}.{layer}": f"{n + 23}.body.{m}" for n in range(1, 5) for layer, m in inside.items()}
    places["out_layer.0"] = "54"
    ours = {}
    for name, value in theirs.items():
        layer, _, kind = name.rpartition(".")
        ours[f"{places[layer]}.{kind}"] = value
    return AnimeGenerator, {"width": len(theirs["block_a.0.1.weight"]), "blocks": 4}, ours


LAYOUTS = (
    Layout("a CycleGAN generator of pytorch-CycleGAN-and-pix2pix", "model.10.conv_block.1.weight", 256, cyclegan),
    Layout("a CartoonGAN generator of CartoonGAN-Test-Pytorch-Torch", "in01_1.scale", 256, cartoongan),
    Layout("an AnimeGANv2 generator of animegan2-pytorch", "block_a.0.1.weight", 256, animegan),
)
