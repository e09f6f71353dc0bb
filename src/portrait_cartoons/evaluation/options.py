"""What `src.evaluate` can be told beside the data."""

from dataclasses import dataclass

from portrait_cartoons.errors import UserError
from portrait_cartoons.stylizing import StyleOptions


@dataclass
class Options(StyleOptions):
    """The types of the keys in conf/evaluate.yaml, which explains them."""

    ckpt: str | None
    baselines: str | None
    output: str | None
    split: str
    limit: int | None
    features: str
    weights: str | None
    fidelity: bool
    lpips: bool
    bootstrap: int
    seed: int
    device: str
    report: str | None


BASELINES = ("classical", "neural_style")


def names(baselines: str | None) -> list[str]:
    """Those of BASELINES that are asked for: one, or a list [a,b]. Raises UserError for others."""
    asked = [name.strip() for name in (baselines or "").removeprefix("[").removesuffix("]").split(",") if name.strip()]
    for name in asked:
        if name not in BASELINES:
            raise UserError(f"baselines={baselines}: {name} is none of {' and '.join(BASELINES)}")
    return list(dict.fromkeys(asked))
