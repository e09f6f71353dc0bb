"""Learning-rate factors as pure functions of the epochs done, so that a resumed run needs no scheduler state."""


def flat_then_linear(epoch: int, epochs: int, decay_share: float) -> float:
    """Factor for the epoch that starts after `epoch` finished ones: 1, then falling linearly towards 0 over the last
    `decay_share` of `epochs` (Zhu et al. 2017, section 7.1).

    Of 100 decaying epochs the first trains at 1 - 1/101 and the last at 1/101: never at 0, unlike the reference
    implementation, which steps at the start of an epoch and wastes the last one.
    """
    decay = round(epochs * decay_share)
    return min(1.0, (epochs - epoch) / (decay + 1))
