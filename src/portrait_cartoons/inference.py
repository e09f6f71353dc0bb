"""Cartoons of single pictures of any size, with a trained generator. Needs torch and Pillow only."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8, to_rgb, to_uint8
from portrait_cartoons.runs.checkpoint import load_generator

# Instance norm needs more than one spatial element, and reflection inside the network more than its padding.
_MIN_SIDE = 64
# Accelerators raise an exception class of their own for this, the CPU does not.
_MEMORY_RAN_OUT = ("out of memory", "allocate memory")


class InferenceError(UserError):
    """A device that is absent, a picture too large for its memory, or a generator whose output is not finite."""


@dataclass(frozen=True)
class Cartoonizer:
    """A generator from photo to cartoon, and the longest side in pixels of what it is given.

    A picture with a longer side than `max_side` is reduced to it and its cartoon enlarged again. It is never cut into
    tiles: instance norm would give each tile colours of its own.
    """

    network: nn.Module
    max_side: int | None = None

    @classmethod
    def load(cls, path: str | Path, device: str = "auto", max_side: int | None = None) -> "Cartoonizer":
        """The generator of a checkpoint file or run folder; "auto" takes the accelerator where there is one.

        Raises CheckpointError, or InferenceError for a device this machine lacks.
        """
        network = load_generator(path)
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        try:
            network.to((accelerator or "cpu") if device == "auto" else device)
        except (RuntimeError, AssertionError) as error:
            raise InferenceError(f"device={device} is not available here: use device=auto or device=cpu") from error
        return cls(network, max_side)

    def translate(self, image: Image.Image | np.ndarray) -> np.ndarray:
        """The cartoon of a picture (arrays: uint8 H x W x 3) as uint8 H x W x 3 of the same height and width.

        Raises InferenceError where memory does not suffice or the output is not finite, ValueError for other arrays.
        """
        photo = Image.fromarray(to_rgb(image) if isinstance(image, Image.Image) else _checked(image))
        small = photo.resize(self._working_size(photo), Image.Resampling.LANCZOS)
        try:
            cartoon = Image.fromarray(self._generate(np.asarray(small)))
        except RuntimeError as error:
            if not any(words in str(error) for words in _MEMORY_RAN_OUT):
                raise
            raise InferenceError(
                f"{small.width} x {small.height} pixels are too many for the memory: set max_side, e.g. max_side=1024"
            ) from error
        return np.array(cartoon.resize(photo.size, Image.Resampling.LANCZOS))

    def _working_size(self, photo: Image.Image) -> tuple[int, int]:
        """Width and height given to the network."""
        longest = max(photo.size)
        scale = min(1.0, (self.max_side or longest) / longest)
        return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))

    @torch.inference_mode()
    def _generate(self, photo: np.ndarray) -> np.ndarray:
        """The cartoon of a picture that is padded for the network and cropped back."""
        self.network.eval()
        height, width = photo.shape[:2]
        multiple = cast(int, self.network.multiple)
        (top, bottom), (left, right) = _padding(height, multiple), _padding(width, multiple)
        # numpy reflects again and again where the picture is smaller than its padding, which torch refuses.
        padded = np.pad(photo, ((top, bottom), (left, right), (0, 0)), mode="reflect")
        device = next(self.network.parameters()).device
        output: Tensor = self.network(from_uint8(padded).unsqueeze(0).to(device))[0]
        if not output.isfinite().all():
            raise InferenceError("the generator's output is not finite, its training diverged: use an older checkpoint")
        pixels: np.ndarray = to_uint8(output).permute(1, 2, 0).cpu().numpy()
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _padding(side: int, multiple: int) -> tuple[int, int]:
    """Pixels before and after `side` up to a multiple, no smaller than the smallest side."""
    total = -(-max(side, _MIN_SIDE) // multiple) * multiple - side
    return total // 2, total - total // 2


def _checked(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(f"a picture must be uint8 of shape H x W x 3, not {array.dtype} of {array.shape}")
    return array
