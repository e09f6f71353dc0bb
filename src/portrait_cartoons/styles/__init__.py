"""Generators that come with the package: one safetensors file each, described in README.md beside them."""

from pathlib import Path

from portrait_cartoons.errors import UserError

FOLDER = Path(__file__).parent
DEFAULT = "classical"


def names() -> list[str]:
    """All styles, in the order of the alphabet."""
    return sorted(file.stem for file in FOLDER.glob("*.safetensors"))


def file(style: str) -> Path:
    """The file of a style. Raises UserError where there is none of this name."""
    if style not in names():
        raise UserError(f"style={style}: it must be one of {', '.join(names())}")
    return FOLDER / f"{style}.safetensors"
