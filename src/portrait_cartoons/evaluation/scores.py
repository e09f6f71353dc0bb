"""What is measured of a system's images: one code for validation while training and for the final evaluation.

All is taken from images rounded to uint8, as they would be saved, in float32 whatever the precision of training.
"""

from typing import cast

import torch
from torch import Tensor
from torchmetrics.functional import mean_squared_error
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from portrait_cartoons import ranks
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.features import FeatureNetwork
from portrait_cartoons.evaluation.lpips import Lpips
from portrait_cartoons.image import to_uint8

# By their values the metrics torchmetrics computes here; part of a report's protocol.
PROTOCOL = {
    "rounding": "uint8, round((x + 1) * 127.5) clamped to 0..255",
    "psnr": "mean over images, range 1",
    "ssim": "mean over images, R, G and B; range 1, Gaussian window 11, sigma 1.5, without a border of 5 pixels",
    "mse": "mean over images, range 1",
}
SSIM_BORDER = 5  # pixels whose window would reach beyond the image, where Wang et al. 2004 compute nothing
_INSIDE = slice(SSIM_BORDER, -SSIM_BORDER)
ROUNDING_ERROR = 1e-3  # how far beyond [-1, 1] an image may reach: half precision cannot write every number


class ScoreError(UserError):
    """Images that cannot be measured: of another shape or type, out of range or not finite; the sentence says which."""


class Scores:
    """Values of single images, and features of all outputs.

    `images` holds for each family the vectors psnr (dB), ssim and mse of images in [0, 1], a value per image, and lpips
    of content and target where its network is given:

        content/*     output against its photo
        cycle/*       the photo's reconstruction against it, where the model makes one
        target/*      output against the photo's true cartoon, where the data has it
        background/*  as content/*, over the pixels outside the person mask, where one is given: SSIM is the mean of its
                      map there, whose windows reach up to 5 pixels into the person. NaN where all is person
    """

    def __init__(self, network: FeatureNetwork, lpips: Lpips | None = None) -> None:
        self.network, self.lpips = network, lpips
        self._parts: dict[str, list[Tensor]] = {}

    def update(
        self,
        output: Tensor,
        photo: Tensor,
        cycle: Tensor | None = None,
        target: Tensor | None = None,
        person: Tensor | None = None,
    ) -> Tensor:
        """Measure a batch, all N x 3 x H x W in [-1, 1], and return the outputs as uint8.

        `person` is the mask of the photo's person, N x 1 x H x W, true inside.

        Raises:
            ScoreError: not all of them are such images of one shape.
        """
        given = {"output": output, "photo": photo, "cycle": cycle, "target": target}
        pixels = {name: saved(name, image, output.shape) for name, image in given.items() if image is not None}
        self._add("features", self.network(pixels["output"]))
        pairs = {"content": ("output", "photo"), "cycle": ("cycle", "photo"), "target": ("output", "target")}
        with torch.no_grad(), torch.autocast(output.device.type, enabled=False):
            unit = {name: image.float().contiguous() / 255 for name, image in pixels.items()}
            for family, (ours, theirs) in pairs.items():
                if ours in unit and theirs in unit:
                    for name, values in similarity(unit[ours], unit[theirs]).items():
                        self._add(f"{family}/{name}", values.cpu())
                    if self.lpips and family != "cycle":
                        self._add(f"{family}/lpips", self.lpips(unit[ours], unit[theirs]).cpu())
            if person is not None:
                for name, values in similarity_within(~person, unit["output"], unit["photo"]).items():
                    self._add(f"background/{name}", values.cpu())
        return pixels["output"]

    def results(self) -> tuple[dict[str, Tensor], Tensor]:
        """The values of all images by family and name, vectors of N, and the outputs' features, N x D.

        On several ranks they are those of all ranks' images, provided that each rank took its `ranks.share`.
        """
        whole = ranks.gathered({name: torch.cat(parts) for name, parts in self._parts.items()})
        return whole, whole.pop("features")

    def _add(self, name: str, part: Tensor) -> None:
        self._parts.setdefault(name, []).append(part)


def similarity(ours: Tensor, theirs: Tensor) -> dict[str, Tensor]:
    """PSNR in dB, SSIM and MSE of each pair of images in [0, 1], vectors of N. Sides are at least 11 pixels."""
    return {
        "psnr": peak_signal_noise_ratio(ours, theirs, data_range=1.0, reduction="none", dim=(1, 2, 3)),
        "ssim": _ssim_map(ours, theirs).mean((1, 2, 3)),
        "mse": mean_squared_error(ours.flatten(1).T, theirs.flatten(1).T, num_outputs=len(ours)).reshape(-1),
    }


def similarity_within(where: Tensor, ours: Tensor, theirs: Tensor) -> dict[str, Tensor]:
    """The same over the pixels where `where`, N x 1 x H x W, is true; NaN for an image without such pixels."""

    def mean(values: Tensor, pixels: Tensor) -> Tensor:
        return values.masked_fill(~pixels, 0).mean(1).sum((1, 2)) / pixels.sum((1, 2, 3))

    mse = mean((ours - theirs).square(), where)
    return {
        "psnr": -10 * mse.log10(),
        "ssim": mean(_ssim_map(ours, theirs), where[..., _INSIDE, _INSIDE]),
        "mse": mse,
    }


def _ssim_map(ours: Tensor, theirs: Tensor) -> Tensor:
    """SSIM of the window around each pixel, N x 3 x (H - 10) x (W - 10): without the border."""
    _, values = structural_similarity_index_measure(
        ours, theirs, data_range=1.0, reduction="none", return_full_image=True
    )
    return cast(Tensor, values)[..., _INSIDE, _INSIDE]


def saved(name: str, image: Tensor, shape: torch.Size | None = None) -> Tensor:
    """The image N x 3 x H x W in [-1, 1], of this shape if one is given, as uint8. Raises ScoreError for others."""
    if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape or image.shape != (shape or image.shape):
        wanted = " x ".join(str(side) for side in shape) if shape else "N x 3 x H x W"
        raise ScoreError(f"the {name} has the shape {tuple(image.shape)}, but {wanted} is needed; check the model")
    if not image.is_floating_point():
        raise ScoreError(f"the {name} has pixels of type {image.dtype}, but floats in [-1, 1] are needed")
    low, high = (bound.item() for bound in image.detach().aminmax())
    if not (low >= -1 - ROUNDING_ERROR and high <= 1 + ROUNDING_ERROR):  # false for NaN too
        raise ScoreError(
            f"the {name} has pixels from {low:.3g} to {high:.3g}, but all must be in [-1, 1]: its training diverged,"
            " so use an older checkpoint, or its network does not end in a tanh"
        )
    return to_uint8(image)
