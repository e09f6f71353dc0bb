"""Turn photos into cartoons, each of the size of its photo.

    python -m src.translate ckpt=<run folder or file> input=<photo or folder> output=<folder> [key=value ...]

A network draws well at the size it was trained on. So a larger photo is reduced to that size first, and its cartoon is
enlarged again; max_side sets another size. Photos whose cartoons are already there are skipped: start an interrupted
run again to finish it. A file that cannot be read is reported and left out. Exit code: 0 all done, 1 some photos
failed, 2 wrong use.

Examples:

    python -m src.translate ckpt=runs/cyclegan-toy/2026-01-31_12-00-00 input=photos output=cartoons
    python -m src.translate ckpt=best.ckpt input=me.jpg output=cartoons format=jpg max_side=1024
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.files import expanded, make_output

# image and inference are imported late: they bring torch, which wrong use need not wait for.

OPTIONS = CONF / "translate.yaml"
OUTPUT_FORMATS = ("png", "jpg", "webp")
_KINDS = {"max_side": "a whole number of pixels or null", "overwrite": "true or false"}


@dataclass
class Options:
    """The types of the keys in conf/translate.yaml, which explains them."""

    ckpt: str
    input: str
    output: str
    device: str
    max_side: int | None
    overwrite: bool
    format: str


def main(arguments: list[str]) -> int:
    """Run the command and give its exit code: 0 all done, 1 some photos failed. Wrong use raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return 0
    options = read_options(arguments)
    output = expanded(options.output)
    targets = plan(expanded(options.input), output, f".{options.format}")
    todo = {photo: target for photo, target in targets.items() if options.overwrite or not target.is_file()}
    make_output(output)
    failed = _translate(todo, options) if todo else 0
    counts = f"{len(todo) - failed} translated, {len(targets) - len(todo)} skipped (already there), {failed} failed"
    print(f"{counts}; the cartoons are in {output}")
    return 1 if failed else 0


def read_options(arguments: list[str]) -> Options:
    """The defaults overridden by `key=value` arguments. Values are taken as they are: no path needs quotes.

    Raises OptionError.
    """
    options = parse_options(Options, OPTIONS, arguments, _KINDS)
    _check(options)
    return options


def plan(source: Path, output: Path, suffix: str) -> dict[Path, Path]:
    """The cartoon's path of each photo: that of the photo below `source`, with another suffix.

    Photos that would share a cartoon, such as a.jpg and a.png, keep their own suffix before the new one: a.jpg.png.
    Raises UserError if there are no photos, or if the cartoons would mix with them.
    """
    from portrait_cartoons.image import list_images

    folder = source if source.is_dir() else source.parent
    photos = list_images(source) if source.is_dir() else [source]
    if not photos:
        raise OptionError(f"input={source} holds no images: name a folder with .jpg, .png or other picture files")
    if source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise OptionError(f"output={output} lies inside the input: choose a folder outside of {source}")
    names = _distinct_names([photo.relative_to(folder) for photo in photos], suffix)
    targets = {photo: output / name for photo, name in zip(photos, names, strict=True)}
    originals = {photo.resolve() for photo in photos}
    for target in targets.values():
        if target.resolve() in originals:
            raise OptionError(f"output={output} would overwrite the photo {target}: choose another folder")
    return targets


def _distinct_names(names: list[Path], suffix: str) -> list[Path]:
    """Each name with its suffix replaced, or extended where two would become one."""
    extended: set[Path] = set()
    while True:
        results = [name.with_suffix(name.suffix * (name in extended) + suffix) for name in names]
        # Names that differ in case alone are one file on some systems.
        counts = Counter(str(result).casefold() for result in results)
        clashing = {name for name, result in zip(names, results, strict=True) if counts[str(result).casefold()] > 1}
        if clashing <= extended:
            return results
        extended |= clashing


def _translate(todo: dict[Path, Path], options: Options) -> int:
    """Write the cartoons and give the number of photos that failed, each reported on stderr."""
    from portrait_cartoons.image import ImageError, load_rgb, save_image, unread
    from portrait_cartoons.inference import Cartoonizer, InferenceError
    from portrait_cartoons.progress import tracked

    cartoonizer = Cartoonizer.load(expanded(options.ckpt), options.device, options.max_side)
    if sentence := unread(expanded(options.input)):
        print(f"note: {sentence}")
    if options.max_side is None:
        size = cartoonizer.size
        print(f"larger photos are worked on at {size} pixels, the size the model was trained on (max_side= changes it)")
    failed = 0
    for photo in tracked(todo, len(todo), "translating"):
        try:
            cartoon = cartoonizer.translate(load_rgb(photo))
            todo[photo].parent.mkdir(parents=True, exist_ok=True)
            save_image(cartoon, todo[photo])
        except ImageError as error:
            reason = str(error)
        except (InferenceError, OSError) as error:
            reason = f"cannot translate {photo}: {error}"
        else:
            continue
        print(f"failed: {reason}", file=sys.stderr)
        failed += 1
    return failed


def _check(options: Options) -> None:
    """Raise OptionError for values of the right type that make no sense."""
    for key in ("ckpt", "input"):
        value = getattr(options, key)
        if not expanded(value).exists():
            raise OptionError(f"{key}={value}: there is no such file or folder; check the path")
    if options.max_side is not None and options.max_side < 1:
        raise OptionError(
            f"max_side={options.max_side}: it must be a number of pixels above 0, or null for the size of training"
        )
    if options.format not in OUTPUT_FORMATS:
        raise OptionError(f"format={options.format}: it must be one of {', '.join(OUTPUT_FORMATS)}")
