"""How a training step is computed: its precision, whether networks are compiled, and how their memory is laid out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from portrait_cartoons.errors import UserError

Precision = Literal["32-true", "bf16-mixed"]
MemoryFormat = Literal["contiguous", "channels_last"]

AUTO = "auto"


@dataclass(frozen=True)
class Way:
    """The defaults are the plain way, which every device has and which is exact to the last bit on each of them."""

    precision: Precision = "32-true"
    compile: bool = False
    memory_format: MemoryFormat = "contiguous"

    def __str__(self) -> str:
        words = ["bf16" if self.precision == "bf16-mixed" else "float32", "compiled" if self.compile else "eager"]
        return ", ".join([*words, *([self.memory_format] if self.memory_format != "contiguous" else [])])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


PLAIN = Way()
KEYS = tuple(PLAIN.to_dict())


def settled(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a way that the options of a trainer name, without those that are `auto`."""
    return {key: options[key] for key in KEYS if options.get(key, AUTO) != AUTO}


def read(content: object) -> Way:
    """The way that `to_dict` described in a file. Raises ValueError for other contents."""
    if not isinstance(content, dict) or content.keys() != PLAIN.to_dict().keys():
        raise ValueError(f"it names none of {', '.join(KEYS)}, or not all of them")
    known: dict[str, tuple[object, ...]] = {
        "precision": get_args(Precision),
        "compile": (False, True),
        "memory_format": get_args(MemoryFormat),
    }
    for key, values in known.items():
        if content[key] not in values:
            raise ValueError(f"{key}={content[key]!r} is none of {', '.join(map(str, values))}")
    return Way(**content)


def restored(content: object, options: Mapping[str, Any]) -> Way:
    """The way in which a checkpoint's run computed its steps, but for what the options settle now.

    Raises UserError where the checkpoint does not say it in words that are known here.
    """
    fixed = settled(options)
    try:
        return Way(**fixed) if fixed.keys() == {*KEYS} else replace(read(content), **fixed)
    except ValueError as error:
        raise UserError(
            f"the checkpoint does not say how its steps were computed ({error}): add trainer=exact, or train anew"
        ) from error
