"""What `src.evaluate` can be told beside the data."""

from dataclasses import dataclass


@dataclass
class Options:
    """The types of the keys in conf/evaluate.yaml, which explains them."""

    ckpt: str | None
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
