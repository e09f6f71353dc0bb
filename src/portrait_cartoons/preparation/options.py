"""What a data set is made of and how: the keys of conf/prepare.yaml, which explains them."""

from dataclasses import dataclass


@dataclass
class Options:
    """Their types."""

    input: str | None
    output: str | None
    domain: str
    size: int
    crop: str
    format: str
    splits: str
    people: str
    val: float
    test: float
    limit: int | None
    make: str | None
    by: str | None
    report: str | None
    download: str | None
    shards: bool
    min_side: int
    near_duplicates: bool
    max_unreadable: float
    workers: str
