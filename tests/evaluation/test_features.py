import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import squeezenet1_0
from torchvision.transforms.functional import gaussian_blur

from portrait_cartoons.data.toy import portrait
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.distances import frechet_of_few
from portrait_cartoons.evaluation.features import Random, feature_network, standardised
from tests.evaluation.inception import random_weights


def test_random_features_are_frozen_seeded_and_draw_nothing() -> None:
    state = torch.get_rng_state()
    network = Random()
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.network.training
    assert not any(p.requires_grad for p in network.network.parameters())
    x = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(network(x), Random()(x))
    assert not torch.equal(network(x), Random(1)(x))
    assert network(x).shape == (2, network.size)


def cartoons(numbers: range) -> Tensor:
    """Built-in cartoons, uint8 N x 3 x 64 x 64."""
    arrays = np.stack([portrait(0, n, 64).cartoon for n in numbers])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2)


def shuffled(images: Tensor, rng: np.random.Generator) -> Tensor:
    blocks = images.reshape(len(images), 3, 4, 16, 4, 16).transpose(3, 4).reshape(len(images), 3, 16, 16, 16)
    moved = torch.stack([image[:, rng.permutation(16)] for image in blocks])
    return moved.reshape(len(images), 3, 4, 4, 16, 16).transpose(3, 4).reshape(images.shape)


def test_the_random_distance_grows_with_damage_and_least_with_brightness() -> None:
    rng, network = np.random.default_rng(0), Random()
    true, others = cartoons(range(60)), cartoons(range(60, 120))

    def noisy(sigma: float) -> Tensor:
        return (others + torch.from_numpy(rng.normal(0, sigma, others.shape))).round().clamp(0, 255).to(torch.uint8)

    damaged = {
        "nothing": others,
        "brightness": (others * 0.8).to(torch.uint8),
        "little noise": noisy(10),
        "noise": noisy(40),
        "blur": gaussian_blur(others, [19, 19], [3.0, 3.0]),
        "shuffled": shuffled(others, rng),
    }
    real = network(true)
    found = {
        name: frechet_of_few(*(network.scaled(x, real) for x in (real, network(x)))) for name, x in damaged.items()
    }
    floor = found.pop("nothing")
    brightness = found.pop("brightness")
    assert floor < brightness
    assert all(value > 1.5 * floor for value in found.values())
    assert min(found["noise"], found["blur"]) > 3 * brightness
    assert found["noise"] > 3 * found["little noise"]


def test_a_feature_that_all_real_images_share_does_not_make_the_distance_infinite() -> None:
    network = Random()
    real, fake = network(torch.zeros(3, 3, 16, 16, dtype=torch.uint8)), network(cartoons(range(3)))
    assert network.scaled(fake, real).isfinite().all()


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
    with pytest.raises(
        UserError,
        match=r"cannot be downloaded.*put weights-inception.* at .*a copy of .*pth with.*metrics\.features=random",
    ):
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
    assert found(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape == (1, found.size)


def test_random_features_have_their_own_names_and_a_hash_of_their_weights() -> None:
    first, second = feature_network("random", None), feature_network("random", None)
    assert (first.frechet, first.kernel) == ("random_fd", "random_kd")
    assert first.protocol == second.protocol
    assert first.size == first(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape[1]


def test_squeezenet_features_are_the_mean_and_deviation_of_each_channel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = squeezenet1_0()
    file = tmp_path / "squeezenet.pth"
    torch.save(network.state_dict(), file)
    found = feature_network("squeezenet", str(file))
    assert (found.frechet, found.kernel, found.weights) == ("squeeze_fd", "squeeze_kd", file)
    assert found.protocol["features' weights"] == hashlib.sha256(file.read_bytes()).hexdigest()
    images = torch.randint(0, 256, (2, 3, 40, 48), dtype=torch.uint8)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        x = network.eval().features[:8]((images / 255 - mean) / deviation)
    expected = torch.cat([x.mean((2, 3)), (x - x.mean((2, 3), keepdim=True)).square().mean((2, 3)).sqrt()], 1)
    assert torch.allclose(found(images), expected, rtol=1e-4, atol=1e-5)
    assert found.size == expected.shape[1]


def test_squeezenet_features_are_compared_in_deviations_of_the_real_images() -> None:
    real = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert standardised(torch.tensor([[4.0, 6.0]]), real).tolist() == [[2.0, 1.0]]


def test_without_squeezenets_weights_the_sentence_names_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"squeezenet1_0 with metrics\.weights=<file>, or use metrics\.features=random"):
        feature_network("squeezenet", str(tmp_path / "absent.pth"), "metrics.")


@pytest.mark.parametrize("keys", ["", "metrics."])
def test_errors_name_the_keys_of_the_command(keys: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"https://.*pth with {keys}weights=<file>, or use {keys}features=random"):
        feature_network("inception", str(tmp_path / "absent.pth"), keys)
