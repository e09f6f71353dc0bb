"""A sweep file of W&B as plain, bounded data: which runs it means. It may come from another person."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.plain_yaml import plain_yaml

Value = StrictBool | StrictInt | StrictFloat | StrictStr | None
Number = StrictInt | StrictFloat

MOST_RUNS = 10_000


class SweepError(UserError):
    """A sweep file that cannot be run here; the sentence names it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Metric(_Strict):
    """What a search optimises, by the name it is logged under."""

    name: str
    goal: Literal["minimize", "maximize"] = "minimize"


class Parameter(_Strict):
    """One value, a list of values, or a range with a distribution; as in W&B the default is uniform."""

    value: Value = None
    values: Annotated[list[Value] | None, Field(min_length=1, max_length=1000)] = None
    min: Number | None = None
    max: Number | None = None
    distribution: Literal["constant", "categorical", "int_uniform", "uniform", "log_uniform_values"] | None = None

    def model_post_init(self, _: Any) -> None:
        """Raise ValueError for what is none of the three, or more than one."""
        ranged = self.min is not None or self.max is not None
        if ("value" in self.model_fields_set) + (self.values is not None) + ranged != 1:
            raise ValueError("give it value, values, or min and max")
        if ranged and (self.min is None or self.max is None or not self.min < self.max):
            raise ValueError("min must be below max")
        if self.distribution == "log_uniform_values" and not (self.min or 0) > 0:
            raise ValueError("a logarithmic range begins above 0")

    @property
    def choices(self) -> list[Value]:
        """The values it can have; none for a range."""
        if self.min is not None:
            return []
        return [self.value] if self.values is None else self.values

    @property
    def ends(self) -> tuple[float, float]:
        """Of a range."""
        return self.min or 0, self.max or 0

    @property
    def whole(self) -> bool:
        """Whether a range holds whole numbers, as W&B decides it."""
        bounds = isinstance(self.min, int) and isinstance(self.max, int)
        return self.distribution == "int_uniform" or (self.distribution is None and bounds)


class EarlyTerminate(_Strict):
    """Successive halving: whoever is not among the best 1/eta of the runs at a band ends there.

    Bands are numbers of validations: min_iter, min_iter eta, min_iter eta^2 ..., or max_iter/eta^s ... max_iter/eta.
    """

    type: Literal["hyperband"]
    min_iter: Annotated[int, Field(ge=1)] | None = None
    max_iter: Annotated[int, Field(ge=1)] | None = None
    s: Annotated[int, Field(ge=1, le=50)] = 10
    eta: Annotated[float, Field(gt=1)] = 3
    strict: bool = False

    def model_post_init(self, _: Any) -> None:
        """Raise ValueError where there is no band."""
        if (self.min_iter is None) == (self.max_iter is None):
            raise ValueError("give it min_iter or max_iter")

    @property
    def bands(self) -> list[int]:
        """In rising order."""
        if self.min_iter is not None:
            return sorted({int(self.min_iter * self.eta**k) for k in range(self.s)})
        return sorted({int((self.max_iter or 0) / self.eta**k) for k in range(1, self.s + 1)} - {0})


class Sweep(_Strict):
    """The keys of W&B's file that mean something without W&B, and those that only name things there."""

    method: Literal["grid", "random", "bayes"]
    parameters: Annotated[dict[str, Parameter], Field(min_length=1, max_length=100)]
    command: list[str] = []
    metric: Metric | None = None
    run_cap: Annotated[int, Field(ge=1, le=MOST_RUNS)] | None = None
    early_terminate: EarlyTerminate | None = None
    program: str | None = None
    project: str | None = None
    entity: str | None = None
    name: str | None = None
    description: str | None = None

    def model_post_init(self, _: Any) -> None:
        """Raise ValueError for keys that do not go together."""
        ranges = [name for name, parameter in self.parameters.items() if not parameter.choices]
        if self.method == "grid" and ranges:
            raise ValueError(f"a grid needs values of {ranges[0]}, not a range")
        if self.method == "grid" and self.combinations > MOST_RUNS:
            raise ValueError(f"the grid has more than {MOST_RUNS:,} runs")
        if self.metric is None and (self.method == "bayes" or self.early_terminate):
            raise ValueError("method bayes and early_terminate need a metric")

    @property
    def combinations(self) -> int:
        """How many runs a grid has."""
        return math.prod(len(parameter.choices) for parameter in self.parameters.values())

    @property
    def fixed(self) -> list[str]:
        """The overrides that all runs share: those of the command, without the ones for W&B. Raises ValueError."""
        words = [word for word in self.command if not word.startswith("${")]
        if words[:2] == ["-m", "src.train"]:
            words = words[2:]
        elif words or self.program not in (None, "src/train.py"):
            raise ValueError("its command must be -m src.train, the program that is run here")
        if strange := [word for word in words if "=" not in word]:
            raise ValueError(f"the word {strange[0]!r} of its command is not key=value")
        return [word for word in words if word != "logger=wandb"]


@dataclass(frozen=True)
class Search:
    """A file that was read: its sweep, and how many runs it has."""

    file: Path
    sweep: Sweep
    runs: int


def read(file: Path, runs: int | None) -> Search:
    """The search that a file describes, of `runs` runs where that is given. Raises SweepError."""
    if not file.is_file():
        raise SweepError(f"there is no sweep file {file}: name one, for example sweeps/selfiegan_grid.yaml")
    try:
        content = plain_yaml(file)
        if not isinstance(content, Mapping):
            raise ValueError("it holds no keys")
        sweep = Sweep.model_validate(content)
        sweep.fixed  # noqa: B018 - it may raise
    except ValidationError as error:
        last = error.errors()[-1]  # of a value that fits none of several types, what the last of them says
        place = ".".join(str(part) for part in last["loc"] if part not in ("bool", "int", "float", "str"))
        sentence = last["msg"].removeprefix("Value error, ")
        raise _refused(file, f"{place}: {sentence}" if place else sentence) from error
    except ValueError as error:
        raise _refused(file, str(error)) from error
    if sweep.method == "grid":
        return Search(file, sweep, min(runs or sweep.run_cap or sweep.combinations, sweep.combinations))
    if not (wanted := runs or sweep.run_cap):
        raise SweepError(f"{file} has no end: add run_cap to it, or runs=<number> to the command")
    return Search(file, sweep, wanted)


def _refused(file: Path, reason: str) -> SweepError:
    return SweepError(f"{file} is not a sweep that can be run here ({' '.join(reason.split())[:200]}); mend that place")
