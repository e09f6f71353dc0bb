import hashlib
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from portrait_cartoons.networks import features as pretrained
from portrait_cartoons.networks.features import Layer, PretrainedFeatures
from portrait_cartoons.networks.weights import WeightsError
from tests.networks import plain


@pytest.fixture(scope="module")
def vgg19() -> nn.Sequential:
    """All convolutions of VGG19, as torchvision builds them."""
    torch.manual_seed(0)
    return make_layers(cfgs["E"])


@pytest.fixture(scope="module")
def file(vgg19: nn.Sequential, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of its weights, as torchvision publishes them but for the classifier."""
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save({f"features.{name}": value for name, value in vgg19.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def network() -> PretrainedFeatures:
    return PretrainedFeatures(weights="random")


def images() -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("layer", "network", "published", "shape"),
    [
        ("vgg19.conv4_4", "E", plain.VGG19_CONV4_4, (2, 512, 4, 4)),
        ("vgg19.conv2_2", "E", plain.VGG19_CONV2_2, (2, 128, 16, 16)),
        ("vgg16.23", "D", plain.VGG16_POOL4, (2, 512, 2, 2)),
    ],
)
def test_layers_equal_their_second_writing(
    layer: Layer, network: str, published: tuple[Any, ...], shape: tuple[int, ...], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    theirs = make_layers(cfgs[network])
    torch.save({f"features.{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "vgg.pth")
    with torch.no_grad():
        features = PretrainedFeatures(layer, weights=str(tmp_path / "vgg.pth")).layers(images())
        expected = plain.vgg(plain.Weights(theirs), images(), published)
    assert features.shape == shape
    assert torch.equal(features, expected)


TORCHVISION = ((1.0 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.25 - 0.406) / 0.225)
CAFFE = (0.25 * 255 - 103.939, 0.5 * 255 - 116.779, 1.0 * 255 - 123.68)


@pytest.mark.parametrize(
    ("weights", "expected"), [("imagenet", TORCHVISION), ("random", TORCHVISION), ("caffe", CAFFE), ("", TORCHVISION)]
)
def test_images_reach_the_network_as_it_was_trained_on_them(
    weights: str, expected: tuple[float, float, float], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = cached(monkeypatch, tmp_path, hashlib.sha256(file.read_bytes()).hexdigest()[:8], weights)
    genuine.symlink_to(file)
    network = PretrainedFeatures(weights=weights or str(file))
    seen: list[Tensor] = []
    network.layers.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    network(torch.tensor([1.0, 0.0, -0.5]).view(1, 3, 1, 1).expand(1, 3, 16, 16))  # red 1, green 0.5, blue 0.25
    torch.testing.assert_close(seen[0][0, :, 5, 7], torch.tensor(expected), rtol=1e-4, atol=1e-4)


def test_images_are_resized_before_where_a_size_is_given() -> None:
    network = PretrainedFeatures("vgg19.conv2_2", "random", size=24)
    assert network(images()).shape == (2, 128, 12, 12)


@pytest.mark.parametrize("layer", ["vgg19.conv4_4", "vgg19.conv2_2", "vgg16.23"])
def test_random_features_are_of_order_1(layer: Layer) -> None:
    features = PretrainedFeatures(layer, "random")(images())
    assert 0.3 < features.square().mean().sqrt() < 3


def test_random_weights_depend_on_the_seed_alone(network: PretrainedFeatures) -> None:
    state = torch.get_rng_state()
    same, other = PretrainedFeatures(weights="random"), PretrainedFeatures(weights="random", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(same(images()), network(images()))
    assert not torch.equal(other(images()), network(images()))


def test_gradients_flow_to_the_images_only(network: PretrainedFeatures) -> None:
    x = images().requires_grad_()
    network(x).abs().mean().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()
    assert list(network.parameters()) == []
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_weights_are_in_no_state_dict_of_the_owner_but_follow_it(network: PretrainedFeatures) -> None:
    owner = nn.ModuleDict({"vgg": network, "g": nn.Linear(1, 1)})
    assert set(owner.state_dict()) == {"g.weight", "g.bias"}
    owner.load_state_dict(owner.state_dict(), strict=True)
    moved = PretrainedFeatures(weights="random").to("meta")
    assert {buffer.device.type for buffer in moved.buffers()} == {"meta"}


def test_it_stays_in_eval_mode_in_a_training_owner(network: PretrainedFeatures) -> None:
    nn.ModuleList([network]).train()
    assert not any(module.training for module in network.modules())


def test_genuine_weights_come_from_the_cache(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(monkeypatch, tmp_path, prefix=hashlib.sha256(file.read_bytes()).hexdigest()[:8]).symlink_to(file)
    assert torch.equal(PretrainedFeatures()(images()), PretrainedFeatures(weights=str(file))(images()))


def test_a_cached_file_that_was_tampered_with_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cached(monkeypatch, tmp_path, prefix="01234567")
    target.write_bytes(b"not the weights")
    with pytest.raises(WeightsError, match=r"is not the genuine file .* instead of 01234567; delete it") as caught:
        PretrainedFeatures()
    assert str(target) in str(caught.value)


def cached(monkeypatch: pytest.MonkeyPatch, folder: Path, prefix: str, kind: str = "imagenet") -> Path:
    """Where the weights of VGG19 are to lie, were their sha256 to begin so."""
    if kind in pretrained.PUBLISHED:
        monkeypatch.setitem(pretrained.PUBLISHED[kind], "vgg19", f"http://nowhere/vgg19-{prefix}.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    (folder / "checkpoints").mkdir()
    return folder / "checkpoints" / f"vgg19-{prefix}.pth"


@pytest.mark.parametrize(
    ("layer", "weights", "name"),
    [
        ("vgg19.conv4_4", "imagenet", "vgg19-dcbb9e9d.pth"),
        ("vgg16.23", "imagenet", "vgg16-397923af.pth"),
        ("vgg19.conv4_4", "caffe", "vgg19-d01eb7cb.pth"),
        ("vgg16.23", "caffe", "vgg16-00b39a1b.pth"),
    ],
)
def test_without_a_network_the_error_names_the_file_and_the_ways_out(
    layer: Layer, weights: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def download(_url: str, _file: str, hash_prefix: str | None = None) -> None:
        asked.append(hash_prefix)
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(
        WeightsError, match=r"no network.*model.features.weights=<file>, or use model.features.weights=random"
    ) as caught:
        PretrainedFeatures(layer, weights)
    assert str(tmp_path / "checkpoints" / name) in str(caught.value)
    assert asked == [name[6:14]]


@pytest.mark.parametrize(
    "content", [None, b"", b"garbage", [1], torch.zeros(3), {}, {"features.0.weight": torch.zeros(1)}]
)
def test_a_file_that_is_no_vgg_is_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=r"weights\.pth .*weights=random$") as caught:
        PretrainedFeatures(weights=str(path))
    assert "\n" not in str(caught.value)


def test_weights_of_the_other_network_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="holds no state dict of vgg16; name a file of torchvision's vgg16"):
        PretrainedFeatures("vgg16.23", weights=str(file))


GENUINE = Path(__file__).parents[3] / "shared/data/weights/squeezenet1_0.pth"


@pytest.mark.parametrize("layer", [layer for layer in pretrained.TRUNCATED if layer.startswith("squeezenet")])
def test_fire_modules_are_found_by_their_number_in_torchvisions_layout(layer: Layer, tmp_path: Path) -> None:
    network, _ = pretrained.TRUNCATED[layer]
    torch.manual_seed(0)
    theirs: Any = network().eval()
    torch.save(theirs.state_dict(), tmp_path / "squeezenet.pth")
    features = PretrainedFeatures(layer, weights=str(tmp_path / "squeezenet.pth"))
    with torch.no_grad():
        expected = images()
        expected = (expected / 2 + 0.5 - features.mean) / features.divisor
        fires = 1
        for module in theirs.features:
            expected = module(expected)
            fires += type(module).__name__ == "Fire"
            if fires == int(layer[-1]):
                break
    assert isinstance(list(features.layers)[-1], type(module))
    assert torch.equal(features(images()), expected)
    assert list(features.parameters()) == []
    assert not features.state_dict()


@pytest.mark.parametrize("layer", ["squeezenet1_0.fire4", "squeezenet1_1.fire9"])
def test_random_fire_features_are_of_order_1(layer: Layer) -> None:
    assert 0.3 < PretrainedFeatures(layer, "random")(images()).square().mean().sqrt() < 3


def test_squeezenet_has_no_caffe_weights() -> None:
    with pytest.raises(
        WeightsError,
        match=r"no Caffe weights of squeezenet1_0; .*features.weights=<file>, or use model.features.weights=random",
    ):
        PretrainedFeatures("squeezenet1_0.fire4", "caffe")


@pytest.mark.skipif(not GENUINE.exists(), reason="the trained weights are not on this machine")
def test_trained_features_see_structure_more_than_brightness() -> None:
    features = PretrainedFeatures("squeezenet1_0.fire4", str(GENUINE))
    photos = torch.nn.functional.interpolate(images()[..., :8, :8], scale_factor=8, mode="bicubic").clamp(-1, 1)
    seen = features(photos)
    darker, other = features((photos + 1) * 0.8 - 1), features(photos.flip(0))
    assert (darker - seen).abs().mean() * 2 < (other - seen).abs().mean()
