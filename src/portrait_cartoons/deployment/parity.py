"""Whether an exported file draws what PyTorch draws."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from portrait_cartoons.errors import UserError

SIZES = ((8, 8), (64, 64), (65, 67), (96, 64), (257, 255))  # height and width: below, at and beside what networks need
LIMIT = 1e-4  # of a range of 2, a 78th of a step of 8-bit pixels


class ExportError(UserError):
    """A file that would not do what it is to do; the sentence says which."""

    exit_code = 1


@torch.inference_mode()
def measured(network: nn.Module, draw: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """By size the largest difference between two networks' pixels, for two noisy pictures together and one alone.

    Raises ExportError where it is above LIMIT, or the sizes differ.
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
            if not found[size] <= LIMIT:
                raise ExportError(
                    f"the export differs from PyTorch by {found[size]:.1e} for photos of {size}, where {LIMIT} is the"
                    " limit, so nothing was written; train longer, or use another checkpoint"
                )
    return found
