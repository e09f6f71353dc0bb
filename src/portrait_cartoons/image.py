"""Image files and pixels: the one place that reads, checks, converts and writes them.

Files hold uint8 RGB arrays of shape H x W x 3; networks see float tensors of shape 3 x H x W in [-1, 1].
"""

import io
import stat
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener
from torch import Tensor

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import walk, write

register_heif_opener()  # the pictures of phones

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}

# Pictures that a user may believe to be taken: from newer phones, from cameras, from drawing programs.
UNREAD = {
    *(".avif", ".jxl", ".jp2", ".svg", ".eps", ".tga", ".psd", ".kra", ".xcf", ".clip"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"),
}

# What Pillow's decoders let escape when bytes are damaged or hostile.
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class ImageError(UserError):
    """An image file or folder that cannot be read or written; the sentence names it."""


class Description(NamedTuple):
    """What an image file's header says. The size is in pixels and upright, `format` and `mode` are Pillow's names."""

    format: str
    mode: str
    width: int
    height: int
    animated: bool
    transparent: bool


def describe(path: str | Path) -> Description:
    """What the file says about itself, which only loading can confirm. Raises ImageError if it is not an image."""
    with _opened(path) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # EXIF's orientations that swap the sides
        width, height = (image.height, image.width) if turned else image.size
        animated = getattr(image, "is_animated", False)
        return Description(str(image.format), image.mode, width, height, animated, image.has_transparency_data)


def load_rgb(path: str | Path | BinaryIO, min_side: int | None = None, max_pixels: int = 100_000_000) -> np.ndarray:
    """The upright picture as uint8, H x W x 3, sRGB, in an array of its own.

    Other colours than sRGB are converted by the file's profile. Transparency lies on white, 16-bit grey is scaled to
    8 bits, an animation gives its first frame. Where `min_side` is given, a large JPEG may be decoded at 1/2, 1/4 or
    1/8 of its size, which is faster, but its shorter side stays at or above `min_side` pixels. Raises ImageError for
    a file that is not an image, is damaged, or has more than `max_pixels` pixels. An open file's `str` is its name.
    """
    return _decode(path, to_rgb, min_side, max_pixels)


def load_mask(path: str | Path | BinaryIO, max_pixels: int = 100_000_000) -> np.ndarray:
    """The upright picture's grey values as uint8, H x W; otherwise as `load_rgb`."""
    return _decode(path, _to_grey, None, max_pixels)


def to_rgb(image: Image.Image) -> np.ndarray:
    """uint8 H x W x 3: transparency laid on white, 16-bit grey scaled to 8 bits. Floats raise ValueError."""
    return np.array(_opaque(_srgb(_eight_bits(image))).convert("RGB"))


def save_image(array: np.ndarray, path: str | Path) -> None:
    """Write uint8 H x W x 3 in the format of the path's suffix, atomically: no other program sees half a file.

    JPEG and WebP are written at quality 95. Raises ImageError for an unknown suffix or a failing disk.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ImageError(f"cannot write {path}: its suffix must be one of {' '.join(FORMATS)}")
    image, encoded = Image.fromarray(array), io.BytesIO()
    try:
        # Each format takes what is its own. PNG's default level, 6, takes three times as long to save 2 % of the bytes.
        image.save(encoded, FORMATS[path.suffix.lower()], quality=95, compress_level=4)
        write(path, encoded.getvalue())
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot write {path}: {reason(error)}; make room or choose another place") from error


def list_images(folder: str | Path) -> list[Path]:
    """The image files, known by suffix, in a folder and its subfolders, sorted.

    Hidden files and folders are left out; links to folders are followed, each folder once. Raises ImageError for a
    folder that is missing or cannot be read.
    """
    files = (root / name for root, _, names in walk(folder, set(), _unreadable_folder) for name in names)
    return sorted(path for path in files if path.suffix.lower() in FORMATS)


def unread(folder: Path) -> str:
    """A sentence that counts the pictures below the folder whose formats are not read; empty where there are none."""
    names = (name for _, _, names in walk(folder, set(), lambda _: None) for name in names)
    counts = Counter(suffix for name in names if (suffix := Path(name).suffix.lower()) in UNREAD)
    kinds = ", ".join(suffix.removeprefix(".").upper() for suffix in sorted(counts))
    what = "file has a format" if counts.total() == 1 else "files have formats"
    return f"{counts.total()} {what} not read here ({kinds}) in {folder}: convert to JPEG or PNG" if counts else ""


def to_uint8(x: Tensor) -> Tensor:
    """Pixels in [-1, 1], any float type and shape, as uint8: rounded to the nearest value, clamped to [0, 255].

    Raises ValueError for integers and for NaN.
    """
    if not x.is_floating_point():
        raise ValueError(f"pixels must be floats in [-1, 1], not {x.dtype}")
    if x.isnan().any():
        raise ValueError("pixels must be numbers, but some are NaN")
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(array: np.ndarray | Tensor) -> Tensor:
    """uint8 H x W x 3 as a float tensor 3 x H x W in [-1, 1], the inverse of `to_uint8`; else ValueError."""
    # A copy, because torch refuses arrays with negative strides and warns of read-only ones.
    pixels = array if isinstance(array, Tensor) else torch.from_numpy(np.array(array))
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be uint8 of shape H x W x 3, not {pixels.dtype} of {tuple(pixels.shape)}")
    return pixels.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format) / 127.5 - 1


def reason(error: BaseException) -> str:
    """Why reading or writing failed, as part of a sentence."""
    if isinstance(error, UnidentifiedImageError):
        return f"it is not a {', '.join(dict.fromkeys(FORMATS.values()))} file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _decode(
    path: str | Path | BinaryIO, convert: Callable[[Image.Image], np.ndarray], min_side: int | None, max_pixels: int
) -> np.ndarray:
    """What `convert` makes of the upright picture."""
    with _opened(path) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"its {image.width} x {image.height} pixels exceed the limit of {max_pixels}")
        if min_side is not None:
            image.draft(None, (min_side, min_side))
        image.load()
        return convert(ImageOps.exif_transpose(image))


@contextmanager
def _opened(path: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """The image, not decoded yet. Whatever escapes Pillow in the block is raised as ImageError."""
    try:
        if isinstance(path, str | Path) and not stat.S_ISREG(Path(path).stat().st_mode):
            raise OSError("it is not a regular file")  # a pipe would wait for ever
        # Pillow warns of odd metadata and of sizes our own limit decides on.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=tuple(FORMATS.values())) as image:
            yield image
    except _DECODING_ERRORS as error:
        raise ImageError(f"cannot read the image {path}: {reason(error)}; replace it or leave it out") from error


def _to_grey(image: Image.Image) -> np.ndarray:
    return np.array(_opaque(_eight_bits(image)).convert("L"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to mode "L", because Pillow's own conversion clips; other modes as they are."""
    if image.mode == "F":
        raise ValueError("its pixels are floats of unknown range, but 8 or 16 bits are needed")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if np.any((values < 0) | (values > 65535)):
        raise ValueError("its pixels need more than 16 bits, but 8 or 16 bits are needed")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB where it holds a profile of other colours; a profile that does not fit is left aside."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image
    try:
        colours = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(colours).lower():
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(image, colours, ImageCms.createProfile("sRGB"), outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def _opaque(image: Image.Image) -> Image.Image:
    """The picture laid on white where it is transparent."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _unreadable_folder(error: OSError) -> NoReturn:
    raise ImageError(f"cannot read the folder {error.filename}: {reason(error)}; name a folder of images") from error
