from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics.image import StructuralSimilarityIndexMeasure

from src.callbacks.metrics import Metrics, similarity
from src.errors import UserError
from src.features import RandomFeatures, frechet_distance


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Batches(list[dict[str, Tensor]]):
    """A loader over given batches."""


def validate(batches: Any, outputs: list[dict[str, Tensor]], cartoons: Any) -> dict[str, float]:
    """What the callback logs in one validation with these outputs."""
    logged: dict[str, float] = {}
    module: Any = SimpleNamespace(device="cpu", log=lambda name, value, **_: logged.update({name: float(value)}))
    datamodule = SimpleNamespace(val_dataloader=lambda: batches, cartoon_dataloader=lambda: cartoons)
    trainer: Any = SimpleNamespace(datamodule=datamodule, is_global_zero=True)
    metrics = Metrics("random", None)
    metrics.setup(trainer, module, "fit")
    metrics.on_fit_start(trainer, module)
    metrics.on_validation_epoch_start(trainer, module)
    for n, (batch, output) in enumerate(zip(batches, outputs, strict=True)):
        metrics.on_validation_batch_end(trainer, module, output, batch, n)
    metrics.on_validation_epoch_end(trainer, module)
    return logged


def test_families_have_the_values_worked_out_by_hand() -> None:
    black, grey, white = (torch.full((1, 3, 16, 16), v) for v in (-1.0, 0.0, 1.0))
    batches = [{"photo": black, "target": white}, {"photo": black, "target": white}]
    outputs = [{"output": grey, "cycle": white}, {"output": white, "cycle": white}]
    logged = validate(batches, outputs, [{"cartoon": images(4)}])
    half = 128 / 255  # grey is saved as 128
    assert logged["val/content/mse"] == pytest.approx((half**2 + 1) / 2)
    # The mean of the images' PSNR, not the PSNR of the mean error.
    assert logged["val/content/psnr"] == pytest.approx((-20 * torch.tensor(half).log10().item() + 0) / 2, rel=1e-4)
    assert logged["val/cycle/mse"] == pytest.approx(1)
    assert logged["val/cycle/psnr"] == pytest.approx(0, abs=1e-4)
    assert logged["val/target/mse"] == pytest.approx(((1 - half) ** 2 + 0) / 2)
    assert logged["baseline/target/mse"] == pytest.approx(1)
    assert not any(name.startswith("baseline/c") for name in logged)


def test_perfect_output_has_no_distance_and_the_count_is_logged() -> None:
    cartoons = images(6)
    photos = images(6, seed=1)
    logged = validate([{"photo": photos}], [{"output": cartoons}], [{"cartoon": cartoons}])
    assert logged["val/random_fd"] == pytest.approx(0, abs=1e-3)
    assert logged["baseline/random_fd"] > 0.1
    assert logged["val/random_fd_n"] == 6
    assert not any("fid" in name.split("/")[-1].split("_") for name in logged)
    assert not any("target" in name or "cycle" in name for name in logged)


def test_the_distance_is_that_of_its_definition() -> None:
    # |m1 - m2|^2 + tr(S1 + S2) - 2 tr((S1 S2)^1/2); with few samples the last trace is the nuclear norm of the
    # centred features' product.
    real, fake = images(20), images(24, seed=1) * 0.5
    logged = validate([{"photo": images(24, seed=2)}], [{"output": fake}], [{"cartoon": real}])
    network = RandomFeatures()
    a, b = (network(((x + 1) * 127.5).round().to(torch.uint8)).double() for x in (real, fake))
    a_centred, b_centred = (x - x.mean(0) for x in (a, b))
    trace = torch.linalg.matrix_norm(a_centred @ b_centred.T, "nuc") / ((len(a) - 1) * (len(b) - 1)) ** 0.5
    variances = a.var(0).sum() + b.var(0).sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + variances - 2 * trace
    assert logged["val/random_fd"] == pytest.approx(expected.item(), rel=1e-3)


def test_iou_is_over_the_pixels_of_all_photos_and_absent_without_masks() -> None:
    found = torch.tensor([[[0.9, 0.6, 0.4, 0.1]], [[0.9, 0.9, 0.9, 0.9]]])[..., None].expand(2, 1, 4, 16)
    true = torch.tensor([[[1.0, 0.0, 1.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]])[..., None].expand(2, 1, 4, 16)
    pictures = images(2)[..., :16, :16]
    batches = [{"photo": pictures[n : n + 1], "photo_mask": true[n : n + 1]} for n in range(2)]
    outputs = [{"output": pictures[n : n + 1], "mask": found[n : n + 1]} for n in range(2)]
    assert validate(batches, outputs, [{"cartoon": images(4)}])["val/iou"] == pytest.approx((1 + 4) / (3 + 4))
    without = [{"photo": batch["photo"]} for batch in batches]
    assert "val/iou" not in validate(without, outputs, [{"cartoon": images(4)}])


@pytest.mark.parametrize("split", [1, 3, 7])
def test_values_do_not_depend_on_the_batches(split: int) -> None:
    photos, outputs, targets = images(7), images(7, 1), images(7, 2)
    whole = validate([{"photo": photos, "target": targets}], [{"output": outputs}], [{"cartoon": targets}])
    parts = validate(
        [{"photo": p, "target": t} for p, t in zip(photos.split(split), targets.split(split), strict=True)],
        [{"output": o} for o in outputs.split(split)],
        [{"cartoon": t} for t in targets.split(split)],
    )
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-4)


def test_similarity_is_of_images_in_the_unit_range() -> None:
    a, b = (torch.rand(2, 3, 32, 32) for _ in range(2))
    metrics = similarity()
    metrics.update(a, b)
    expected = StructuralSimilarityIndexMeasure(data_range=1.0)(a, b)
    assert metrics.compute()["ssim"] == pytest.approx(expected.item())


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
    assert frechet_distance("auto", None)[0] == "random_fd"
    cache = tmp_path / "hub/checkpoints/weights-inception-2015-12-05-6726825d.pth"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"not the weights")
    with pytest.raises(UserError, match="is not the genuine file of the Inception weights"):
        frechet_distance("auto", None)


def test_wrong_or_missing_weights_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read: .*absent\.pth .*metrics\.weights=<file>"):
        frechet_distance("inception", str(tmp_path / "absent.pth"))


def test_without_network_the_error_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("src.features.INCEPTION_URL", "file:///nowhere/weights-inception-2015-12-05-6726825d.pth")
    with pytest.raises(UserError, match=r"cannot be downloaded.*put weights-inception.* at .*metrics\.features=random"):
        frechet_distance("inception", None)


def test_genuine_weights_are_loaded_by_the_real_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from torchmetrics.image.fid import NoTrainInceptionV3

    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: None)
    monkeypatch.setattr(NoTrainInceptionV3, "load_state_dict", lambda *_, **__: None)
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
    monkeypatch.undo()
    file = tmp_path / "weights.pth"
    torch.save(network.state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr("src.features.INCEPTION_SHA256_PREFIX", digest[:8])
    name, distance = frechet_distance("inception", str(file))
    assert name == "fid"
    assert torch.equal(distance.inception.state_dict()["fc.weight"], network.state_dict()["fc.weight"])
