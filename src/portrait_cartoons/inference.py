"""Cartoons of pictures of any size, with a trained generator. Needs torch and Pillow only."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from portrait_cartoons import devices, styles
from portrait_cartoons.deployment.reading import load
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8, load_rgb, to_rgb, to_uint8
from portrait_cartoons.networks.memory import bytes_per_pixel
from portrait_cartoons.networks.padding import Padded

# Of training's size: the longest side of a panorama whose shorter side could be that size.
_LONGEST = 4
_NO_CONCERN = 1_000_000  # pixels
# Accelerators raise an exception class of their own for this, the CPU does not.
_MEMORY_RAN_OUT = ("out of memory", "allocate memory")


Photo = str | Path | Image.Image | np.ndarray


class InferenceError(UserError):
    """A picture too large for the memory, or a generator whose output is not finite."""


@dataclass(frozen=True)
class Cartoonizer:
    """A generator from photo to cartoon, and the size of the pictures it is given.

    Larger pictures are reduced first, and their cartoons are enlarged again. They are never cut into tiles, because
    instance norm would give each tile colours of its own.

    Attributes:
        network: N x 3 x H x W in [-1, 1] in and out, with sides divisible by its `size_divisor`.
        size: of the pictures it was trained on, in pixels. A larger picture is reduced until its shorter side has it,
            or its longer side four times as much. None: it stays as large as it is.
        max_side: in its place, the longest side in pixels that is not reduced.
        precision: of the arithmetic: "float32" or "bfloat16".
    """

    network: nn.Module
    size: int | None = None
    max_side: int | None = None
    precision: str = "float32"

    @classmethod
    def load(
        cls, path: str | Path, device: str = "auto", max_side: int | None = None, precision: str = "auto"
    ) -> "Cartoonizer":
        """The generator of a run folder, a checkpoint, a safetensors or an ONNX file, or a style by its name.

        The device "auto" is the accelerator where there is one; ONNX files are computed on the CPU, as they are, in any
        case. The precision "auto" is bfloat16 where the device has it: that takes half the time, and pixels differ by
        a few levels of 255 at most. Raises CheckpointError, or DeviceError for a device that is not there.
        """
        found = devices.device(device)
        trained = load(styles.file(str(path)) if str(path) in styles.names() and not Path(path).exists() else path)
        return cls.on(found, trained.network, trained.size, max_side, precision)

    @classmethod
    def on(
        cls,
        device: torch.device,
        network: nn.Module,
        size: int | None = None,
        max_side: int | None = None,
        precision: str = "auto",
    ) -> "Cartoonizer":
        """The network, moved to the device and laid out there such that it draws soonest.

        Nothing else pays: PyTorch's compiler works for a minute to save a fifth of each picture of one size, and ONNX
        Runtime, which has no convolutions in bfloat16, takes about as long as PyTorch in float32.
        """
        # Instance norm copies channels_last into the other layout and back. All else is up to 1.7 times as fast in it.
        copies = device.type == "mps" or any(isinstance(layer, nn.InstanceNorm2d) for layer in network.modules())
        layout = torch.contiguous_format if copies else torch.channels_last
        if precision == "auto":
            precision = "bfloat16" if devices.has_bf16(device) else "float32"
        return cls(network.to(device).to(memory_format=layout), size, max_side, precision)

    def __post_init__(self) -> None:
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision={self.precision}: it must be float32 or bfloat16")

    def translate(self, image: Photo) -> np.ndarray:
        """The cartoon of a picture as uint8 H x W x 3, sRGB, of the picture's height and width.

        Args:
            image: a file, an image of Pillow's of any mode, or an array uint8 H x W x 3. Files are turned upright.

        Raises:
            InferenceError: memory does not suffice, or the output is not finite.
            ImageError: the file cannot be read.
            ValueError: an array of another type or shape.
        """
        return self.translate_batch([image])[0]

    def translate_batch(self, images: Sequence[Photo]) -> list[np.ndarray]:
        """The cartoons of several pictures, each as by `translate`.

        Those that the network gets at the same size go through it together.
        """
        photos = [Image.fromarray(_pixels(image)) for image in images]
        sizes = [self._working_size(photo) for photo in photos]
        cartoons: dict[int, np.ndarray] = {}
        for size in dict.fromkeys(sizes):
            group = [index for index, other in enumerate(sizes) if other == size]
            reduced = [np.asarray(photos[index].resize(size, Image.Resampling.LANCZOS)) for index in group]
            cartoons |= zip(group, self._generate(np.stack(reduced)), strict=True)
        return [
            np.array(Image.fromarray(cartoons[index]).resize(photo.size, Image.Resampling.LANCZOS))
            for index, photo in enumerate(photos)
        ]

    def _working_size(self, photo: Image.Image) -> tuple[int, int]:
        """Width and height given to the network."""
        shorter, longer = sorted(photo.size)
        scale = 1.0
        if self.max_side:
            scale = min(1.0, self.max_side / longer)
        elif self.size:
            scale = min(1.0, self.size / shorter, _LONGEST * self.size / longer)
        return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))

    @torch.inference_mode()
    def _generate(self, photos: np.ndarray) -> np.ndarray:
        """The cartoons of pictures of one size, uint8 N x H x W x 3."""
        self.network.eval()
        count, height, width = photos.shape[:3]
        self._check_memory(count, height, width)
        batch = torch.stack([from_uint8(photo) for photo in photos]).to(self._device)
        try:
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                output: Tensor = self._padded(batch)
        except RuntimeError as error:
            if not any(words in str(error) for words in _MEMORY_RAN_OUT):
                raise
            raise _too_large(width, height) from error
        if not output.isfinite().all():
            raise InferenceError("the generator's output is not finite, its training diverged: use an older checkpoint")
        pixels: np.ndarray = to_uint8(output).permute(0, 2, 3, 1).cpu().numpy()
        return pixels

    @property
    def _padded(self) -> Padded:
        divisor: int = self.network.size_divisor  # type: ignore[assignment]
        return Padded(self.network, divisor)

    @property
    def _device(self) -> torch.device:
        return next((parameter.device for parameter in self.network.parameters()), torch.device("cpu"))

    def _check_memory(self, count: int, height: int, width: int) -> None:
        """Raise InferenceError where the main memory would not suffice: systems end a program that takes too much."""
        pixels = count * height * width
        free = devices.free_memory() if self._device.type == "cpu" and pixels > _NO_CONCERN else None
        if free is not None and pixels * self._bytes_per_pixel > free:
            raise _too_large(width, height)

    @cached_property
    def _bytes_per_pixel(self) -> float:
        known: float | None = getattr(self.network, "bytes_per_pixel", None)
        return bytes_per_pixel(self._padded, self._device) if known is None else known


def _too_large(width: int, height: int) -> InferenceError:
    return InferenceError(f"{width} x {height} pixels are too many for the memory: set max_side, e.g. max_side=1024")


def _pixels(image: Photo) -> np.ndarray:
    if isinstance(image, Image.Image):
        return to_rgb(image)
    return _checked(image) if isinstance(image, np.ndarray) else load_rgb(image)


def _checked(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(f"a picture must be uint8 of shape H x W x 3, not {array.dtype} of {array.shape}")
    return array
