"""Turn photos into cartoons, each of the size of its photo.

    python -m src.translate input=<photo, folder or pattern> output=<folder or file> [style=<name>] [key=value ...]

It draws in a style that comes with the program, or with a network that you trained: ckpt=<run folder or file>. With
style_picture=<file> it takes the style of any picture, without training (neural style, Gatys et al. 2016): that takes a
minute or more for each photo.

A network draws well at the size it was trained on. So a larger photo is reduced to that size first, and its cartoon is
enlarged again; max_side sets another size. Photos whose cartoons are already there are skipped: start an interrupted
run again to finish it. A file that cannot be read is reported and left out. Exit code: 0 all done, 1 some photos
failed, 2 wrong use.

Examples:

    python -m src.translate input=me.jpg output=cartoon.png
    python -m src.translate ckpt=runs/cyclegan-toy/2026-01-31_12-00-00 input=photos output=cartoons
    python -m src.translate ckpt=best.ckpt input=me.jpg output=cartoons format=jpg max_side=1024
    python -m src.translate style_picture=painting.jpg input=me.jpg output=cartoon.png
"""

import glob
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portrait_cartoons import styles
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import needing
from portrait_cartoons.files import expanded, make_output
from portrait_cartoons.stylizing import KINDS, StyleOptions, check_style, neural_style, style_picture

if TYPE_CHECKING:
    import numpy as np

    from portrait_cartoons.inference import Cartoonizer
    from portrait_cartoons.preparation.networks import Segmenter

# What works on pictures is imported late: it brings torch, which wrong use need not wait for.

OPTIONS = CONF / "translate.yaml"
OUTPUT_FORMATS = ("png", "jpg", "webp")
VIDEOS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
PRECISIONS = ("auto", "float32", "bfloat16")
BACKGROUNDS = ("keep", "white", "blur", "original")
_KINDS = {
    "max_side": "a whole number of pixels or null",
    **dict.fromkeys(("overwrite", "side_by_side", "preserve_color"), "true or false"),
    **dict.fromkeys(("batch_size", "threads"), "a whole number"),
    "smooth": "a number from 0 to 1",
    **KINDS,
}
_STYLE_SIZE = 256  # pixels at which neural style works where no other size is asked for


@dataclass
class Options(StyleOptions):
    """The types of the keys in conf/translate.yaml, which explains them."""

    ckpt: str | None
    input: str
    output: str
    style: str | None
    device: str
    precision: str
    max_side: int | None
    overwrite: bool
    format: str
    side_by_side: bool
    preserve_color: bool
    background: str
    mask: str | None
    batch_size: int
    threads: int
    smooth: float


def main(arguments: list[str]) -> int:
    """Run the command and give its exit code: 0 all done, 1 some photos failed. Wrong use raises UserError."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return 0
    options = read_options(arguments)
    output = expanded(options.output)
    if expanded(options.input).suffix.lower() in VIDEOS:
        _translate_video(expanded(options.input), output, options)
        return 0

    from portrait_cartoons.translation.places import names_a_file, plan

    targets = plan(expanded(options.input), output, f".{options.format}")
    todo = {photo: target for photo, target in targets.items() if options.overwrite or not target.is_file()}
    make_output(output.parent if names_a_file(output) else output)
    failed = _translate(todo, options) if todo else 0
    counts = f"{len(todo) - failed} translated, {len(targets) - len(todo)} skipped (already there), {failed} failed"
    print(f"{counts}; the {f'cartoon is {output}' if names_a_file(output) else f'cartoons are in {output}'}")
    return 1 if failed else 0


def read_options(arguments: list[str]) -> Options:
    """The defaults overridden by `key=value` arguments. Values are taken as they are: no path needs quotes.

    Raises OptionError.
    """
    options = parse_options(Options, OPTIONS, arguments, _KINDS)
    _check(options)
    return options


def _translate(todo: dict[Path, Path], options: Options) -> int:
    """Write the cartoons and give the number of photos that failed, each reported on stderr."""
    from portrait_cartoons.image import unread
    from portrait_cartoons.progress import tracked
    from portrait_cartoons.translation.finish import finisher
    from portrait_cartoons.translation.work import translated

    cartoonizer = _cartoonizer(options)
    finish = finisher(options.background, _segmenter(options), options.preserve_color, options.side_by_side)
    if sentence := unread(expanded(options.input)):
        print(f"note: {sentence}")
    if options.style_picture:
        print(f"each photo is optimised for {options.style_steps} steps (style_steps= changes it)")
    if options.max_side is None:
        size, known = cartoonizer.size, "" if options.style_picture else ", the size the model was trained on"
        print(f"larger photos are worked on at {size} pixels{known} (max_side= changes it)")
    done = translated(todo, cartoonizer.translate_batch, finish, options.batch_size, options.threads)
    failed = 0
    for _, problem in tracked(done, len(todo), "translating", shown=not options.style_picture):
        if problem:
            print(f"failed: {problem}", file=sys.stderr)
            failed += 1
    return failed


def _cartoonizer(options: Options) -> "Cartoonizer":
    """What draws. Raises UserError where it cannot be had."""
    from portrait_cartoons.devices import device
    from portrait_cartoons.inference import Cartoonizer

    if not options.style_picture:
        return Cartoonizer.load(expanded(_network(options)), options.device, options.max_side, options.precision)
    drawer = neural_style(options, style_picture(options.style_picture, options.max_side or _STYLE_SIZE))
    return Cartoonizer(drawer.to(device(options.device)), _STYLE_SIZE, options.max_side)


def _network(options: Options) -> str:
    """The file or run folder of the network that draws."""
    return options.ckpt or str(styles.file(options.style or styles.DEFAULT))


def _translate_video(source: Path, output: Path, options: Options) -> None:
    """Write the cartoon of a video, and print how restless it is."""
    with needing("video", "reading videos"):
        from portrait_cartoons.translation import video
    from portrait_cartoons.progress import tracked
    from portrait_cartoons.translation.finish import finisher

    target = output if output.suffix.lower() == ".mp4" and not output.is_dir() else output / f"{source.stem}.mp4"
    if target.exists() and target.samefile(source):
        raise OptionError(f"output={output} would overwrite the video {source}: choose another folder")
    make_output(target.parent)
    if target.exists() and not options.overwrite:
        print(f"{target} is there already (overwrite=true translates it again)")
        return
    cartoonizer = _cartoonizer(options)
    finish = finisher(options.background, _segmenter(options), options.preserve_color, options.side_by_side)
    smooth = video.Smoothing(options.smooth)

    def draw(photo: "np.ndarray") -> "np.ndarray":
        return finish(photo, cartoonizer.translate(photo))

    for _ in tracked(video.translate(source, target, draw, smooth), video.frames(source), "translating"):
        pass
    raw, written = smooth.measured()
    print(
        f"{target} is written; flicker beyond the video's own change: {written:.2f} of 255, without smooth= {raw:.2f}"
    )


def _segmenter(options: Options) -> "Segmenter | None":
    """What finds the person in a photo, where a background is asked for."""
    if options.background == "keep":
        return None
    from portrait_cartoons.preparation.networks import DEEPLAB, segmenter
    from portrait_cartoons.runs.checkpoint import CheckpointError

    source = options.mask or _network(options)
    try:
        return segmenter(source if source == DEEPLAB else str(expanded(source)))
    except CheckpointError as error:
        key = "mask" if options.mask else "ckpt" if options.ckpt else "style"
        raise OptionError(
            f"background={options.background} needs a U-Net that finds the person, and {key}={source} has none; name a"
            " checkpoint of selfiegan with mask=<file>, or use mask=deeplabv3"
        ) from error


def _check(options: Options) -> None:
    """Raise OptionError for values of the right type that make no sense."""
    drawers = {key: value for key in ("style", "ckpt", "style_picture") if (value := getattr(options, key))}
    if len(drawers) > 1:
        told = " and ".join(f"{key}={value}" for key, value in drawers.items())
        raise OptionError(f"{told} both name what draws: leave one of them out")
    check_style(options)
    for key, value in (("ckpt", _network(options)), ("input", options.input)):
        if not expanded(value).exists() and not (key == "input" and glob.has_magic(value)):
            raise OptionError(f"{key}={value}: there is no such file or folder; check the path")
    if options.max_side is not None and options.max_side < 1:
        raise OptionError(
            f"max_side={options.max_side}: it must be a number of pixels above 0, or null for the size of training"
        )
    for key in ("batch_size", "threads"):
        if not 0 < getattr(options, key) <= 256:
            raise OptionError(f"{key}={getattr(options, key)}: it must be a whole number from 1 to 256")
    for key, choices in (("format", OUTPUT_FORMATS), ("background", BACKGROUNDS), ("precision", PRECISIONS)):
        if getattr(options, key) not in choices:
            raise OptionError(f"{key}={getattr(options, key)}: it must be one of {', '.join(choices)}")
    if not 0 <= options.smooth < 1:
        raise OptionError(f"smooth={options.smooth}: it must be a number from 0 to below 1")
    if options.side_by_side and expanded(options.input).suffix.lower() in VIDEOS:
        raise OptionError("side_by_side=true is for photos: leave it out for a video")
    if options.style_picture and expanded(options.input).suffix.lower() in VIDEOS:
        raise OptionError("style_picture= is for photos: each frame of a video would take minutes; use style= or ckpt=")
    if options.style_picture and options.background != "keep" and not options.mask:
        raise OptionError(f"background={options.background} with style_picture= needs mask=<checkpoint> or deeplabv3")
    if options.mask and options.background == "keep":
        raise OptionError(
            f"mask={options.mask} finds the person for another background: add background=white, blur or original"
        )
