"""Make the page of a run, its index.html, anew.

python -m src.gallery <run folder>
"""

from pathlib import Path

from portrait_cartoons.errors import UserError


def main(arguments: list[str]) -> None:
    """Write the page and print where it is. Raises UserError for wrong use."""
    if {"-h", "--help"} & set(arguments):
        print(__doc__, end="")
        return
    if len(arguments) != 1:
        raise UserError("name one run folder: python -m src.gallery runs/cyclegan-toy/<time>")
    from portrait_cartoons.runs.page import write_gallery

    print(write_gallery(Path(arguments[0])))
