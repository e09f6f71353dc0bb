"""Checkpoint files are untrusted: whatever they hold, they load as ours or are refused in one sentence."""

import hashlib
import io
import os
import pickle
import signal
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.callbacks.checkpoint import AtomicCheckpointIO
from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed
from portrait_cartoons.errors import UserError
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.networks import torch_file
from portrait_cartoons.networks.resnet import ResnetGenerator
from portrait_cartoons.runs.checkpoint import CheckpointError, find, load, load_generator, read, write
from portrait_cartoons.runs.names import BEST, CHECKPOINTS, LAST, PREVIOUS
from tests.conftest import TINY, TOY

PICTURE = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """What a run of a tiny CycleGAN saves, as far as loading is concerned."""
    model = build_model(composed("train", ["model=cyclegan", "run_dir=run", *TOY, *TINY]))
    return {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "generator_prefix": "g.xy.",
        "expected": model.eval()(PICTURE).detach(),
    }


@pytest.fixture
def file(content: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "a.ckpt"
    with path.open("w+b") as opened:
        write(content, opened)
    return path


def alter(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what a checkpoint holds, and seal it again, as an attacker can."""
    content = read(file)
    change(content)
    with file.open("w+b") as opened:
        torch_file.save(content, opened)


def seal(data: bytes) -> bytes:
    """A zip archive without a comment, sealed as torch_file.save does."""
    buffer = io.BytesIO(data[:-2] + (71).to_bytes(2, "little"))
    return buffer.getvalue() + b"sha256:" + hashlib.sha256(buffer.getvalue()).hexdigest().encode()


def unsealed(file: Path) -> bytes:
    return file.read_bytes()[:-73] + bytes(2)


def test_generator_and_model_are_rebuilt_from_the_file_alone(content: dict[str, Any], file: Path) -> None:
    trained, model = load_generator(file), load(file)
    generator = trained.network
    assert (trained.size, trained.model) == (16, "CycleGAN")
    assert trained.options == {"_target_": "ResnetGenerator", "width": 4, "blocks": 1}
    assert not generator.training
    assert not model.training
    for network in (generator, model):
        assert torch.equal(network(PICTURE), content["expected"])


def test_a_run_folder_means_its_best_checkpoint_or_else_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / CHECKPOINTS
    folder.mkdir()
    for name in (PREVIOUS, LAST, BEST):
        (folder / name).touch()
        assert find(tmp_path) == folder / name


@pytest.mark.parametrize("name", ["absent.ckpt", "."])
def test_missing_files_and_folders_without_checkpoints_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path / name).rstrip(".").rstrip("/")):
        find(tmp_path / name)


def test_networks_are_called_by_the_names_of_their_classes(file: Path) -> None:
    model = read(file)["hyper_parameters"]["model"]
    assert model["_target_"] == "CycleGAN"
    assert model["generator"]["_target_"] == "ResnetGenerator"
    assert "portrait_cartoons" not in str(model)


def test_a_file_that_was_written_in_this_format_once_still_draws_the_same() -> None:
    """Whoever changes what is in checkpoints so that this fails raises FORMAT, and keeps a file of the new one here."""
    file = Path(__file__).with_name("format1.ckpt")
    photo = (np.arange(16 * 16 * 3) % 256).astype(np.uint8).reshape(16, 16, 3)
    for network in (load_generator(file).network, load(file).generator):
        drawn = Cartoonizer(network).translate(photo)
        assert np.abs(drawn[[0, 8, 15], [0, 8, 15]] - [[139, 127, 127], [144, 146, 140], [123, 123, 116]]).max() <= 1


@pytest.mark.parametrize("other", [0, 2, "1", None])
def test_another_format_is_refused_and_the_version_that_wrote_it_named(file: Path, other: Any) -> None:
    alter(file, lambda content: content.update(format=other, version="9.9"))
    with pytest.raises(CheckpointError, match=r"a\.ckpt has format .*, and this version reads format 1.*9\.9"):
        read(file)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_every_flipped_bit_and_every_truncation_is_refused(
    content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.getbasetemp() / "flipped.ckpt"
    with file.open("w+b") as opened:
        write(content, opened)
    whole = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(whole) - 1) | st.integers(len(whole) - 9000, len(whole) - 1))
    if data.draw(st.booleans()):
        whole[position] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del whole[position:]
    file.write_bytes(whole)
    with pytest.raises(CheckpointError, match=r"flipped\.ckpt"):
        read(file)


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_code_in_a_pickle_is_not_run(content: dict[str, Any], tmp_path: Path) -> None:
    file, marker = tmp_path / "evil.ckpt", tmp_path / "executed"
    with file.open("w+b") as opened:
        torch_file.save({**content, "format": 1, "extra": Malicious(marker)}, opened)
    with pytest.raises(CheckpointError, match=r"evil\.ckpt"):
        read(file)
    file.write_bytes(pickle.dumps(Malicious(marker)))
    with pytest.raises(CheckpointError, match=r"evil\.ckpt"):
        read(file)
    assert not marker.exists()


def parts(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_compressed_file_is_refused_before_it_is_unpacked(file: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts(file).items():
            archive.writestr(name, data)
    file.write_bytes(seal(packed.getvalue()))
    with pytest.raises(CheckpointError, match=r"a\.ckpt .*compressed"):
        read(file)


def test_parts_that_share_their_bytes_are_refused(file: Path) -> None:
    data = unsealed(file)
    end = data[-22:]
    start, length = int.from_bytes(end[16:20], "little"), int.from_bytes(end[12:16], "little")
    table, count = data[start : start + length], int.from_bytes(end[8:10], "little")
    again = 200
    crafted = data[:start] + table * again
    crafted += end[:8] + 2 * (count * again).to_bytes(2, "little") + (length * again).to_bytes(4, "little") + end[16:]
    file.write_bytes(seal(crafted))
    with pytest.raises(CheckpointError, match="table of contents"):
        read(file)


def test_a_part_marked_as_a_folder_is_refused(file: Path) -> None:
    data = bytearray(unsealed(file))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 38] |= 0x10  # torch would leave the memory for this part as it found it
    file.write_bytes(seal(bytes(data)))
    with pytest.raises(CheckpointError, match="table of contents"):
        read(file)


def bomb(depth: int) -> list[Any]:
    level: list[Any] = [0] * 10
    for _ in range(depth):
        level = [level] * 10
    return level


def circle() -> list[Any]:
    level: list[Any] = []
    level.append(level)
    return level


def nested(depth: int) -> list[Any]:
    level: list[Any] = []
    for _ in range(depth):
        level = [level]
    return level


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(1).expand(1 << 40),
        torch.zeros(1 << 20, device="meta"),
        torch.zeros(4, 4).to_sparse(),
        [torch.zeros(1 << 18)] * 100,
        bomb(12),
        circle(),
        {1, 2},
        1j,
        torch.float32,
        OrderedDict(a=b"bytes"),
    ],
    ids=["expanded", "meta", "sparse", "shared", "bomb", "circle", "set", "complex", "dtype", "bytes"],
)
def test_what_would_fill_the_memory_or_is_not_plain_data_is_refused(file: Path, value: Any) -> None:
    alter(file, lambda content: content.update(extra=value))
    with pytest.raises(CheckpointError, match=r"a\.ckpt"):
        read(file)


def test_devices_and_pipes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(CheckpointError, match=f"{path} .*regular file"):
            load_generator(path)


TARGETS = [
    "os.system",
    "pathlib.Path.touch",
    "torch.load",
    "torch.nn.Linear",
    "Linear",
    "portrait_cartoons.networks.resnet.ResnetGenerator",
    "nn",
    "normal_init",
    "Absent",
    "CycleGAN",
    "WeightsError",
    ".*",
    "ResnetGenerator\n",
    "",
    7,
    None,
    ["ResnetGenerator"],
]


@pytest.mark.parametrize("target", TARGETS)
def test_only_networks_of_this_project_are_built(file: Path, target: Any) -> None:
    alter(file, lambda content: content["hyper_parameters"]["model"]["generator"].update(_target_=target))
    for loader in (load_generator, load):
        with pytest.raises(CheckpointError, match=r"a\.ckpt does not describe"):
            loader(file)


@pytest.mark.parametrize("target", [*TARGETS, "ResnetGenerator", "Translator"])
def test_only_models_of_this_project_are_built(file: Path, target: Any) -> None:
    if target == "CycleGAN":
        return
    alter(file, lambda content: content["hyper_parameters"]["model"].update(_target_=target))
    with pytest.raises(CheckpointError, match=r"a\.ckpt does not describe"):
        load(file)


def test_a_class_that_is_merely_imported_is_not_one_of_the_package(file: Path) -> None:
    alter(file, lambda content: content["hyper_parameters"]["model"]["generator"].update(_target_="VGG"))
    with pytest.raises(CheckpointError, match=r"defines a class VGG$"):
        load_generator(file)


def anywhere(call: Any) -> list[Callable[[dict[str, Any]], Any]]:
    """Changes that hide a value in every part of the configuration that loading looks at."""
    return [
        lambda p: p["loss"]["g"].update(adv=call),
        lambda p: p["loss"].update(g=call),
        lambda p: p.update(loss=call),
        lambda p: p["model"].update(pool_size=call),
        lambda p: p["model"].update(objective=call),
        lambda p: p["model"].update(optimizers=call),
        lambda p: p["model"]["optimizers"].update(g=call),
        lambda p: p["model"].update(generator=call),
        lambda p: p["model"].update(features=call),
        lambda p: p["model"].update(more=call),
        lambda p: p["model"]["generator"].update(width=call),
        lambda p: p["model"]["generator"].update(more=call),
        lambda p: p["model"]["generator"].update(_args_=[call]),
        lambda p: p["model"]["generator"].update(_recursive_=True, width=call),
        lambda p: p["model"].update(_args_=[call]),
        lambda p: p["model"].update(model=call),
        lambda p: p.update(model=call),
        lambda p: p["data"].update(size=call),
    ]


def _changed(change: Callable[[dict[str, Any]], Any], content: dict[str, Any]) -> None:
    change(content["hyper_parameters"])


@pytest.mark.parametrize("kind", ["call", "partial", "resolver"])
def test_no_call_hidden_anywhere_in_the_configuration_is_made(file: Path, tmp_path: Path, kind: str) -> None:
    marker, whole = tmp_path / "executed", file.read_bytes()
    call: Any = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(marker)]}]}
    if kind == "partial":
        call["_partial_"] = True
    elif kind == "resolver":
        path = f"{{_target_: pathlib.Path, _args_: [{marker}]}}"
        call = f"${{oc.create:'{{_target_: pathlib.Path.touch, _args_: [{path}]}}'}}"
    for change in anywhere(call):
        file.write_bytes(whole)
        alter(file, partial(_changed, change))
        for loader in (load_generator, load):
            with suppress(CheckpointError):
                loader(file)
    assert not marker.exists()


def counts(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The places of all whole numbers in a nested configuration."""
    if isinstance(tree, dict):
        return [place for key, value in tree.items() for place in counts(value, (*path, key))]
    return [path] if isinstance(tree, int) and not isinstance(tree, bool) else []


@pytest.mark.parametrize("value", [10**8, 10**30, -(10**8), 0, -1, 1.5, float("inf")])
def test_sizes_are_bounded_before_anything_is_built(file: Path, value: float) -> None:
    whole = file.read_bytes()
    places = counts(read(file)["hyper_parameters"]["model"])
    assert ("generator", "blocks") in places
    for *path, key in places:

        def change(content: dict[str, Any], path: list[str] = path, key: str = key) -> None:
            node = content["hyper_parameters"]["model"]
            for name in path:
                node = node[name]
            node[key] = value

        file.write_bytes(whole)
        alter(file, change)
        for loader in (load_generator, load):
            if path == ["generator"]:
                with pytest.raises(CheckpointError, match=r"a\.ckpt does not describe"):
                    loader(file)
                continue
            with suppress(CheckpointError):
                loader(file)


def test_a_file_that_the_configuration_names_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["data.size=32", "data.load_size=36", "model.features.weights=random", "model.segmenter.width=2"]
    small += ["model.generator.width=4", "model.discriminator.width=4", "data=toy"]
    small += ["discriminator=projected", "model.discriminator.weights=random"]
    model = build_model(composed("train", ["model=selfiegan", "run_dir=run", *small]))
    file = tmp_path / "a.ckpt"
    content = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "generator_prefix": "g."}
    with file.open("w+b") as opened:
        write(content, opened)
    for network in ("segmenter", "discriminator"):
        alter(file, lambda c: c["hyper_parameters"]["model"][network].update(weights="/etc/passwd"))  # noqa: B023
    assert torch.equal(load(file).eval()(PICTURE), model.eval()(PICTURE))
    alter(file, lambda c: c["hyper_parameters"]["model"].update(generator=c["hyper_parameters"]["model"]["segmenter"]))
    alter(file, lambda c: c.update(generator_prefix="u."))
    assert load_generator(file).network(torch.zeros(1, 3, 16, 16)).shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("state_dict"),
        lambda c: c.pop("hyper_parameters"),
        lambda c: c.pop("generator_prefix"),
        lambda c: c.update(hyper_parameters=3),
        lambda c: c.update(state_dict=[]),
        lambda c: c["hyper_parameters"].pop("model"),
        lambda c: c["hyper_parameters"]["model"].update(generator="text"),
        lambda c: c["hyper_parameters"]["model"]["generator"].update(width="wide"),
        lambda c: c["hyper_parameters"]["model"]["generator"].update(width=-1),
        lambda c: c["hyper_parameters"]["model"]["generator"].update(colour=3),
        lambda c: c["hyper_parameters"]["model"]["generator"].update(blocks=2),
        lambda c: c["state_dict"].pop("g.xy.1.weight"),
        lambda c: c.update(generator_prefix="g.yz."),
        lambda c: c.update(generator_prefix=3),
        lambda c: c["hyper_parameters"].pop("data"),
        lambda c: c["hyper_parameters"]["data"].update(size="large"),
        lambda c: c["hyper_parameters"]["data"].update(size=0),
        lambda c: c["state_dict"].update({"g.xy.1.weight": torch.zeros(4, 3, 7, 8)}),
        lambda c: c["state_dict"].update({"g.xy.1.weight": c["state_dict"]["g.xy.1.weight"].double()}),
        lambda c: c["state_dict"].update({"g.xy.1.weight": [1, 2]}),
        lambda c: c["state_dict"].update({"g.xy.more": torch.zeros(4)}),
        lambda c: c["state_dict"].update({7: torch.zeros(4)}),
    ],
)
def test_a_foreign_or_altered_file_is_refused_in_one_sentence(
    file: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    alter(file, change)
    with pytest.raises(CheckpointError, match=r"a\.ckpt"):
        load_generator(file)


EMPTY = {"state_dict": {}, "hyper_parameters": {"model": {"_target_": "CycleGAN"}}}


def forked(action: Callable[[], None]) -> int:
    """Run in a child; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_a_kill_while_saving_leaves_the_file_before_whole(tmp_path: Path, share: float) -> None:
    path = tmp_path / "last.ckpt"
    old, new = ({**EMPTY, "state_dict": {"w": value(1000)}} for value in (torch.zeros, torch.ones))
    AtomicCheckpointIO().save_checkpoint(old, path)

    def save_and_die() -> None:
        save = torch.save

        def partly(content: Any, file: Any) -> None:
            buffer = io.BytesIO()
            save(content, buffer)
            file.write(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        torch.save = partly  # type: ignore[assignment]
        AtomicCheckpointIO().save_checkpoint(new, path)

    assert forked(save_and_die) == -signal.SIGKILL
    assert read(path)["state_dict"]["w"].sum() == 0


def test_a_full_disk_is_one_sentence_and_leaves_the_file_before_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(EMPTY, path)

    def save_on_a_full_disk() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            AtomicCheckpointIO().save_checkpoint({**EMPTY, "w": torch.zeros(10_000)}, path)
        except UserError as error:
            os._exit(42 if f"cannot write the checkpoint {path}: File too large;" in str(error) else 43)

    assert forked(save_on_a_full_disk) == 42
    assert read(path)["state_dict"] == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last.ckpt"]


def test_hyperparameters_are_the_resolved_configuration(content: dict[str, Any]) -> None:
    assert content["hyper_parameters"]["model"]["optimizers"]["d"]["lr"] == 2e-4  # an interpolation in the file
    assert content["hyper_parameters"]["loss"]["g"]["cycle"] == 10.0
    assert ResnetGenerator(4, 1).state_dict().keys() == {
        name.removeprefix("g.xy.") for name in content["state_dict"] if name.startswith("g.xy.")
    }


@pytest.mark.parametrize("model", ["cartoongan", "selfiegan", "artifygan"])
def test_a_model_is_loaded_without_weights_that_only_training_needs(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # nothing is downloaded yet
    small = ["data.size=32", "data.load_size=36", "model.generator.width=4", "model.discriminator.width=4"]
    small += ["model.segmenter.width=2"] if model == "selfiegan" else []
    made = build_model(composed("train", [f"model={model}", *small, "model.features.weights=random", "run_dir=run"]))
    hparams: dict[str, Any] = dict(made.hparams)
    batch = {"photo": PICTURE.repeat(1, 1, 2, 2)}
    expected = made.eval().validation_step(batch, 0)
    for weights in ("imagenet", str(tmp_path / "absent.pth")):
        hparams["model"]["features"]["weights"] = weights
        with (tmp_path / "a.ckpt").open("w+b") as opened:
            write({"state_dict": made.state_dict(), "hyper_parameters": hparams}, opened)
        found = load(tmp_path / "a.ckpt").validation_step(batch, 0)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
