"""ONNX files: written for programs that have neither torch nor this package."""

import copy
import warnings
from collections.abc import Mapping

import torch
from onnx import ModelProto, helper
from torch import Tensor, nn

from portrait_cartoons.deployment.contract import INPUT, OUTPUT
from portrait_cartoons.deployment.torch_program import program
from portrait_cartoons.networks.padding import Padded

AXES = ("batch", None, "height", "width")


class ExactNorm(nn.Module):
    """Instance norm, or layer norm over a whole picture, in plain steps: N x C x H x W in and out.

    Means are taken along rows first. ONNX Runtime's own norm adds up all pixels in one float, which is off by 3e-4 for
    512 x 512 of them.
    """

    def __init__(self, norm: nn.InstanceNorm2d | nn.GroupNorm) -> None:
        super().__init__()
        self.norm, self.sides = norm, (3, 2, 1) if isinstance(norm, nn.GroupNorm) else (3, 2)

    def forward(self, x: Tensor) -> Tensor:
        centred = x - self._mean(x)
        normed = centred / (self._mean(centred.square()) + self.norm.eps).sqrt()
        return normed * self.norm.weight[:, None, None] + self.norm.bias[:, None, None] if self.norm.affine else normed

    def _mean(self, x: Tensor) -> Tensor:
        for side in self.sides:
            x = x.mean(side, keepdim=True)
        return x


def encoded(padded: Padded, metadata: Mapping[str, str]) -> bytes:
    """The file's bytes, weights included: float32 N x 3 x height x width in [-1, 1] in and out, of any size."""
    padded = copy.deepcopy(padded)
    for parent in list(padded.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, nn.InstanceNorm2d) or (isinstance(layer, nn.GroupNorm) and layer.num_groups == 1):
                setattr(parent, name, ExactNorm(layer))
    with warnings.catch_warnings(action="ignore"):
        made = torch.onnx.export(
            program(padded), dynamo=True, external_data=False, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
        )
    model: ModelProto = made.model_proto  # type: ignore[union-attr]
    _forget_origins(model)
    model.producer_name, model.producer_version = "portrait-cartoons", metadata["version"]
    for value in (model.graph.input[0], model.graph.output[0]):
        for side, axis in zip(value.type.tensor_type.shape.dim, AXES, strict=True):
            if axis:
                side.dim_param = axis
    helper.set_model_props(model, dict(metadata))
    return model.SerializeToString()


def _forget_origins(model: ModelProto) -> None:
    """Clear what torch notes about where each step comes from: the paths of this machine."""
    graph = model.graph
    graph.name, graph.doc_string, model.doc_string = "generator", "", ""
    del graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
