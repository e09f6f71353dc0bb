"""Features of the true cartoons, which never change: taken once for all systems, runs and evaluations."""

import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset

from portrait_cartoons import ranks
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.dataset import TestDataset
from portrait_cartoons.data.fingerprint import fingerprint
from portrait_cartoons.evaluation.features import FeatureNetwork
from portrait_cartoons.evaluation.report import Protocol
from portrait_cartoons.evaluation.scores import saved
from portrait_cartoons.files import atomic
from portrait_cartoons.progress import tracked

FOLDER = Path("runs", "statistics")
# Who decides what a file's pixels, and their features, are.
VERSIONS = ("pillow", "pillow-heif", "opencv-python-headless", "albumentations", "torch", "torch-fidelity")


def cartoon_protocol(
    data: Portraits, cartoons: TestDataset, network: FeatureNetwork, count: int, shown: bool = False
) -> Protocol:
    """All that the features of a split's first `count` cartoons depend on; a pass over the files, `shown`."""
    indices = tracked(range(count), count, "contents of the cartoons", shown)
    return {
        "cartoons": count,
        "cartoons' sha256": fingerprint(cartoons.pictures, indices),
        **data.preprocessing,
        **network.protocol,
        **{name: version(name) for name in VERSIONS},
    }


def cartoon_features(
    data: Portraits,
    cartoons: TestDataset,
    network: FeatureNetwork,
    protocol: Protocol,
    device: torch.device | str,
    shown: bool = False,
) -> Tensor:
    """The features, N x D, of the cartoons that `cartoon_protocol` describes, on every rank; from `FOLDER` if there."""

    count = cast(int, protocol["cartoons"])

    def compute() -> Tensor:
        share = ranks.share(count)
        loader = data.loader(Subset(cartoons, share), data.val_batch_size)
        batches = tracked(loader, len(loader), "features of the cartoons", shown)
        parts = [network(saved("cartoon", batch["cartoon"].to(device))) for batch in batches]
        return ranks.gathered({"features": torch.cat(parts)} if parts else {})["features"]

    return remembered(protocol, (count, network.size), compute)


def remembered(protocol: Protocol, shape: tuple[int, int], compute: Callable[[], Tensor]) -> Tensor:
    """Features N x D, of this shape, that depend on the protocol alone.

    They are read from `FOLDER`, or else computed, by all ranks, and written there.
    """
    file = FOLDER / f"{hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()}.npz"
    found = ranks.decided(lambda: _read(file, shape))
    if found is not None:
        return found
    features = compute()
    if ranks.rank() == 0:
        _write(file, features)
    return features


def _read(file: Path, shape: tuple[int, int]) -> Tensor | None:
    """The features in a file; None where there is no such file, or its content is not what was written."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            features, sha256 = arrays["features"], str(arrays["sha256"])
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    usable = features.dtype == np.float32 and features.shape == shape and np.isfinite(features).all()
    return torch.from_numpy(features) if usable and _sha256(features) == sha256 else None


def _write(file: Path, features: Tensor) -> None:
    array = features.numpy()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(file) as stream:
            np.savez(stream, features=array, sha256=_sha256(array))
    except OSError as error:
        print(f"warning: {file} cannot be written ({error.strerror}): it will be computed again", file=sys.stderr)


def _sha256(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features).tobytes()).hexdigest()
