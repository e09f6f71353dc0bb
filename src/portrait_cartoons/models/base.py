"""What all systems share: players that take turns, each with networks, an optimizer and named, weighted loss terms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import lightning
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim.swa_utils import AveragedModel

from portrait_cartoons.errors import UserError
from portrait_cartoons.models.augment import Augment, Kind
from portrait_cartoons.models.averaging import averaged
from portrait_cartoons.models.schedules import Phase, place


class DivergenceError(UserError):
    """A loss or gradient became NaN or infinite: the step was not taken, the weights are still those before it."""

    exit_code = 1


class Terms(dict[str, Tensor]):
    """The loss terms of one player in one update. Only terms the model declares can be set.

    `scores`, scalars by name, are logged beside them: what a discriminator thinks of the images it is shown.
    """

    def __init__(self, player: str, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.player, self.weights = player, weights
        self.scores: dict[str, Tensor] = {}

    def needs(self, term: str) -> bool:
        """Whether the term has a weight: one of weight 0 need not be computed."""
        return self.weights.get(term, 0) != 0

    def __setitem__(self, term: str, value: Tensor) -> None:
        if term not in self.weights:
            raise KeyError(f"player {self.player} has no loss term {term!r}, only {', '.join(self.weights)}")
        super().__setitem__(term, value)


class Translator(lightning.LightningModule):
    """Base of every system that turns a photo into a cartoon.

    A model declares the `terms` of its players, sets one attribute per player that holds its networks (`self.g`,
    `self.d`), names its photo -> cartoon network in `generator`, and writes its algorithm in `training_step`, one
    `with self.update(player)` per step of a player. A step returns as `output` what the generator drew from the photos
    of the batch, where it drew any. Images are N x 3 x H x W in [-1, 1].

    Args:
        weights: per player the weight of each of its terms.
        optimizers: per player what makes its optimizer of its parameters, at the player's learning rate.
        batch_size: photos per step, for whoever makes the data.
        epochs: the length of the last phase, or of the training where the model has one algorithm throughout.
        decay_share, gamma: how the learning rates fall in it, see `Phase`.
        phases: the arguments of `Phase` for each earlier one of the model's `phases`.
        clip: per player the largest norm of its gradient; players that are not named are not clipped.
        ema: the decay of a running average of the generator's weights, which is then what is measured, shown and used;
            0: there is none. A model whose networks are made calls `keep_average`.
        augment: how everything is changed that the discriminators see, see `Augment`.

    Raises:
        UserError: `ema` is not from 0 to below 1.
    """

    terms: ClassVar[Mapping[str, tuple[str, ...]]]
    inputs: ClassVar[tuple[str, ...]] = ("photo", "cartoon")  # what its batches must hold
    phases: ClassVar[tuple[str, ...]] = ()  # of training, in their order, where its algorithm changes with time

    def __init__(
        self,
        weights: Mapping[str, Mapping[str, float]],
        optimizers: Mapping[str, Callable[..., torch.optim.Optimizer]],
        batch_size: int,
        epochs: int,
        decay_share: float,
        gamma: float = 1.0,
        phases: Mapping[str, Mapping[str, Any]] | None = None,
        clip: Mapping[str, float] | None = None,
        ema: float = 0.0,
        augment: Sequence[Kind] = (),
    ) -> None:
        super().__init__()
        if not 0 <= ema < 1:
            raise UserError(f"model.ema={ema} must be from 0, which is off, to below 1: 0.999 is usual")
        self.automatic_optimization = False
        self.weights, self.makers, self.clip = weights, optimizers, clip or {}
        self.batch_size, self.ema = batch_size, ema
        self.average: AveragedModel | None = None
        self.augment = Augment(augment)
        *earlier, main = self.phases or ("",)
        self.plan = {name: Phase(**(phases or {})[name]) for name in earlier}
        self.plan[main] = Phase(epochs, decay_share, gamma)
        self.updating: Terms | None = None

    @property
    def generator(self) -> nn.Module:
        """The photo -> cartoon network that is trained."""
        raise NotImplementedError

    @property
    def deployed(self) -> nn.Module:
        """The photo -> cartoon network that is used: measured, shown and kept. With `ema` the average of the other."""
        return self.generator if self.average is None else self.average.module

    def keep_average(self) -> None:
        """Begin the average of the generator's weights, where there is to be one."""
        if self.ema:
            self.average = averaged(self.generator, self.ema)

    @property
    def phase(self) -> str:
        """Which of its `phases` the current epoch belongs to; empty where it has none."""
        return place(self.current_epoch, self.plan)[0]

    def forward(self, photo: Tensor) -> Tensor:
        return self.deployed(photo)

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Return at least `output`, the cartoon of each photo, for whoever measures or draws it."""
        return {"output": self(batch["photo"])}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.makers[player](getattr(self, player).parameters()) for player in self.terms]

    def on_train_epoch_start(self) -> None:
        name, epoch = place(self.current_epoch, self.plan)
        phase = self.plan[name]
        for player, optimizer in zip(self.terms, self.trainer.optimizers, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = phase.lr.get(player, optimizer.defaults["lr"]) * phase.factor(epoch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.augment.redraw()

    @contextmanager
    def update(self, player: str, only: str | None = None) -> Iterator[Terms]:
        """One optimizer step of `player` on the terms set inside the block; other players' parameters get no gradient.

        All its terms that have a weight must be set, and the step minimises their weighted sum; or `only` one of them,
        at its weight, or at 1 where that is 0. A constant factor means nothing to Adam, but a jump between two phases
        does: its second moments would belong to smaller gradients, and the first steps would be far too large.

        Before the backward pass the terms stand in `updating`, for callbacks. Values are looked at once, before the
        step, which is not taken if one is not finite.
        """
        optimizer = cast(list[LightningOptimizer], self.optimizers())[list(self.terms).index(player)]
        terms = Terms(player, {only: self.weights[player][only] or 1.0} if only else self.weights[player])
        self.toggle_optimizer(optimizer)
        yield terms
        if missing := [name for name in terms.weights if terms.needs(name) and name not in terms]:
            raise KeyError(f"player {player} was updated without its term {', '.join(missing)}")
        total = torch.stack([terms.weights[name] * value for name, value in terms.items()]).sum()
        optimizer.zero_grad()
        self.updating = terms
        self.manual_backward(total)
        self.updating = None
        parameters = list(getattr(self, player).parameters())
        grad_norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
        self._refuse_non_finite(player, {**terms, "total": total, "gradient norm": grad_norm})
        if player in self.clip:
            clip_grads_with_norm_(parameters, self.clip[player], grad_norm)
        optimizer.step()
        if self.average is not None and self.generator in getattr(self, player).modules():
            self.average.update_parameters(self.generator)
        self.untoggle_optimizer(optimizer)
        self.log_dict({f"train/{player}/{name}": value.detach() for name, value in terms.items()})
        self.log(f"train/{player}/total", total.detach(), prog_bar=True)
        self.log(f"train/grad_norm/{player}", grad_norm)
        self.log(f"train/lr/{player}", optimizer.param_groups[0]["lr"])
        self.log_dict({f"train/{player}_score/{name}": value.detach() for name, value in terms.scores.items()})
        if self.phases:
            self.log("train/phase", self.phases.index(self.phase))

    def _refuse_non_finite(self, player: str, values: Mapping[str, Tensor]) -> None:
        if torch.stack([value.detach().float() for value in values.values()]).isfinite().all():
            return
        name, value = next((n, v.item()) for n, v in values.items() if not v.isfinite())
        raise DivergenceError(
            f"train/{player}/{name} became {value} in epoch {self.current_epoch + 1}, so training stopped before that"
            f" step; try a lower model.optimizers.{player}.lr or set +model.clip.{player}=1"
        )
