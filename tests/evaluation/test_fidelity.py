"""The numbers of torchmetrics, from images in memory, are those of torch-fidelity, from PNGs on disk."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from portrait_cartoons.evaluation.distances import frechet, kernel
from portrait_cartoons.evaluation.features import FeatureNetwork, feature_network
from portrait_cartoons.evaluation.fidelity import FidelityError, Rescored, agree, rescored
from portrait_cartoons.evaluation.report import Row, Value
from portrait_cartoons.image import save_image
from tests.evaluation.inception import random_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> FeatureNetwork:
    """Inception with weights nobody trained, through the loader of the genuine ones."""
    file = random_weights(tmp_path_factory.mktemp("weights") / "inception.pth")
    with pytest.MonkeyPatch.context() as patch:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        patch.setattr("portrait_cartoons.evaluation.features.INCEPTION_SHA256_PREFIX", digest[:8])
        return feature_network("inception", str(file))


def pictures(n: int, seed: int, brightness: float) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3))
    return (brightness * noise.repeat(8, 1).repeat(8, 2)).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, network: FeatureNetwork) -> tuple[list[Path], list[Tensor]]:
    """Two folders of PNGs, and the features of their images."""
    folders, features = [], []
    for n, (count, brightness) in enumerate(((7, 1.0), (6, 0.6))):
        folders.append(tmp_path_factory.mktemp(f"set{n}"))
        images = pictures(count, n, brightness)
        for index, image in enumerate(images):
            save_image(image, folders[-1] / f"{index:06d}.png")
        features.append(network(torch.from_numpy(images).permute(0, 3, 1, 2)))
    return folders, features


def row(fid: float, kid: float) -> Row:
    return Row("a", "system", {"fid": Value(fid), "kid": Value(kid)}, pictures="pictures/a")


@pytest.mark.slow
def test_torch_fidelity_finds_the_same_in_the_saved_pictures_unless_they_were_changed(
    sets: tuple[list[Path], list[Tensor]], network: FeatureNetwork
) -> None:
    (fakes, reals), features = sets
    ours = row(frechet(features[1], features[0]), kernel(features[1], features[0]))
    theirs = rescored(fakes, reals, network, CPU)
    agree(ours, theirs)
    assert theirs.fid == pytest.approx(ours.values["fid"].value, rel=1e-4)
    assert theirs.fid > 0.01
    save_image(255 - pictures(1, 9, 1.0)[0], fakes / "000003.png")
    with pytest.raises(FidelityError, match="evaluate anew"):
        agree(ours, rescored(fakes, reals, network, CPU))


@pytest.mark.parametrize(
    ("fid", "kid", "wrong"),
    [
        (30.0, 0.05, None),
        (30.002, 0.05, None),
        (30.004, 0.05, "fid"),
        (30.0, 0.064, None),
        (30.0, 0.065, "kid"),
        (30.0, 0.035, "kid"),
    ],
)
def test_values_must_agree_within_what_float32_and_random_subsets_explain(
    fid: float, kid: float, wrong: str | None
) -> None:
    theirs = Rescored(30.0, 0.05, 0.002)
    if wrong:
        with pytest.raises(FidelityError, match=f"^{wrong} of a is .*, but .* by torch-fidelity from pictures/a"):
            agree(row(fid, kid), theirs)
    else:
        agree(row(fid, kid), theirs)
