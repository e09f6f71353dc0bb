"""Make a checkpoint of a generator that others trained and published.

    python -m src.convert from=<file> output=<file> licence=<terms>

Known are the generators of pytorch-CycleGAN-and-pix2pix (latest_net_G.pth), of CartoonGAN-Test-Pytorch-Torch
(Hayao_net_G_float.pth) and of animegan2-pytorch (face_paint_512_v2.pt). They are told apart by the names and shapes in
the file. src.translate, src.evaluate and src.export take the checkpoint like any other. The terms under which the
weights were published, and the hash of the file that they came in, are kept in it. No code in the file is run.

Example:

    python -m src.convert from=Hayao_net_G_float.pth output=hayao.ckpt licence='as its authors say on their page'
"""

from pathlib import Path
from typing import Any, cast

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.command import command
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, new_output

# runs.published is imported late: it brings torch, which wrong use need not wait for.

OPTIONS = CONF / "convert.yaml"


def main(arguments: list[str]) -> None:
    """Write the checkpoint, and print what it is. Raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return
    # `from` cannot be the name of a field, so that there is no class for these.
    options: dict[str, str] = parse_options(cast(Any, {}), OPTIONS, arguments, {})
    source, output = expanded(options["from"]), expanded(options["output"])
    _check(source, output)

    from portrait_cartoons.runs.published import convert

    try:
        published = convert(source, output, options["licence"])
    except OSError as error:
        raise UserError(f"output={output} cannot be written ({error.strerror}); choose another place") from error
    print(f"{source.name} is {published.layout}; licence: {options['licence']}")
    print(f"its checkpoint is {output}: {command('translate')} ckpt={output} input=<photos> output=<folder>")


def _check(source: Path, output: Path) -> None:
    """Raise OptionError for paths that make no sense."""
    if not source.is_file():
        raise OptionError(f"from={source}: there is no such file; check the path")
    if source.suffix in (".npy", ".npz"):
        raise OptionError(
            f"from={source}: named weights in NumPy's format are pickled objects, which could run any code; save them"
            " as a state dict with torch.save in a place where that does no harm, and name that file"
        )
    new_output(output, ".ckpt")
