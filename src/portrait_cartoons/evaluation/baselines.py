"""What draws without training, to be measured beside the systems."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Baseline:
    """A name for its row; what draws, N x 3 x H x W in [-1, 1] in and out; and by heading how it does.

    `slow` where it shows its own progress with each picture.
    """

    name: str
    draw: Callable[[Tensor], Tensor]
    facts: dict[str, str] = field(default_factory=dict)
    slow: bool = False
