"""Make a data set of any folders of pictures: photos, drawings, whatever was downloaded.

    python -m src.prepare input=<folder> output=<folder> [key=value ...]
    python -m src.prepare report=<folder>

Every file is decoded with care, turned upright, converted to sRGB, cut to a square and resized; copies and near
duplicates are left out, across splits, too; a hash of each file's contents puts it into train, val or test, so that
adding files moves none. The output holds photo/train, photo/val and photo/test (or cartoon/...), sheets/, and
photo.csv: what became of each file and why. The input is never changed. An interrupted run goes on where it stopped.

make=cartoons: half of the training photos become cartoons instead, so that the two domains show different people, and
    the photos of val and test get their own cartoons as target/val and target/test. OpenCV draws them (bilateral
    filters, mean shift, difference of Gaussians), or a trained generator: by=<run folder or checkpoint>.
make=masks: who is person and who is not, in photo_mask and cartoon_mask, by OpenCV's GrabCut around the face, or by
    the U-Net of a SelfieGAN: by=<run folder or checkpoint>, or torchvision's DeepLabV3, 160 MB: by=deeplabv3.
make=outlines: |dilate - erode| of the pictures, in photo_outline and cartoon_outline.
make=smooth: cartoons with blurred edges, in cartoon_smooth. Training computes the same on the fly.

report=<folder> writes a page, <folder>/report.html or output=<file>, about any data set, prepared here or not: counts,
sizes, broken and suspicious files, duplicates, leakage between splits, both domains side by side.

Exit code: 0 done, 1 done but too many files cannot be read, 2 wrong use.

Examples:

    python -m src.prepare input=downloads output=data/portraits size=256 crop=face
    python -m src.prepare input=ffhq output=data/ffhq limit=10000
    python -m src.prepare input=photos output=data/portraits make=cartoons,masks
    python -m src.prepare input=drawings output=data/portraits domain=cartoon
"""

import io
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from portrait_cartoons.cli.command import in_words_of_here
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.files import expanded, write
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.settled import settle

if TYPE_CHECKING:
    from portrait_cartoons.preparation.manifest import Row

# preparation.build is imported late: it brings torch, which wrong use need not wait for.

OPTIONS = CONF / "prepare.yaml"
_KINDS = {
    "size": "a whole number of pixels",
    "min_side": "a whole number of pixels",
    "limit": "a whole number or null",
    "val": "a number from 0 to 1",
    "test": "a number from 0 to 1",
    "max_unreadable": "a number from 0 to 1",
    "near_duplicates": "true or false",
}
_CHOICES = {
    "domain": ("photo", "cartoon"),
    "crop": ("centre", "face", "pad"),
    "format": ("png", "jpg", "webp"),
    "splits": ("hash", "folders"),
    "people": ("file", "folder"),
}
_MAKES = ("cartoons", "masks", "outlines", "smooth")


def main(arguments: list[str]) -> int:
    """Run the command and give its exit code. Wrong use raises UserError."""
    if {"-h", "--help"} & set(arguments):
        print(
            f"{in_words_of_here(__doc__ or '')}\nKeys and their defaults:\n\n{OPTIONS.read_text(encoding='utf-8')}",
            end="",
        )
        return 0
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold bytes that are no text
    options = parse_options(Options, OPTIONS, arguments, _KINDS)
    _check(options)
    if options.report is not None:
        return _report(expanded(options.report), options)
    inputs = _inputs(options)
    output = _output(options, inputs)
    made = settle(options, output, _makes(options), _by(options))["made"]
    from portrait_cartoons.preparation.build import build
    from portrait_cartoons.preparation.products import Makers
    from portrait_cartoons.preparation.workers import pool

    paths = {make: by["path"] for make, by in made.items() if by}
    makers = Makers(options.size, options.crop, paths.get("cartoons"), paths.get("masks"))
    with pool(_workers(options)) as processes:
        try:
            rows = build(options, inputs, output, made, makers, processes)
        except OSError as error:
            raise OptionError(
                f"output={output} cannot be written to ({error.strerror}): make room or choose another folder"
            ) from error
    return _summary(rows, options, output)


def _report(folder: Path, options: Options) -> int:
    """Look at a data set and write the page about it."""
    if not folder.is_dir():
        raise OptionError(f"report={folder}: there is no such folder; check the path")
    target = expanded(options.output) if options.output else folder / "report.html"
    if target.is_dir():
        raise OptionError(f"output={target} is a folder: name the report's file, for example {target / 'report.html'}")
    from portrait_cartoons.preparation.page import page
    from portrait_cartoons.preparation.remarks import remarks
    from portrait_cartoons.preparation.report import examine_set
    from portrait_cartoons.preparation.workers import pool

    with pool(_workers(options)) as processes:
        report = examine_set(folder, processes)
    if not report.groups:
        raise OptionError(f"report={folder} holds no pictures: name the folder of a data set")
    try:
        write(target, page(report))
    except OSError as error:
        raise OptionError(f"{target} cannot be written ({error.strerror}): name another file with output=") from error
    for sentence, _ in remarks(report):
        print(sentence)
    print(f"the report is {target}")
    return 0


def _inputs(options: Options) -> list[Path]:
    """One folder, or several separated by commas. Raises OptionError for what is no folder."""
    if options.input is None:
        raise OptionError("input is missing: add input=<folder of pictures>; --help shows examples")
    whole = expanded(options.input)
    folders = [whole] if whole.exists() else [expanded(part) for part in options.input.split(",")]
    for folder in folders:
        if not folder.is_dir():
            raise OptionError(f"input={folder}: there is no such folder; check the path")
    return folders


def _output(options: Options, inputs: list[Path]) -> Path:
    """The folder, made if need be. Raises OptionError where it would mix with the input or cannot be written to."""
    if options.output is None:
        raise OptionError("output is missing: add output=<folder of the data set>; --help shows examples")
    output = expanded(options.output)
    for folder in inputs:
        if output.resolve().is_relative_to(folder.resolve()):
            raise OptionError(f"output={output} lies inside the input: choose a folder outside of {folder}")
        if folder.resolve().is_relative_to(output.resolve()):
            raise OptionError(f"input={folder} lies inside the output: choose another output than {output}")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"output={output} cannot be created ({error.strerror}): choose another folder") from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise OptionError(f"output={output} cannot be written to: choose another folder")
    return output


def _makes(options: Options) -> list[str]:
    """What `make` asks for. Raises OptionError."""
    makes = [make.strip() for make in options.make.split(",")] if options.make else []
    for make in makes:
        if make not in _MAKES:
            raise OptionError(f"make={options.make}: it must be some of {','.join(_MAKES)}")
    if "cartoons" in makes and options.domain == "cartoon":
        raise OptionError("make=cartoons needs photos: leave out domain=cartoon or make=cartoons")
    return makes


def _by(options: Options) -> dict[str, str] | None:
    """The checkpoint that makes cartoons or masks, its path and sha256. Raises UserError for one that cannot."""
    if options.by is None:
        return None
    makes = {"cartoons", "masks"} & set(_makes(options))
    if len(makes) != 1:
        raise OptionError("by= makes cartoons or masks: add make=cartoons or make=masks, in two commands for both")
    from portrait_cartoons.inference import Cartoonizer
    from portrait_cartoons.networks.weights import file_sha256
    from portrait_cartoons.preparation.networks import DEEPLAB, segmenter
    from portrait_cartoons.runs.checkpoint import find

    if options.by == DEEPLAB and makes == {"masks"}:
        segmenter(DEEPLAB)
        return {"path": DEEPLAB, "sha256": DEEPLAB}
    file = find(expanded(options.by))
    if makes == {"cartoons"}:
        Cartoonizer.load(file, "cpu")  # now, rather than in the midst of the work
    else:
        segmenter(str(file))
    return {"path": str(file), "sha256": file_sha256(file)}


def _workers(options: Options) -> int:
    if options.workers == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(options.workers)


def _summary(rows: "list[Row]", options: Options, output: Path) -> int:
    """Tell what was made, and give the exit code."""
    from portrait_cartoons.preparation.choose import unreadable
    from portrait_cartoons.preparation.splits import SPLITS

    splits = Counter(row.split for row in rows if row.file)
    print(f"{splits.total()} pictures: {', '.join(f'{splits[split]} {split}' for split in SPLITS)}")
    kinds = Counter("unreadable" if unreadable(row) else _kind(row.reason) for row in rows if not row.file)
    if kinds:
        print(f"left out: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}")
    print(f"what became of each of {len(rows)} files is in {output / f'{options.domain}.csv'}")
    for split in SPLITS:
        if not splits[split]:
            print(f"warning: no picture is in the {split} split; it needs more pictures or a larger share")
    if kinds["unreadable"] > options.max_unreadable * len(rows):
        print(
            f"error: {kinds['unreadable']} of {len(rows)} files cannot be read, more than"
            f" max_unreadable={options.max_unreadable} allows; the list names them: replace them or raise the limit",
            file=sys.stderr,
        )
        return 1
    if not splits:
        raise OptionError(f"input={options.input} holds no pictures: name a folder with .jpg, .png or other images")
    return 0


def _kind(reason: str) -> str:
    """Of pictures that are left out, for counting."""
    for beginning, kind in (
        ("the same file", "copies"),
        ("looks like", "near duplicates"),
        ("too small", "too small"),
        ("not in the sample", "beyond the limit"),
    ):
        if reason.startswith(beginning):
            return kind
    return "outside of the splits' folders"


def _check(options: Options) -> None:
    """Raise OptionError for values of the right type that make no sense."""
    for key, choices in _CHOICES.items():
        if getattr(options, key) not in choices:
            raise OptionError(f"{key}={getattr(options, key)}: it must be one of {', '.join(choices)}")
    for key in ("val", "test", "max_unreadable"):
        if not 0 <= getattr(options, key) <= 1:
            raise OptionError(f"{key}={getattr(options, key)}: it must be {_KINDS[key]}")
    if options.val + options.test >= 1:
        raise OptionError(f"val={options.val} and test={options.test} leave nothing for training: use smaller shares")
    if not 16 <= options.size <= 4096:
        raise OptionError(f"size={options.size}: it must be from 16 to 4096 pixels")
    if options.limit is not None and options.limit < 1:
        raise OptionError(f"limit={options.limit}: it must be 1 or more, or null for all pictures")
    if options.workers != "auto" and not options.workers.isdecimal():
        raise OptionError(f"workers={options.workers}: it must be auto or a number of processes, 0 for none")
