"""Train GANs that turn portraits into cartoons, and use them: `from portrait_cartoons import Cartoonizer`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portrait_cartoons.inference import Cartoonizer

__all__ = ["Cartoonizer"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: it brings torch, which no command's help or mistake should wait for.
    if name in __all__:
        from portrait_cartoons.inference import Cartoonizer

        return Cartoonizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
