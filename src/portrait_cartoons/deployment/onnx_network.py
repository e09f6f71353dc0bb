"""ONNX files as networks: checked, because they are untrusted, and run by ONNX Runtime on the CPU."""

import math
from pathlib import Path

import onnx
import onnxruntime
import torch
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto
from torch import Tensor, nn

from portrait_cartoons.deployment import contract
from portrait_cartoons.errors import first_line
from portrait_cartoons.runs.checkpoint import CheckpointError, Trained

# The steps of our generators. None of them reads a file, runs code or repeats another graph.
STEPS = {
    *("Add", "AveragePool", "Cast", "Clip", "Concat", "Conv", "ConvTranspose", "DequantizeLinear", "Div", "Gather"),
    *("LeakyRelu", "Max", "MaxPool", "Min", "Mod", "Mul", "Pad", "Pow", "QuantizeLinear", "Range", "ReduceMean"),
    *("Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze"),
}
_ATTRIBUTES = {
    *(AttributeProto.FLOAT, AttributeProto.FLOATS, AttributeProto.INT, AttributeProto.INTS),
    *(AttributeProto.STRING, AttributeProto.STRINGS),
}
_TYPES = {  # and their bytes
    **dict.fromkeys((TensorProto.INT8, TensorProto.UINT8), 1),
    **dict.fromkeys((TensorProto.FLOAT, TensorProto.INT32), 4),
    TensorProto.FLOAT16: 2,
    TensorProto.INT64: 8,
}
_LARGEST = 2**31  # bytes, the limit of the format

onnxruntime.set_default_logger_severity(3)


class OnnxNetwork(nn.Module):
    """A generator that ONNX Runtime computes, for N x 3 x H x W in [-1, 1] of any size.

    `bytes_per_pixel` is the memory that it needs. Raises CheckpointError where it cannot be run.
    """

    size_divisor = 1  # it pads for itself

    def __init__(self, data: bytes, name: str, bytes_per_pixel: float = 0) -> None:
        super().__init__()
        self.name, self.bytes_per_pixel = name, bytes_per_pixel
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def forward(self, x: Tensor) -> Tensor:
        try:
            (output,) = self.session.run([contract.OUTPUT], {contract.INPUT: x.float().cpu().numpy()})
        except Exception as error:  # ONNX Runtime's own, which have no common class
            if "alloc" in str(error):
                raise torch.OutOfMemoryError("out of memory") from error
            raise CheckpointError(
                f"{self.name} cannot be run ({first_line(error).rstrip('.')}); use another file"
            ) from error
        if output.shape != x.shape or output.dtype != "float32":
            raise CheckpointError(f"{self.name} does not draw cartoons of the photo's size; use another file")
        return torch.from_numpy(output).to(x.device)


def load(path: Path) -> Trained:
    """The generator of a file, which opens no other file. Raises CheckpointError."""
    try:
        if path.stat().st_size >= _LARGEST:
            raise ValueError("it is larger than any ONNX file")
        data = path.read_bytes()
        found = onnx.load_model_from_string(data)
        _check(found, len(data))
        described = {entry.key: entry.value for entry in found.metadata_props}
        model, options, size = contract.parsed(described)
        network = OnnxNetwork(data, str(path), float(described.get("bytes_per_pixel", 0)))
    except Exception as error:  # a hostile file can make the reader fail in any way
        raise CheckpointError(
            f"the ONNX file {path} cannot be used: {first_line(error).rstrip('.')}; use another one"
        ) from error
    return Trained(network, size, model, options)


def _check(model: ModelProto, size: int) -> None:
    """Raise ValueError for a file that is not made of our generators' steps and its own weights alone."""
    graph = model.graph
    if len(model.functions) or len(model.training_info) or len(graph.sparse_initializer):
        raise ValueError("it holds more than a graph")
    if {opset.domain for opset in model.opset_import} - {"", "ai.onnx"}:
        raise ValueError("it needs operators of another program")
    if [value.name for value in graph.input] != [contract.INPUT] or [v.name for v in graph.output] != [contract.OUTPUT]:
        raise ValueError(f"it is not a graph from {contract.INPUT} to {contract.OUTPUT}")
    _check_steps(graph)
    for tensor in graph.initializer:
        if len(tensor.external_data) or tensor.data_location != TensorProto.DEFAULT:
            raise ValueError("its weights lie in other files")
        if tensor.data_type not in _TYPES or math.prod(map(abs, tensor.dims)) * _TYPES[tensor.data_type] > size:
            raise ValueError(f"its weight {tensor.name[:40]!r} is larger than the file, or of another type")


def _check_steps(graph: GraphProto) -> None:
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in STEPS:
            raise ValueError(f"its step {node.op_type[:40]!r} is none of this project's generators")
        if any(attribute.type not in _ATTRIBUTES for attribute in node.attribute):
            raise ValueError(f"its step {node.op_type!r} holds another graph or more weights")
