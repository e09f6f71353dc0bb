"""Checkpoint files are untrusted: whatever they hold, they load as ours or are refused in one sentence."""

import io
import os
import pickle
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from portrait_cartoons.runs import checkpoint
from portrait_cartoons.callbacks.checkpoint import AtomicCheckpointIO
from portrait_cartoons.runs.checkpoint import CheckpointError, find, load, load_generator, read
from portrait_cartoons.cli.config import build_model, composed
from portrait_cartoons.errors import UserError
from portrait_cartoons.networks.resnet import ResnetGenerator
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
    torch.save(content, path)
    return path


def altered(content: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    buffer.seek(0)
    copy = torch.load(buffer, weights_only=True)
    change(copy)
    return copy


def test_generator_and_model_are_rebuilt_from_the_file_alone(content: dict[str, Any], file: Path) -> None:
    (generator, size), model = load_generator(file), load(file)
    assert size == 16
    assert not generator.training
    assert not model.training
    for network in (generator, model):
        assert torch.equal(network(PICTURE), content["expected"])


def test_a_run_folder_means_its_best_checkpoint_or_else_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / checkpoint.FOLDER
    folder.mkdir()
    for name in (checkpoint.PREVIOUS, checkpoint.LAST, checkpoint.BEST):
        (folder / name).touch()
        assert find(tmp_path) == folder / name


@pytest.mark.parametrize("name", ["absent.ckpt", "."])
def test_missing_files_and_folders_without_checkpoints_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path / name).rstrip(".").rstrip("/")):
        find(tmp_path / name)


def test_every_single_bit_flip_in_the_data_and_every_truncation_is_refused(file: Path) -> None:
    data = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        entry = max(archive.infolist(), key=lambda info: info.file_size)
    for n in range(64):
        flipped = bytearray(data)
        flipped[entry.header_offset + 128 + n * (entry.file_size // 80)] ^= 1 << n % 8
        file.write_bytes(flipped)
        with pytest.raises(CheckpointError, match=r"a\.ckpt"):
            read(file)
    for n in range(8):
        file.write_bytes(data[: len(data) * n // 8])
        with pytest.raises(CheckpointError, match=r"a\.ckpt"):
            read(file)


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_code_in_a_pickle_is_not_run(content: dict[str, Any], tmp_path: Path) -> None:
    file, marker = tmp_path / "evil.ckpt", tmp_path / "executed"
    torch.save({**content, "extra": Malicious(marker)}, file)
    with pytest.raises(CheckpointError, match=r"evil\.ckpt"):
        read(file)
    file.write_bytes(pickle.dumps(Malicious(marker)))
    with pytest.raises(CheckpointError, match=r"evil\.ckpt"):
        read(file)
    assert not marker.exists()


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "pathlib.Path.touch",
        "torch.load",
        "torch.nn.Linear",
        "portrait_cartoons.runs.checkpoint.torch.load",
        "portrait_cartoons.networks.resnet.nn.Linear",
        "portrait_cartoons.networks.resnet.normal_init",
        "portrait_cartoons.networks.absent.Network",
        "portrait_cartoons.networks.patchgan.normal_init",
        "portrait_cartoons.image.load_rgb",
        "portrait_cartoons.models.cyclegan.CycleGAN",
        7,
        None,
    ],
)
def test_only_networks_of_this_project_are_built(content: dict[str, Any], tmp_path: Path, target: Any) -> None:
    file = tmp_path / "a.ckpt"

    def change(copy: dict[str, Any]) -> None:
        copy["hyper_parameters"]["model"]["generator"]["_target_"] = target

    torch.save(altered(content, change), file)
    for loader in (load_generator, load):
        with pytest.raises(CheckpointError, match=r"a\.ckpt.*networks"):
            loader(file)


def test_a_target_hidden_deep_in_the_configuration_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    file, marker = tmp_path / "a.ckpt", tmp_path / "executed"

    def change(copy: dict[str, Any]) -> None:
        hidden = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(marker)]}]}
        copy["hyper_parameters"]["model"]["pool_size"] = [{"deep": hidden}]

    torch.save(altered(content, change), file)
    with pytest.raises(CheckpointError, match=r"a\.ckpt"):
        load(file)
    assert not marker.exists()


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
        lambda c: c["hyper_parameters"].pop("data"),
        lambda c: c["hyper_parameters"]["data"].update(size="large"),
        lambda c: c["hyper_parameters"]["data"].update(size=0),
    ],
)
def test_a_foreign_or_altered_file_is_refused_in_one_sentence(
    content: dict[str, Any], tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    file = tmp_path / "a.ckpt"
    torch.save(altered(content, change), file)
    with pytest.raises(CheckpointError, match=r"a\.ckpt"):
        load_generator(file)


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
    old = {"state_dict": {"w": torch.zeros(1000)}, "hyper_parameters": {}}
    new = {"state_dict": {"w": torch.ones(1000)}, "hyper_parameters": {}}
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
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}, "hyper_parameters": {}}, path)

    def save_on_a_full_disk() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            AtomicCheckpointIO().save_checkpoint({"w": torch.zeros(10_000)}, path)
        except UserError as error:
            os._exit(42 if str(path) in str(error) else 43)

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
    made = build_model(composed("train", [f"model={model}", *small, "model.features.weights=random", "run_dir=run"]))
    hparams: dict[str, Any] = dict(made.hparams)
    batch = {"photo": PICTURE.repeat(1, 1, 2, 2)}
    expected = made.eval().validation_step(batch, 0)
    for weights in ("imagenet", str(tmp_path / "absent.pth")):
        hparams["model"]["features"]["weights"] = weights
        torch.save({"state_dict": made.state_dict(), "hyper_parameters": hparams}, tmp_path / "a.ckpt")
        found = load(tmp_path / "a.ckpt").validation_step(batch, 0)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
