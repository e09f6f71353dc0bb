"""Make the page of a run, its index.html, anew.

python -m src.gallery <run folder>
"""

from portrait_cartoons.cli.command import command, in_words_of_here
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded
from portrait_cartoons.runs.names import CONFIG, PAGE


def main(arguments: list[str]) -> None:
    """Write the page and print where it is. Raises UserError for wrong use."""
    if {"-h", "--help"} & set(arguments):
        print(in_words_of_here(__doc__ or ""), end="")
        return
    if len(arguments) != 1:
        raise UserError(f"name one run folder: {command('gallery')} runs/cyclegan-toy/<time>")
    folder = expanded(arguments[0])
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: name a run folder, such as runs/cyclegan-toy/<time>")
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"{folder} is not a run folder, because it has no {CONFIG}: name one, such as runs/cyclegan-toy/<time>"
        )
    from portrait_cartoons.runs.page import write_gallery

    try:
        print(write_gallery(folder))
    except OSError as error:
        page = folder / PAGE
        raise UserError(f"cannot write {page}: {error.strerror}; make room or mend the folder's rights") from error
