import hashlib
from pathlib import Path

import pytest
import torch

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.features import RandomFeatures, feature_network
from tests.evaluation.inception import random_weights


def test_random_features_are_frozen_seeded_and_draw_nothing() -> None:
    state = torch.get_rng_state()
    network = RandomFeatures()
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    x = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(network(x), RandomFeatures()(x))
    assert network(x).shape == (2, 128)


def test_auto_takes_inception_only_where_its_weights_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert feature_network("auto", None).frechet == "random_fd"
    cache = tmp_path / "hub/checkpoints/weights-inception-2015-12-05-6726825d.pth"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"not the weights")
    with pytest.raises(UserError, match="is not the genuine file of the Inception weights"):
        feature_network("auto", None)


def test_missing_weights_that_were_named_are_refused_by_name(tmp_path: Path) -> None:
    for features in ("inception", "auto"):
        with pytest.raises(UserError, match=r"cannot be read: .*absent\.pth .*metrics\.weights=<file>"):
            feature_network(features, str(tmp_path / "absent.pth"))


def test_without_network_the_error_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "portrait_cartoons.evaluation.features.INCEPTION_URL",
        "file:///nowhere/weights-inception-2015-12-05-6726825d.pth",
    )
    with pytest.raises(UserError, match=r"cannot be downloaded.*put weights-inception.* at .*metrics\.features=random"):
        feature_network("inception", None)


def test_genuine_weights_are_loaded_by_the_real_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = random_weights(tmp_path / "weights.pth")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr("portrait_cartoons.evaluation.features.INCEPTION_SHA256_PREFIX", digest[:8])
    found = feature_network("inception", str(file))
    assert (found.frechet, found.kernel, found.weights, found.protocol["features' weights"]) == (
        "fid",
        "kid",
        file,
        digest,
    )
    weights = torch.load(file, weights_only=True)["fc.weight"]
    assert torch.equal(found.network.state_dict()["fc.weight"], weights)
    assert not found.network.training
    assert found(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape == (1, found.features)


def test_random_features_have_their_own_names_and_a_hash_of_their_weights() -> None:
    first, second = feature_network("random", None), feature_network("random", None)
    assert (first.frechet, first.kernel) == ("random_fd", "random_kd")
    assert first.protocol == second.protocol
    assert first.features == first(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape[1]


@pytest.mark.parametrize("keys", ["", "metrics."])
def test_errors_name_the_keys_of_the_command(keys: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f" {keys}weights=<file>, or use {keys}features=random"):
        feature_network("inception", str(tmp_path / "absent.pth"), keys)
