"""A generator that others trained: it translates and is evaluated like any system, but nothing is here to train it."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from portrait_cartoons.errors import UserError
from portrait_cartoons.models.base import Translator


class PublishedGenerator(Translator):
    """`generator` makes the network; `training` is as in the base.

    Raises:
        UserError: it is to be trained.
    """

    terms = {}  # noqa: RUF012

    def __init__(self, generator: Callable[[], nn.Module], **training: Any) -> None:
        super().__init__(**training)
        self.g = generator()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        raise UserError("a published generator comes without the networks that trained it; train a model of conf/model")
