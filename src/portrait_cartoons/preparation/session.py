"""The work of `src.prepare`, from the options to the lines that tell what was made."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portrait_cartoons.files import expanded, write
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.networks.weights import file_sha256
from portrait_cartoons.preparation import request
from portrait_cartoons.preparation.build import build
from portrait_cartoons.preparation.choose import unreadable
from portrait_cartoons.preparation.manifest import Row
from portrait_cartoons.preparation.networks import DEEPLAB, segmenter
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.pack import FOLDER as SHARDS
from portrait_cartoons.preparation.pack import pack
from portrait_cartoons.preparation.page import page
from portrait_cartoons.preparation.products import Makers
from portrait_cartoons.preparation.remarks import remarks
from portrait_cartoons.preparation.report import examine_set
from portrait_cartoons.preparation.settled import settle
from portrait_cartoons.preparation.sources import FORMAT_UNREAD
from portrait_cartoons.preparation.splits import SPLITS
from portrait_cartoons.preparation.workers import pool
from portrait_cartoons.runs.checkpoint import find
from portrait_cartoons.runs.lock import locked


def prepare(options: Options, inputs: list[Path], output: Path) -> int:
    """Make the data set and give the exit code: 0 done, 1 too many files cannot be read. Raises UserError."""
    maker = _maker(options)
    with _writing(output):
        lock = locked(output)
    with lock:  # of two at once each would remove what only the other one wants
        made = settle(options, output, request.makes(options), maker)["made"]
        paths = {make: by["path"] for make, by in made.items() if by}
        makers = Makers(options.size, options.crop, paths.get("cartoons"), paths.get("masks"))
        with _writing(output), pool(request.workers(options)) as processes:
            rows = build(options, inputs, output, made, makers, processes)
        code = _summary(rows, options, output)
        if options.shards:
            with _writing(output):
                count = pack(output)
            place = output / SHARDS
            print(f"{count} tar files are in {place}: train with data=shards data.source.path={place}")
        elif (output / SHARDS).exists():
            print(f"note: {output / SHARDS} is of an earlier run: renew it with shards=true")
    return code


def judge(folder: Path, file: Path, options: Options) -> int:
    """Look at a data set, write the page about it and give the exit code, 0. Raises UserError."""
    with pool(request.workers(options)) as processes:
        report = examine_set(folder, processes)
    if not report.groups:
        raise request.RequestError(f"report={folder} holds no pictures: name the folder of a data set")
    try:
        write(file, page(report))
    except OSError as error:
        raise request.RequestError(
            f"{file} cannot be written ({error.strerror}): name another file with output="
        ) from error
    for sentence, _ in remarks(report):
        print(sentence)
    print(f"the report is {file}")
    return 0


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise request.RequestError(
            f"output={output} cannot be written to ({error.strerror}): make room or choose another folder"
        ) from error


def _maker(options: Options) -> dict[str, str] | None:
    """The checkpoint that makes cartoons or masks, its path and sha256. Raises UserError for one that cannot."""
    if options.by is None:
        return None
    wanted = {"cartoons", "masks"} & set(request.makes(options))
    if len(wanted) != 1:
        raise request.RequestError(
            "by= makes cartoons or masks: add make=cartoons or make=masks, in two commands for both"
        )
    if options.by == DEEPLAB and wanted == {"masks"}:
        segmenter(DEEPLAB)
        return {"path": DEEPLAB, "sha256": DEEPLAB}
    file = find(expanded(options.by))
    if wanted == {"cartoons"}:
        Cartoonizer.load(file, "cpu")  # now, rather than in the midst of the work
    else:
        segmenter(str(file))
    return {"path": str(file), "sha256": file_sha256(file)}


def _summary(rows: list[Row], options: Options, output: Path) -> int:
    """Tell what was made, and give the exit code."""
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
        raise request.RequestError(
            f"input={options.input} holds no pictures: name a folder with .jpg, .png or other images"
        )
    return 0


def _kind(reason: str) -> str:
    """Of pictures that are left out, for counting."""
    for beginning, kind in (
        ("the same file", "copies"),
        ("looks like", "near duplicates"),
        ("too small", "too small"),
        ("not in the sample", "beyond the limit"),
        (FORMAT_UNREAD, "of formats not read here"),
    ):
        if reason.startswith(beginning):
            return kind
    return "outside of the splits' folders"
