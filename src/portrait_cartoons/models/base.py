"""What all systems share: players that take turns, each with networks, an optimizer and named, weighted loss terms."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import lightning
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, get_total_norm

from portrait_cartoons.errors import UserError
from portrait_cartoons.models.schedules import flat_then_linear


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
        return self.weights[term] != 0

    def __setitem__(self, term: str, value: Tensor) -> None:
        if term not in self.weights:
            raise KeyError(f"player {self.player} has no loss term {term!r}, only {', '.join(self.weights)}")
        super().__setitem__(term, value)


class Translator(lightning.LightningModule):
    """Base of every system that turns a photo into a cartoon.

    A model declares the `terms` of its players, sets one attribute per player that holds its networks (`self.g`,
    `self.d`), names its photo -> cartoon network in `generator`, and writes its algorithm in `training_step`, one
    `with self.update(player)` per step of a player. Images are N x 3 x H x W in [-1, 1].

    Args:
        weights: per player the weight of each of its terms.
        optimizers: per player the arguments of its Adam, and if wanted `clip`, the largest gradient norm, and `gamma`,
            by which the learning rate is multiplied after each epoch.
        epochs: the length of the learning-rate schedule.
        decay_share: the share of `epochs`, at the end, in which the learning rates fall linearly.
    """

    terms: ClassVar[Mapping[str, tuple[str, ...]]]
    inputs: ClassVar[tuple[str, ...]] = ("photo", "cartoon")  # what its batches must hold
    phases: ClassVar[tuple[str, ...]] = ()  # of training, in their order, where its algorithm changes with time

    def __init__(
        self,
        weights: Mapping[str, Mapping[str, float]],
        optimizers: Mapping[str, Mapping[str, Any]],
        epochs: int,
        decay_share: float,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weights = weights
        self.optimizer_options = optimizers
        self.epochs, self.decay_share = epochs, decay_share

    @property
    def generator(self) -> nn.Module:
        """The photo -> cartoon network."""
        raise NotImplementedError

    @property
    def phase(self) -> str:
        """Which of its `phases` the current epoch belongs to; empty where it has none."""
        return ""

    def forward(self, photo: Tensor) -> Tensor:
        return self.generator(photo)

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Return at least `output`, the cartoon of each photo, for whoever measures or draws it."""
        return {"output": self(batch["photo"])}

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [self._adam(player) for player in self.terms]

    def _adam(self, player: str) -> torch.optim.Optimizer:
        ours = ("clip", "gamma")
        options = {name: value for name, value in self.optimizer_options[player].items() if name not in ours}
        return torch.optim.Adam(getattr(self, player).parameters(), fused=True, **options)

    def on_train_epoch_start(self) -> None:
        linear = flat_then_linear(self.current_epoch, self.epochs, self.decay_share)
        for player, optimizer in zip(self.terms, self.trainer.optimizers, strict=True):
            options = self.optimizer_options[player]
            for group in optimizer.param_groups:
                group["lr"] = options["lr"] * linear * options.get("gamma", 1.0) ** self.current_epoch

    @contextmanager
    def update(self, player: str, *names: str) -> Iterator[Terms]:
        """One optimizer step of `player` on the terms set inside the block; other players' parameters get no gradient.

        `names` are the terms this update consists of, all of the player's if none are given. Terms with a weight
        must be set, and the step minimises their weighted sum. The optimizer is not moved by a non-finite value.
        """
        optimizer = cast(list[LightningOptimizer], self.optimizers())[list(self.terms).index(player)]
        terms = Terms(player, {name: self.weights[player][name] for name in names or self.terms[player]})
        self.toggle_optimizer(optimizer)
        yield terms
        if missing := [name for name in terms.weights if terms.needs(name) and name not in terms]:
            raise KeyError(f"player {player} was updated without its term {', '.join(missing)}")
        total = torch.stack([terms.weights[name] * value for name, value in terms.items()]).sum()
        self._refuse_non_finite(player, {**terms, "total": total})
        if self._balance_is_due():
            self._log_balance(terms)
        optimizer.zero_grad()
        self.manual_backward(total)
        clip = self.optimizer_options[player].get("clip") or torch.inf
        grad_norm = clip_grad_norm_(getattr(self, player).parameters(), clip)
        self._refuse_non_finite(player, {"gradient norm": grad_norm})
        optimizer.step()
        self.untoggle_optimizer(optimizer)
        self.log_dict({f"train/{player}/{name}": value.detach() for name, value in terms.items()})
        self.log(f"train/{player}/total", total.detach(), prog_bar=True)
        self.log(f"train/grad_norm/{player}", grad_norm)
        self.log(f"train/lr/{player}", optimizer.param_groups[0]["lr"])
        self.log_dict({f"train/{player}_score/{name}": value.detach() for name, value in terms.scores.items()})
        if self.phases:
            self.log("train/phase", self.phases.index(self.phase))

    def _balance_is_due(self) -> bool:
        """In every tenth step that is logged, from the first on, for it costs a backward pass per term."""
        trainer: Any = self.trainer
        every, batches = trainer.log_every_n_steps, trainer.fit_loop.epoch_loop._batches_that_stepped + 1
        return every > 0 and batches % (10 * every) == every

    def _log_balance(self, terms: Terms) -> None:
        # Straight to the loggers: with `log` the value would be repeated in the steps that do not measure it.
        ratios = {f"train/grad_ratio/{terms.player}/{name}": value for name, value in self.balance(terms).items()}
        for logger in self.loggers if ratios else ():
            logger.log_metrics(ratios, self.trainer.fit_loop.epoch_loop._batches_that_stepped)

    def balance(self, terms: Terms) -> dict[str, float]:
        """How hard each term pulls: the norm of its weighted gradient on the player over that of the first term.

        A content term whose ratio to the adversarial one is far above 1 leaves the output as the photo is.
        """
        parameters = list(getattr(self, terms.player).parameters())
        pulling = [name for name in terms.weights if terms.needs(name)]

        def norm(name: str) -> Tensor:
            pull = torch.autograd.grad(
                terms.weights[name] * terms[name], parameters, retain_graph=True, allow_unused=True
            )
            return get_total_norm([gradient for gradient in pull if gradient is not None])

        if len(pulling) < 2:
            return {}
        norms = {name: norm(name) for name in pulling}
        return {name: (norms[name] / norms[pulling[0]].clamp_min(1e-20)).item() for name in pulling[1:]}

    def _refuse_non_finite(self, player: str, values: Mapping[str, Tensor]) -> None:
        if torch.stack([value.detach().float() for value in values.values()]).isfinite().all():
            return
        name, value = next((n, v.item()) for n, v in values.items() if not v.isfinite())
        raise DivergenceError(
            f"train/{player}/{name} became {value} in epoch {self.current_epoch + 1}, so training stopped before that"
            f" step; try a lower model.optimizers.{player}.lr or set model.optimizers.{player}.clip"
        )
