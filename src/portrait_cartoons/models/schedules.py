"""Phases and learning rates as pure functions of the epochs done, so that a resumed run needs no scheduler state."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Phase:
    """A part of the training, and how fast its players learn.

    Args:
        epochs: its length; a phase of 0 epochs is left out.
        decay_share: the share of its epochs, at their end, in which the learning rates fall linearly.
        gamma: by which the learning rates are multiplied after each of its epochs.
        lr: the learning rate of each player that has another one here than its optimizer says.
    """

    epochs: int
    decay_share: float = 0.0
    gamma: float = 1.0
    lr: Mapping[str, float] = field(default_factory=dict)

    def factor(self, epoch: int) -> float:
        """What the learning rates are multiplied by in the epoch that starts after `epoch` finished ones."""
        return flat_then_linear(epoch, self.epochs, self.decay_share) * self.gamma**epoch


def place(epoch: int, phases: Mapping[str, Phase]) -> tuple[str, int]:
    """The name of the phase that an epoch, counted from 0, belongs to, and how many epochs of it are done before.

    The last phase goes on for ever.
    """
    for name, phase in phases.items():
        if epoch < phase.epochs or name == list(phases)[-1]:
            return name, epoch
        epoch -= phase.epochs
    raise ValueError("a plan has at least one phase")


def flat_then_linear(epoch: int, epochs: int, decay_share: float) -> float:
    """Factor for the epoch that starts after `epoch` finished ones: 1, then falling linearly towards 0 over the last
    `decay_share` of `epochs` (Zhu et al. 2017, section 7.1).

    Of 100 decaying epochs the first trains at 1 - 1/101 and the last at 1/101: never at 0, unlike the reference
    implementation, which steps at the start of an epoch and wastes the last one.
    """
    decay = round(epochs * decay_share)
    return min(1.0, (epochs - epoch) / (decay + 1))
