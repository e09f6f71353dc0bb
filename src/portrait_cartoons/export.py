"""Write a trained generator as one file for other programs.

    python -m src.export ckpt=<run folder or file> output=<file> [format=onnx|torch_export|safetensors|web] ...

The file takes photos of any size, in batches of any size: the padding that the network needs is part of it. It is
compared with PyTorch at several sizes, and written only where both draw the same. It says itself what it is: model,
range, colour order, size of training, version, licence. Beside it lie its sha256 and a card that shows how to use it.
Smaller weights, of 16 or 8 bits, are compared with those of 32 bits on photos, in what they draw and how fast.
format=web writes a page that draws in the browser, without a server or a network. src.translate and Cartoonizer.load
take ONNX and safetensors files as they take checkpoints.

Examples:

    python -m src.export ckpt=runs/cyclegan-toy/2026-01-31_12-00-00 output=cartoon.onnx
    python -m src.export ckpt=best.ckpt output=cartoon.safetensors format=safetensors licence='CC BY 4.0'
    python -m src.export ckpt=best.ckpt output=small.onnx weights=int8 photos=photos
    python -m src.export ckpt=best.ckpt output=cartoon.html format=web
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.deployment.places import SUFFIXES, beside
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, new_output

if TYPE_CHECKING:
    from torch import Tensor

# What works on networks and pictures is imported late: it brings torch, which wrong use need not wait for.

OPTIONS = CONF / "export.yaml"
WEIGHTS = {
    "float32": tuple(SUFFIXES),
    "float16": ("onnx", "safetensors", "web"),
    "int8": ("onnx",),
}  # and the formats that can hold them
PHOTOS = 12  # that show what smaller weights change


@dataclass
class Options:
    """The types of the keys in conf/export.yaml, which explains them."""

    ckpt: str
    output: str
    format: str
    weights: str
    photos: str | None
    runtime: str
    licence: str | None
    overwrite: bool


def main(arguments: list[str]) -> None:
    """Write the file, and print how far it differs from PyTorch. Raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return
    options = parse_options(Options, OPTIONS, arguments, {"overwrite": "true or false"})
    _check(options)
    output = expanded(options.output)
    new_output(output, SUFFIXES[options.format], beside(output), options.overwrite)

    from portrait_cartoons.deployment.contract import LICENCE
    from portrait_cartoons.deployment.reading import load
    from portrait_cartoons.deployment.writing import export

    trained = load(expanded(options.ckpt))
    photos = _photos(options.photos, trained.size)
    print(f"exporting {trained.model}, and comparing it with PyTorch", flush=True)
    try:
        licence, runtime = options.licence or LICENCE, expanded(options.runtime)
        measured = export(trained, options.format, output, licence, photos, options.weights, runtime)
    except OSError as error:
        raise UserError(f"output={output} cannot be written ({error.strerror}); choose another place") from error
    print("largest difference from PyTorch, of a range of 2:")
    print("\n".join(f"  {size:<20} {difference:.1e}" for size, difference in measured.differences.items()))
    if options.weights != "float32":
        print(f"weights of {options.weights}: {measured}")
    print(f"{output} has {output.stat().st_size / 1e6:.1f} MB; how to use it is in {beside(output)[1]}")


def _photos(folder: str | None, size: int) -> "list[Tensor]":
    """The first photos of a folder, or built-in portraits: 1 x 3 x size x size each."""
    import numpy as np
    from PIL import Image, ImageOps

    from portrait_cartoons.data.toy import portrait
    from portrait_cartoons.image import from_uint8, list_images, load_rgb

    if folder is None:
        pictures = [portrait(0, index, max(size, 16)).photo for index in range(PHOTOS)]
    else:
        pictures = [load_rgb(file, size) for file in list_images(expanded(folder))[:PHOTOS]]
    if len(pictures) < 2:
        raise OptionError(f"photos={folder} holds less than two pictures; name another folder")
    squares = [ImageOps.fit(Image.fromarray(picture), (size, size)) for picture in pictures]
    return [from_uint8(np.asarray(square))[None] for square in squares]


def _check(options: Options) -> None:
    """Raise OptionError for values that make no sense."""
    if options.format not in SUFFIXES:
        raise OptionError(f"format={options.format}: it must be one of {', '.join(SUFFIXES)}")
    if options.weights not in WEIGHTS:
        raise OptionError(f"weights={options.weights}: it must be one of {', '.join(WEIGHTS)}")
    if options.format not in (formats := WEIGHTS[options.weights]):
        raise OptionError(f"weights={options.weights} is for format={' and '.join(formats)}; leave it out")
    if not expanded(options.ckpt).exists():
        raise OptionError(f"ckpt={options.ckpt}: there is no such file or folder; check the path")
    if expanded(options.ckpt).suffix.lower() == SUFFIXES["onnx"]:
        raise OptionError(f"ckpt={options.ckpt} is an export already; name the checkpoint it was made of")
