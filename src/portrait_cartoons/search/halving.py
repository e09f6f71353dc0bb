"""`early_terminate`: whether a run is worth going on with, after what the others reached."""

import math
from collections.abc import Sequence

from portrait_cartoons.search.file import EarlyTerminate


def hopeless(rule: EarlyTerminate, ours: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether the run has reached a band and is not among the best 1/eta of those that did, itself included.

    Each sequence holds a run's values in their order, where smaller is better. With `strict` every band counts that
    the run has passed, otherwise the last.
    """
    passed = [band for band in rule.bands if band <= len(ours)]
    for band in passed if rule.strict else passed[-1:]:
        reached = sorted(min(values[:band]) for values in (ours, *others) if len(values) >= band)
        if min(ours[:band]) > reached[math.ceil(len(reached) / rule.eta) - 1]:
            return True
    return False
