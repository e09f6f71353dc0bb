from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from portrait_cartoons.evaluation.features import feature_network
from portrait_cartoons.evaluation.scores import ScoreError, Scores, saved, similarity, similarity_within


def images(n: int, seed: int = 0, size: int = 24) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def measured(split: int, dtype: torch.dtype = torch.float32) -> tuple[dict[str, Tensor], Tensor]:
    scores = Scores(feature_network("random", None))
    batches = [images(7, seed).to(dtype).split(split) for seed in range(4)]
    for output, photo, cycle, target in zip(*batches, strict=True):
        scores.update(output, photo, cycle, target)
    return scores.results()


@pytest.mark.parametrize("split", [1, 2, 3])
def test_values_do_not_depend_on_the_batches(split: int) -> None:
    (values, features), (expected, expected_features) = measured(split), measured(7)
    assert values.keys() == expected.keys() == {f"{f}/{m}" for f in ("content", "cycle", "target") for m in METRICS}
    for name, vector in values.items():
        torch.testing.assert_close(vector, expected[name])
        assert vector.shape == (7,)
    torch.testing.assert_close(features, expected_features)


METRICS = ("psnr", "ssim", "mse")


def wang(ours: np.ndarray, theirs: np.ndarray) -> float:
    """SSIM as in section III of Wang et al. 2004, per channel, where the window of 11 x 11 lies inside the image."""
    axis = np.arange(11) - 5
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    found = []
    for x, y in zip(ours.astype(float), theirs.astype(float), strict=True):
        for i in range(x.shape[0] - 10):
            for j in range(x.shape[1] - 10):
                a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                found.append(
                    (2 * mean_a * mean_b + 0.01**2)
                    * (2 * covariance + 0.03**2)
                    / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2))
                )
    return float(np.mean(found))


def test_similarity_has_the_values_of_its_definitions_for_each_image() -> None:
    ours, theirs = (images(3, seed) / 2 + 0.5 for seed in (0, 1))
    found = similarity(ours, theirs)
    for n in range(3):
        error = (ours[n] - theirs[n]).square().mean()
        assert found["mse"][n] == pytest.approx(error.item())
        assert found["psnr"][n] == pytest.approx(-10 * error.log10().item())
        assert found["ssim"][n] == pytest.approx(wang(ours[n].numpy(), theirs[n].numpy()), abs=1e-5)
    # The mean of the images' PSNR is not the PSNR of the mean error.
    assert similarity(torch.zeros(2, 3, 16, 16), torch.tensor([0.1, 1.0])[:, None, None, None].expand(2, 3, 16, 16))[
        "psnr"
    ].mean() == pytest.approx(10)


def test_within_a_region_the_errors_and_the_map_of_ssim_are_averaged_over_its_pixels_alone() -> None:
    ours, theirs = (images(2, seed) / 2 + 0.5 for seed in (0, 1))
    where = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    where[0, :, 5, 5:7] = True  # two windows that lie inside the image: rows 0..10, columns 0..10 and 1..11
    found = similarity_within(where, ours, theirs)
    error = (ours[0, :, 5, 5:7] - theirs[0, :, 5, 5:7]).square().mean()
    assert found["mse"][0] == pytest.approx(error.item())
    assert found["psnr"][0] == pytest.approx(-10 * error.log10().item())
    assert found["ssim"][0] == pytest.approx(
        wang(ours[0, :, :11, :12].numpy(), theirs[0, :, :11, :12].numpy()), abs=1e-5
    )
    assert all(values[1].isnan() for values in found.values())


def test_images_are_measured_as_they_would_be_saved() -> None:
    photo = torch.zeros(1, 3, 16, 16)  # saved as 128
    scores = Scores(feature_network("random", None))
    pixels = scores.update(photo + 0.9 / 127.5, photo)
    assert pixels.dtype == torch.uint8
    assert pixels.unique().tolist() == [128]
    assert scores.results()[0]["content/mse"].item() == 0


def test_half_precision_around_it_changes_nothing() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        values, features = measured(7)
    expected, expected_features = measured(7)
    assert all(torch.equal(values[name], expected[name]) for name in expected)
    assert torch.equal(features, expected_features)


def test_outputs_in_half_precision_are_measured_in_float32() -> None:
    values, features = measured(7, torch.bfloat16)
    assert {vector.dtype for vector in (*values.values(), features)} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x: x * float("nan"), r"the cycle has pixels from nan to nan, but all must be in \[-1, 1\]"),
        (lambda x: x / 0, r"the cycle has pixels from -inf to inf, but"),
        (lambda x: x + 1, r"the cycle has pixels from 0\.\d+ to [12].*, but all must be in \[-1, 1\]"),
        (lambda x: x[:1], r"the cycle has the shape \(1, 3, 24, 24\), but 2 x 3 x 24 x 24 is needed"),
        (lambda x: x[:, :1], r"the cycle has the shape \(2, 1, 24, 24\), but 2 x 3 x 24 x 24 is needed"),
        (lambda x: x[0], "the cycle has the shape"),
        (lambda x: x[..., :12], "the cycle has the shape"),
        (lambda x: ((x + 1) * 127).to(torch.uint8), "the cycle has pixels of type torch.uint8, but floats"),
    ],
)
def test_what_is_no_image_is_refused_by_its_name(change: Any, sentence: str) -> None:
    scores = Scores(feature_network("random", None))
    with pytest.raises(ScoreError, match=sentence):
        scores.update(images(2), images(2), change(images(2)))


def test_the_rounding_of_half_precision_is_no_error() -> None:
    assert saved("output", torch.full((1, 3, 2, 2), 1.0005)).unique().tolist() == [255]
