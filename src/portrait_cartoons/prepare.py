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
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from portrait_cartoons.cli.command import in_words_of_here
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.files import expanded, write
from portrait_cartoons.preparation import request
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
    request.check(options)
    if options.report is not None:
        return _report(expanded(options.report), options)
    inputs = request.input_folders(options)
    output = request.output_folder(options, inputs)
    made = settle(options, output, request.makes(options), request.maker(options))["made"]
    from portrait_cartoons.preparation.build import build
    from portrait_cartoons.preparation.products import Makers
    from portrait_cartoons.preparation.workers import pool

    paths = {make: by["path"] for make, by in made.items() if by}
    makers = Makers(options.size, options.crop, paths.get("cartoons"), paths.get("masks"))
    with pool(request.workers(options)) as processes:
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

    with pool(request.workers(options)) as processes:
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
