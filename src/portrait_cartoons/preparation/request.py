"""What a command line asks of `src.prepare`, checked before any work begins."""

from pathlib import Path

from portrait_cartoons.cores import cores
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded, make_output
from portrait_cartoons.preparation import layout
from portrait_cartoons.preparation.options import Options

_CHOICES = {
    "domain": ("photo", "cartoon"),
    "crop": ("centre", "face", "pad"),
    "format": ("png", "jpg", "webp"),
    "splits": ("hash", "folders"),
    "people": ("file", "folder"),
}


class RequestError(UserError):
    """Options that make no sense, alone or together."""


def check(options: Options) -> None:
    """Raise RequestError for values of the right type that make no sense."""
    for key, choices in _CHOICES.items():
        if getattr(options, key) not in choices:
            raise RequestError(f"{key}={getattr(options, key)}: it must be one of {', '.join(choices)}")
    for key in ("val", "test", "max_unreadable"):
        if not 0 <= getattr(options, key) <= 1:
            raise RequestError(f"{key}={getattr(options, key)}: it must be a number from 0 to 1")
    if options.val + options.test >= 1:
        raise RequestError(f"val={options.val} and test={options.test} leave nothing for training: use smaller shares")
    if not 16 <= options.size <= 4096:
        raise RequestError(f"size={options.size}: it must be from 16 to 4096 pixels")
    if options.limit is not None and options.limit < 1:
        raise RequestError(f"limit={options.limit}: it must be 1 or more, or null for all pictures")
    if options.workers != "auto" and not options.workers.isdecimal():
        raise RequestError(f"workers={options.workers}: it must be auto or a number of processes, 0 for none")
    makes(options)


def input_folders(options: Options) -> list[Path]:
    """One folder, or several separated by commas. Raises RequestError for what is no folder."""
    if options.input is None:
        raise RequestError("input is missing: add input=<folder of pictures>; --help shows examples")
    whole = expanded(options.input)
    folders = [whole] if whole.exists() else [expanded(part) for part in options.input.split(",")]
    for folder in folders:
        if not folder.is_dir():
            raise RequestError(f"input={folder}: there is no such folder; check the path")
    return folders


def output_folder(options: Options, folders: list[Path]) -> Path:
    """The folder, made if need be. Raises UserError where it would mix with the input or cannot be written to."""
    if options.output is None:
        raise RequestError("output is missing: add output=<folder of the data set>; --help shows examples")
    output = expanded(options.output)
    for folder in folders:
        if output.resolve().is_relative_to(folder.resolve()):
            raise RequestError(f"output={output} lies inside the input: choose a folder outside of {folder}")
        if folder.resolve().is_relative_to(output.resolve()):
            raise RequestError(f"input={folder} lies inside the output: choose another output than {output}")
    make_output(output)
    return output


def report_file(options: Options) -> tuple[Path, Path]:
    """The folder to judge, and the file of the page about it. Raises RequestError."""
    folder = expanded(options.report or "")
    if not folder.is_dir():
        raise RequestError(f"report={folder}: there is no such folder; check the path")
    file = expanded(options.output) if options.output else folder / "report.html"
    if file.is_dir():
        raise RequestError(f"output={file} is a folder: name the report's file, for example {file / 'report.html'}")
    return folder, file


def makes(options: Options) -> list[str]:
    """What `make` asks for. Raises RequestError."""
    wanted = [make.strip() for make in options.make.split(",")] if options.make else []
    for make in wanted:
        if make not in layout.MAKES:
            raise RequestError(f"make={options.make}: it must be some of {','.join(layout.MAKES)}")
    for make in {"cartoons", "targets"} & {*wanted} if options.domain == "cartoon" else ():
        raise RequestError(f"make={make} needs photos: leave out domain=cartoon or make={make}")
    return wanted


def workers(options: Options) -> int:
    """How many processes work beside this one."""
    return cores() if options.workers == "auto" else int(options.workers)
