from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from portrait_cartoons.data import transforms
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.toy import toy_pictures
from portrait_cartoons.evaluation import statistics
from portrait_cartoons.evaluation.features import feature_network
from portrait_cartoons.evaluation.report import Protocol
from portrait_cartoons.evaluation.statistics import cartoon_features, cartoon_protocol, remembered

SHAPE = (3, 4)
FEATURES = torch.arange(12.0).reshape(SHAPE)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def only_file() -> Path:
    (file,) = statistics.FOLDER.iterdir()
    return file


def refuse() -> Tensor:
    raise AssertionError("computed again")


def test_features_are_computed_once_and_read_back_to_the_last_bit() -> None:
    assert torch.equal(remembered({"a": 1}, SHAPE, lambda: FEATURES / 3), FEATURES / 3)
    assert torch.equal(remembered({"a": 1}, SHAPE, refuse), FEATURES / 3)
    assert remembered({"a": 2}, SHAPE, lambda: FEATURES + 1)[0, 0] == 1


@pytest.mark.parametrize(
    "damage", ["truncated", "flipped", "empty", "text", "pickle", "other", "type", "nan", "shorter", "changed"]
)
def test_a_damaged_file_is_computed_again_and_mended(damage: str) -> None:
    remembered({}, SHAPE, lambda: FEATURES)
    file = only_file()
    data = file.read_bytes()
    if damage == "pickle":
        np.savez(file, features=np.array([{"a": 1}], dtype=object))
    elif damage in ("other", "type", "nan", "shorter", "changed"):
        arrays: dict[str, Any] = {
            "other": {"x": FEATURES.numpy()},
            "type": {"features": FEATURES.long().numpy()},
            "nan": {"features": FEATURES.numpy() * np.nan},
            "shorter": {"features": FEATURES.numpy()[:-1]},
            "changed": {"features": FEATURES.numpy() + 1},
        }
        with np.load(file) as kept:
            np.savez(file, **{**kept, **arrays[damage]})
    else:
        flipped = bytearray(data)
        flipped[data.index(FEATURES.numpy().tobytes()) + 5] ^= 4
        file.write_bytes({"truncated": data[:-40], "flipped": bytes(flipped), "empty": b"", "text": b"x"}[damage])
    assert torch.equal(remembered({}, SHAPE, lambda: FEATURES), FEATURES)
    assert torch.equal(remembered({}, SHAPE, refuse), FEATURES)


def test_a_folder_that_cannot_be_written_costs_time_only(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").touch()
    assert torch.equal(remembered({}, SHAPE, lambda: FEATURES), FEATURES)
    assert "will be computed again" in capsys.readouterr().err


def portraits(seed: int = 0, **options: Any) -> Portraits:
    fields = {"fields": ("photo", "cartoon"), "background": "keep", "background_of": ("photo",)}
    defaults = {"size": 16, "load_size": 18, "flip": False, "max_unreadable": 0.0, **fields}
    more = {
        "smooth_noise": 0.0,
        "batch_size": 1,
        "val_batch_size": 2,
        "num_workers": 0,
        "seed": 0,
        "max_unreadable": 0.0,
    }
    return Portraits(toy_pictures(1, 1, 5, 18, seed), **{**defaults, **more, **options})


def test_the_features_of_cartoons_are_those_of_the_network_on_their_pixels() -> None:
    data, network = portraits(), feature_network("random", None)
    cartoons = data.test_cartoons
    found = cartoon_features(data, cartoons, network, cartoon_protocol(data, cartoons, network, 3), "cpu")
    images = torch.stack([cartoons[n]["cartoon"] for n in range(3)])
    torch.testing.assert_close(found, network(((images + 1) * 127.5).round().to(torch.uint8)))


def protocol(data: Portraits, count: int) -> Protocol:
    return cartoon_protocol(data, data.test_cartoons, feature_network("random", None), count)


def test_whatever_changes_the_features_changes_the_protocol() -> None:
    first = protocol(portraits(), 3)
    assert first == protocol(portraits(val_batch_size=5, flip=True), 3)
    for other in (portraits(seed=1), portraits(size=12), portraits(load_size=17)):
        assert protocol(other, 3) != first
    assert protocol(portraits(), 4) != first


def test_versions_and_the_way_of_resizing_are_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = protocol(portraits(), 3)
    for library in ("pillow", "opencv-python-headless", "albumentations", "torch", "torch-fidelity"):
        with monkeypatch.context() as patch:
            patch.setattr(statistics, "version", lambda name, upgraded=library: f"{name}, {name == upgraded}")
            assert first[library] != protocol(portraits(), 3)[library] == f"{library}, True"
    with monkeypatch.context() as patch:
        patch.setattr(transforms, "EVALUATION_RESIZE", "another way")
        assert protocol(portraits(), 3) != first
