"""A page on this machine to try trained models on: choose one, drop a photo, compare, save.

    python -m src.app [models=<folder, run folder or file>] [key=value ...]

The page is served at this machine's own address alone, and takes the camera's pictures as well as files. It reads no
file but the models named here and the photos dropped on it, which it deletes when it ends. Ctrl-C ends it. It needs
pip install 'portrait-cartoons[app]'.

Examples:

    python -m src.app
    python -m src.app models=runs
    python -m src.app models=exports port=8000 max_side=1024
"""

from dataclasses import dataclass

from portrait_cartoons import styles
from portrait_cartoons.cli import usage
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.cli.options import OptionError, parse_options
from portrait_cartoons.errors import needing
from portrait_cartoons.files import expanded

# demo is imported late: it brings torch and Gradio, which wrong use need not wait for.

OPTIONS = CONF / "app.yaml"
_NUMBERS = ("max_side", "port", "max_megabytes", "max_megapixels", "queue")


@dataclass
class Options:
    """The types of the keys in conf/app.yaml, which explains them."""

    models: str | None
    device: str
    max_side: int | None
    port: int
    max_megabytes: int
    max_megapixels: int
    queue: int


def main(arguments: list[str]) -> None:
    """Serve the page until Ctrl-C. Raises UserError for wrong use."""
    if usage.asked(arguments):
        print(usage.page_of_keys(__doc__ or "", OPTIONS), end="")
        return
    options = parse_options(Options, OPTIONS, arguments, dict.fromkeys(_NUMBERS, "a whole number"))
    for key in _NUMBERS:
        value = getattr(options, key)
        if value is not None and not 0 < value < 65536:
            raise OptionError(f"{key}={value}: it must be a whole number from 1 to 65535")
    models = expanded(options.models) if options.models else styles.FOLDER
    if not models.exists():
        raise OptionError(f"models={models}: there is no such file or folder; check the path")
    with needing("app", "the page"):
        from portrait_cartoons.demo.page import serve
    from portrait_cartoons.demo.models import Models

    chosen = Models(models, options.device, options.max_side, newest_first=models != styles.FOLDER)
    serve(chosen, options.port, options.max_megabytes, options.max_megapixels * 1_000_000, options.queue)
