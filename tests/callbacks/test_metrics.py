from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from portrait_cartoons.callbacks.metrics import Metrics
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.picture import Picture, Splits
from portrait_cartoons.evaluation.features import Random
from portrait_cartoons.image import to_uint8


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class Batches(list[dict[str, Tensor]]):
    """A loader over given batches."""


class Data(Portraits):
    """Validates on given batches, and has given val cartoons, N x 3 x 32 x 32 in [-1, 1]."""

    def __init__(self, batches: Batches, cartoons: Tensor) -> None:
        pixels = to_uint8(cartoons).permute(0, 2, 3, 1).numpy()
        pictures: Any = [Picture(image, None, None, f"{n}") for n, image in enumerate(pixels)]
        none: Any = []
        super().__init__(
            Splits(none, none, none, pictures, none, none), 32, 32, False, (), "keep", (), 0.0, 1, 2, 0, 0, 0.0
        )
        self.batches = batches

    def val_dataloader(self) -> Any:
        return self.batches


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # statistics are kept below the working folder


def validate(batches: list[dict[str, Tensor]], outputs: list[dict[str, Tensor]], cartoons: Tensor) -> dict[str, float]:
    """What the callback logs in one validation with these outputs."""
    logged: dict[str, float] = {}
    module: Any = SimpleNamespace(device="cpu", log=lambda name, value, **_: logged.update({name: float(value)}))
    data = Data(Batches(batches), cartoons)
    trainer: Any = SimpleNamespace(datamodule=data, is_global_zero=True, num_val_batches=[len(outputs)])
    metrics = Metrics("random", None)
    metrics.setup(trainer, module, "fit")
    metrics.on_validation_epoch_start(trainer, module)
    for n, (batch, output) in enumerate(zip(batches, outputs, strict=False)):
        metrics.on_validation_batch_end(trainer, module, output, batch, n)
    metrics.on_validation_epoch_end(trainer, module)
    return logged


def test_families_have_the_values_worked_out_by_hand() -> None:
    black, grey, white = (torch.full((1, 3, 32, 32), v) for v in (-1.0, 0.0, 1.0))
    batches = [{"photo": black, "target": white}, {"photo": black, "target": white}]
    outputs = [{"output": grey, "cycle": white}, {"output": white, "cycle": white}]
    logged = validate(batches, outputs, images(4))
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
    logged = validate([{"photo": photos}], [{"output": cartoons}], cartoons)
    assert logged["val/random_fd"] == pytest.approx(0, abs=1e-3)
    assert logged["baseline/random_fd"] > 0.1
    assert logged["val/random_fd_n"] == 6
    for outputs, true in ((4, 6), (6, 4)):  # the smaller set is what the distance rests on
        some = validate([{"photo": photos[:outputs]}], [{"output": cartoons[:outputs]}], images(true))
        assert some["val/random_fd_n"] == 4
    assert not any("fid" in name.split("/")[-1].split("_") for name in logged)
    assert not any("target" in name or "cycle" in name for name in logged)


def test_the_distance_is_that_of_its_definition() -> None:
    # |m1 - m2|^2 + tr(S1 + S2) - 2 tr((S1 S2)^1/2); with few samples the last trace is the nuclear norm of the
    # centred features' product.
    real, fake = images(20), images(24, seed=1) * 0.5
    logged = validate([{"photo": images(24, seed=2)}], [{"output": fake}], real)
    network = Random()
    a, b = (network(((x + 1) * 127.5).round().to(torch.uint8)).double() for x in (real, fake))
    a, b = ((x - a.mean(0)) / a.std(0, correction=0) for x in (a, b))  # the scale of the real images
    a_centred, b_centred = (x - x.mean(0) for x in (a, b))
    trace = torch.linalg.matrix_norm(a_centred @ b_centred.T, "nuc") / ((len(a) - 1) * (len(b) - 1)) ** 0.5
    variances = a.var(0).sum() + b.var(0).sum()
    expected = (a.mean(0) - b.mean(0)).square().sum() + variances - 2 * trace
    assert logged["val/random_fd"] == pytest.approx(expected.item(), rel=1e-3)


def test_iou_is_over_the_pixels_of_all_photos_and_absent_without_masks() -> None:
    found = (
        torch.tensor([[[0.9, 0.6, 0.4, 0.1]], [[0.9, 0.9, 0.9, 0.9]]])[..., None]
        .repeat_interleave(4, 2)
        .expand(2, 1, 16, 16)
    )
    true = (
        torch.tensor([[[1.0, 0.0, 1.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]])[..., None]
        .repeat_interleave(4, 2)
        .expand(2, 1, 16, 16)
    )
    pictures = images(2)[..., :16, :16]
    batches = [{"photo": pictures[n : n + 1], "photo_mask": true[n : n + 1]} for n in range(2)]
    outputs = [{"output": pictures[n : n + 1], "mask": found[n : n + 1]} for n in range(2)]
    assert validate(batches, outputs, images(4))["val/iou"] == pytest.approx((1 + 4) / (3 + 4))
    without = [{"photo": batch["photo"]} for batch in batches]
    assert "val/iou" not in validate(without, outputs, images(4))


@pytest.mark.parametrize("split", [1, 3, 7])
def test_values_do_not_depend_on_the_batches(split: int) -> None:
    photos, outputs, targets = images(7), images(7, 1), images(7, 2)
    whole = validate([{"photo": photos, "target": targets}], [{"output": outputs}], targets)
    parts = validate(
        [{"photo": p, "target": t} for p, t in zip(photos.split(split), targets.split(split), strict=True)],
        [{"output": o} for o in outputs.split(split)],
        targets,
    )
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-4)


def test_validation_beyond_the_limit_of_batches_is_of_no_one() -> None:
    photos, targets = images(4), images(4, 1)
    batches = [{"photo": p, "target": t} for p, t in zip(photos.split(2), targets.split(2), strict=True)]
    logged = validate(batches, [{"output": targets[:2]}], images(4, 2))
    first = validate(batches[:1], [{"output": targets[:2]}], images(4, 2))
    assert logged == first


def test_the_background_is_measured_outside_the_person_and_photos_of_nothing_else_are_left_out() -> None:
    photo, mask = torch.full((2, 3, 32, 32), -1.0), torch.ones(2, 1, 32, 32)
    mask[0, :, :, :16] = 0
    output = photo.clone()
    output[0, :, :, 16:] = 1.0  # the person alone is changed
    output[1] = 1.0
    batches = [{"photo": photo, "photo_mask": mask}]
    logged = validate(batches, [{"output": output}], images(4))
    assert logged["val/content/mse"] == pytest.approx((0.5 + 1) / 2)
    assert logged["val/background/mse"] == 0
    assert logged["val/background/psnr"] == float("inf")
    assert "baseline/background/mse" not in logged
    nobody = validate([{"photo": photo, "photo_mask": mask * 0}], [{"output": output}], images(4))
    for name in ("psnr", "ssim", "mse"):
        assert nobody[f"val/background/{name}"] == pytest.approx(nobody[f"val/content/{name}"], rel=1e-5)
    everybody = validate([{"photo": photo, "photo_mask": mask * 0 + 1}], [{"output": output}], images(4))
    assert not any("background" in name for name in everybody)
