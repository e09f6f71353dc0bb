"""Smaller ONNX files: weights of 16 bits, or convolutions in whole numbers of 8 bits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from portrait_cartoons.deployment.contract import INPUT


def halved(data: bytes) -> bytes:
    """An ONNX file whose weights are stored in 16 bits where that changes none, and computed with in 32."""
    model = onnx.load_model_from_string(data)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and np.array_equal(values.astype(np.float16), values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_16"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()


def quantized(data: bytes, photos: Sequence[np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """An ONNX file whose convolutions multiply whole numbers of 8 bits; everything else stays in float32.

    The range of what goes into each convolution is what `photos` make of it: float32 1 x 3 x H x W in [-1, 1].
    """

    class Photos(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(photos)

        def get_next(self) -> dict[str, np.ndarray] | None:
            photo = next(self.left, None)
            return None if photo is None else {INPUT: photo}

    with TemporaryDirectory() as folder:
        whole, small = Path(folder, "whole.onnx"), Path(folder, "small.onnx")
        whole.write_bytes(data)
        quantize_static(
            whole,
            small,
            Photos(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = onnx.load(small)
    kept = [opset for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.producer_name, model.producer_version = "portrait-cartoons", metadata["version"]
    helper.set_model_props(model, dict(metadata))
    return model.SerializeToString()
