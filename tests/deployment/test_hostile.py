"""Exported files are untrusted: whatever they hold, they load as ours or are refused in one sentence."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from portrait_cartoons import Cartoonizer
from portrait_cartoons.deployment import contract
from portrait_cartoons.deployment.reading import load
from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.checkpoint import CheckpointError
from tests.deployment.conftest import data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def altered(folder: Path, change: Callable[[ModelProto], object]) -> Path:
    model = onnx.load_model_from_string(data("artifygan", "onnx"))
    change(model)
    file = folder / "a.onnx"
    file.write_bytes(model.SerializeToString())
    return file


@settings(max_examples=150)
@given(mutation=st.data(), form=st.sampled_from(["onnx", "safetensors"]))
def test_damaged_bytes_raise_only_our_errors(folder: Path, mutation: st.DataObject, form: str) -> None:
    content = bytearray(data("artifygan", form))
    whole = len(content)
    for _ in range(mutation.draw(st.integers(1, 4))):
        # The headers are at one end or the other; a byte among the weights gives another valid file.
        place = mutation.draw(st.integers(0, 2000) | st.integers(whole - 9000, whole - 1) | st.integers(0, whole - 1))
        content[place] = mutation.draw(st.integers(0, 255))
    file = folder / f"a.{form}"
    file.write_bytes(content[: mutation.draw(st.just(whole) | st.integers(0, whole))])
    with suppress(UserError), torch.inference_mode():
        output = load(file).network(torch.zeros(1, 3, 64, 64))
        assert output.shape == (1, 3, 64, 64)


def external(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")


def larger(model: ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 1 << 40


def negative(model: ModelProto) -> None:
    model.graph.initializer[0].dims[0] = -1


def renamed(model: ModelProto) -> None:
    model.graph.node[0].op_type = "Scan"


def foreign(model: ModelProto) -> None:
    model.opset_import.add(domain="com.microsoft", version=1)


def hidden_graph(model: ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("body", onnx.GraphProto(name="inner")))


def hidden_weights(model: ModelProto) -> None:
    tensor = helper.make_tensor("inner", TensorProto.FLOAT, [1], [0.0])
    model.graph.node[0].attribute.append(helper.make_attribute("value", tensor))


def functions(model: ModelProto) -> None:
    model.functions.add(name="Relu", domain="")


def another_input(model: ModelProto) -> None:
    model.graph.input.add(name="more")


def silent(model: ModelProto) -> None:
    del model.metadata_props[:]


def of_another_format(model: ModelProto) -> None:
    helper.set_model_props(model, {"format": "portrait-cartoons 9", "size": "64", "generator": "{}"})


def nested(model: ModelProto) -> None:
    helper.set_model_props(model, {"format": contract.FORMAT, "size": "64", "generator": "[" * 100_000})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (external, "its weights lie in other files"),
        (larger, "is larger than the file"),
        (negative, "."),
        (renamed, "its step 'Scan' is none of"),
        (foreign, "operators of another program"),
        (hidden_graph, "another graph or more weights"),
        (hidden_weights, "another graph or more weights"),
        (functions, "more than a graph"),
        (another_input, "not a graph from photo to cartoon"),
        (silent, "not a file of this project"),
        (of_another_format, "its format is 'portrait-cartoons 9' where this version reads 'portrait-cartoons 1'"),
        (nested, "its description is damaged"),
    ],
)
def test_onnx_files_of_others_are_refused(
    folder: Path, change: Callable[[ModelProto], object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secret").write_bytes(bytes(1 << 16))
    monkeypatch.chdir(folder)
    with pytest.raises(CheckpointError, match=rf"a\.onnx cannot be used: .*{reason}"):
        load(altered(folder, change))


def test_a_graph_that_does_not_keep_the_size_is_refused(folder: Path) -> None:
    def crop(model: ModelProto) -> None:
        model.graph.node[-1].output[0] = "whole"
        model.graph.node.append(helper.make_node("MaxPool", ["whole"], ["cartoon"], kernel_shape=[2, 2]))
        for side in model.graph.output[0].type.tensor_type.shape.dim:
            side.Clear()

    cartoonizer = Cartoonizer.load(altered(folder, crop), "cpu")
    with pytest.raises(CheckpointError, match="does not draw cartoons of the photo's size"):
        cartoonizer.translate(torch.zeros(64, 64, 3, dtype=torch.uint8).numpy())


@pytest.mark.parametrize("name", ["absent.onnx", "absent.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=f"there is no file .*{name}"):
        load(folder / name)


def test_pipes_are_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe.onnx")
    with pytest.raises(CheckpointError, match=r"there is no file .*pipe\.onnx"):
        load(folder / "pipe.onnx")


def test_onnx_files_are_computed_on_the_cpu_and_checked_for_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "whole.onnx"
    file.write_bytes(data("artifygan", "onnx"))
    network = load(file).network
    assert network.bytes_per_pixel == 100
    monkeypatch.setattr("portrait_cartoons.devices.free_memory", lambda: 1_000_000)
    with pytest.raises(UserError, match="too many for the memory"):
        Cartoonizer(network).translate(torch.zeros(1200, 900, 3, dtype=torch.uint8).numpy())
