"""Whether an exported file draws what PyTorch draws, and how fast."""

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from portrait_cartoons.errors import UserError

SIZES = ((8, 8), (64, 64), (65, 67), (96, 64), (257, 255))  # height and width: below, at and beside what networks need
LIMIT = 1e-4  # of a range of 2, a 78th of a step of 8-bit pixels


class ExportError(UserError):
    """A file that would not do what it is to do; the sentence says which."""

    exit_code = 1


Draw = Callable[[Tensor], Tensor]


@torch.inference_mode()
def measured(network: nn.Module, draw: Draw, limit: float = LIMIT) -> dict[str, float]:
    """By size the largest difference between two networks' pixels, for two noisy pictures together and one alone.

    Raises ExportError where it is above the limit, or the sizes differ.
    """
    noise, found = torch.Generator().manual_seed(0), {}
    for height, width in SIZES:
        photos = torch.rand(2, 3, height, width, generator=noise) * 2 - 1
        wanted = network(photos)
        for given, expected in ((photos, wanted), (photos[:1], wanted[:1])):
            output, size = draw(given), f"{len(given)} x 3 x {height} x {width}"
            if output.shape != expected.shape:
                raise ExportError(f"the export draws {tuple(output.shape)} for photos of {size}; nothing was written")
            found[size] = (output - expected).abs().max().item()
            if not found[size] <= limit:
                raise ExportError(
                    f"the export differs from PyTorch by {found[size]:.1e} for photos of {size}, where {limit} is the"
                    " limit, so nothing was written; train longer, or use another checkpoint"
                )
    return found


@torch.inference_mode()
def psnr(first: Draw, second: Draw, photos: Sequence[Tensor]) -> float:
    """The mean over photos, 1 x 3 x H x W, of the PSNR in dB between what two networks draw."""
    errors = [(first(photo) - second(photo)).square().mean() for photo in photos]
    return torch.stack([10 * torch.log10(4 / error) for error in errors]).mean().item()


@torch.inference_mode()
def times_as_fast(first: Draw, second: Draw, photo: Tensor, repetitions: int = 3) -> float:
    """How many times as fast the second draws a photo: the median of runs in turn, after one of each to warm up."""
    ratios = []
    for _ in range(1 + repetitions):
        seconds = []
        for draw in (first, second):
            start = perf_counter()
            draw(photo)
            seconds.append(perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return median(ratios[1:])
