"""Write a trained generator as one file for other programs.

    python -m src.export ckpt=<run folder or file> output=<file> [format=onnx|torch_export|safetensors|web] ...

The file takes photos of any size, in batches of any size: the padding that the network needs is part of it. It is
compared with PyTorch at several sizes, and written only where both draw the same. It says itself what it is: model,
range, colour order, size of training, version, licence. Beside it lie its sha256 and a card that shows how to use it.
format=web writes a page that draws in the browser, without a server or a network. src.translate and Cartoonizer.load
take ONNX and safetensors files as they take checkpoints.

Examples:

    python -m src.export ckpt=runs/cyclegan-toy/2026-01-31_12-00-00 output=cartoon.onnx
    python -m src.export ckpt=best.ckpt output=cartoon.safetensors format=safetensors licence='CC BY 4.0'
    python -m src.export ckpt=best.ckpt output=cartoon.html format=web
"""

from dataclasses import dataclass
from pathlib import Path

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded

# deployment is imported late: it brings torch, which wrong use need not wait for.

OPTIONS = CONF / "export.yaml"
SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2", "safetensors": ".safetensors", "web": ".html"}


@dataclass
class Options:
    """The types of the keys in conf/export.yaml, which explains them."""

    ckpt: str
    output: str
    format: str
    runtime: str
    licence: str | None
    half: bool
    overwrite: bool


def main(arguments: list[str]) -> None:
    """Write the file, and print how far it differs from PyTorch. Raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return
    options = parse_options(Options, OPTIONS, arguments, dict.fromkeys(("half", "overwrite"), "true or false"))
    output = _checked(options)

    from portrait_cartoons.deployment.contract import LICENCE
    from portrait_cartoons.deployment.reading import load
    from portrait_cartoons.deployment.writing import beside, export

    if not options.overwrite and (there := [file for file in (output, *beside(output)) if file.exists()]):
        raise OptionError(f"output={output}: {there[0]} is there already; choose another name, or overwrite=true")
    trained = load(expanded(options.ckpt))
    print(f"exporting {trained.model}, and comparing it with PyTorch", flush=True)
    try:
        licence, runtime = options.licence or LICENCE, expanded(options.runtime)
        differences = export(trained, options.format, output, licence, options.half, runtime)
    except OSError as error:
        raise UserError(f"output={output} cannot be written ({error.strerror}); choose another place") from error
    print("largest difference from PyTorch, of a range of 2:")
    print("\n".join(f"  {size:<20} {difference:.1e}" for size, difference in differences.items()))
    print(f"{output} has {output.stat().st_size / 1e6:.1f} MB; how to use it is in {beside(output)[1]}")


def _checked(options: Options) -> Path:
    """The file to write. Raises OptionError for values that make no sense."""
    if options.format not in SUFFIXES:
        raise OptionError(f"format={options.format}: it must be one of {', '.join(SUFFIXES)}")
    if options.half and options.format != "safetensors":
        raise OptionError(f"half=true is for format=safetensors; leave it out for format={options.format}")
    if not expanded(options.ckpt).exists():
        raise OptionError(f"ckpt={options.ckpt}: there is no such file or folder; check the path")
    if Path(options.ckpt).suffix.lower() == SUFFIXES["onnx"]:
        raise OptionError(f"ckpt={options.ckpt} is an export already; name the checkpoint it was made of")
    output, suffix = expanded(options.output), SUFFIXES[options.format]
    if output.suffix != suffix or output.is_dir():
        raise OptionError(f"output={output} must be a file that ends in {suffix} for format={options.format}")
    if not output.parent.is_dir():
        raise OptionError(f"output={output}: there is no folder {output.parent}; make it, or name another")
    return output
