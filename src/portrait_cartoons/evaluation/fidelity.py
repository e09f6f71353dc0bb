"""FID and KID once more, by torch-fidelity from the saved PNGs: whoever re-scores them must find what is reported."""

import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch_fidelity import calculate_metrics

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.distances import kernel_subsets
from portrait_cartoons.evaluation.features import FeatureNetwork, full_precision
from portrait_cartoons.evaluation.report import Row
from portrait_cartoons.image import list_images

FID_TOLERANCE = 1e-4  # relative: float32 features of the same pixels, summed in another order
KID_TOLERANCE = 1e-4  # relative, where both compute it from all images
STANDARD_ERRORS = 5.0  # of the difference of two means over random subsets, which each library draws itself
ABSOLUTE_TOLERANCE = 1e-5  # near 0 both are differences of larger numbers


class FidelityError(UserError):
    """Values that torch-fidelity cannot find in the saved pictures, or finds to be others."""

    exit_code = 1


class Rescored(NamedTuple):
    """What torch-fidelity finds, and the standard error of KID, which rests on random subsets."""

    fid: float
    kid: float
    kid_error: float


def rescored(fakes: Path, reals: Path, network: FeatureNetwork, device: torch.device) -> Rescored:
    """FID and KID between two folders of PNGs, with the weights and the subsets that are used here."""
    subsets, size = kernel_subsets(len(list_images(reals)), len(list_images(fakes)))
    with full_precision():
        found = calculate_metrics(
            input1=str(fakes),
            input2=str(reals),
            fid=True,
            kid=True,
            kid_subsets=subsets,
            kid_subset_size=size,
            feature_extractor_weights_path=str(network.weights),
            cuda=device.type == "cuda",
            cache=False,
            save_cpu_ram=True,
            verbose=False,
        )
    error = found["kernel_inception_distance_std"] / math.sqrt(subsets)
    return Rescored(found["frechet_inception_distance"], found["kernel_inception_distance_mean"], error)


def agree(row: Row, theirs: Rescored) -> None:
    """Raise FidelityError unless the row's values are those that torch-fidelity finds."""
    tolerances = {
        "fid": FID_TOLERANCE * theirs.fid,
        "kid": KID_TOLERANCE * abs(theirs.kid) + STANDARD_ERRORS * math.sqrt(2) * theirs.kid_error,
    }
    for key, tolerance in tolerances.items():
        value, found = row.values[key].value, getattr(theirs, key)
        if abs(value - found) > tolerance + ABSOLUTE_TOLERANCE:
            raise FidelityError(
                f"{key} of {row.name} is {value:.6g} here, but {found:.6g} by torch-fidelity from {row.pictures}: the"
                " pictures are not those that were measured; evaluate anew with another output"
            )
