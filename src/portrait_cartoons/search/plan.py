"""Which values a run of a search gets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from portrait_cartoons.cli.config import literal
from portrait_cartoons.search.file import Parameter, Sweep, SweepError
from portrait_cartoons.search.record import Record

Values = dict[str, Any]


def planned(sweep: Sweep, number: int, records: Mapping[int, Record]) -> Values:
    """The values of the run with this number, from 1 on: of a grid and of random ones a function of the number alone.

    Raises SweepError where `bayes` lacks Optuna.
    """
    match sweep.method:
        case "grid":
            return _cell(sweep.parameters, number - 1)
        case "random":
            generator = np.random.default_rng(number)
            return {name: _drawn(parameter, generator) for name, parameter in sweep.parameters.items()}
        case "bayes":
            return _asked(sweep, number, list(records.values()))


def overrides(values: Values) -> list[str]:
    """The values of a run as arguments of src.train."""
    return [literal(f"{key}={'null' if value is None else value}") for key, value in values.items()]


def extremes(sweep: Sweep) -> list[Values]:
    """Values that between them hold each choice and both ends of each range: the first of all, and each other one once
    beside the first of the others.
    """
    ends = {name: parameter.choices or list(parameter.ends) for name, parameter in sweep.parameters.items()}
    first = {name: values[0] for name, values in ends.items()}
    return [first, *({**first, name: value} for name, values in ends.items() for value in values[1:])]


def _cell(parameters: Mapping[str, Parameter], index: int) -> Values:
    """The n-th combination; the last parameter changes fastest."""
    values: Values = {}
    for name in reversed(list(parameters)):
        choices = parameters[name].choices
        index, place = divmod(index, len(choices))
        values[name] = choices[place]
    return {name: values[name] for name in parameters}


def _drawn(parameter: Parameter, generator: np.random.Generator) -> Any:
    if choices := parameter.choices:
        return choices[generator.integers(len(choices))]
    low, high = parameter.ends
    if parameter.whole:
        return int(generator.integers(int(low), int(high), endpoint=True))
    if parameter.distribution == "log_uniform_values":
        return float(np.exp(generator.uniform(np.log(low), np.log(high))))
    return float(generator.uniform(low, high))


def _asked(sweep: Sweep, number: int, records: Sequence[Record]) -> Values:
    """What Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) would try next."""
    try:
        import optuna
    except ImportError as error:
        raise SweepError("method bayes needs Optuna: pip install 'portrait-cartoons[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Runs that others are at count as bad ones, so that two do not try the same.
    sampler = optuna.samplers.TPESampler(seed=number, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction=sweep.metric.goal if sweep.metric else None)
    ranges = {name: _distribution(parameter) for name, parameter in sweep.parameters.items()}
    indices = {name: parameter.choices for name, parameter in sweep.parameters.items() if parameter.choices}
    for record in records:
        params = {name: indices[name].index(v) if name in indices else v for name, v in record.values.items()}
        state = optuna.trial.TrialState.RUNNING if record.metric is None else optuna.trial.TrialState.COMPLETE
        if record.metric is not None or record.state == "running":
            study.add_trial(
                optuna.trial.create_trial(state=state, value=record.metric, params=params, distributions=ranges)
            )
    asked = study.ask(ranges).params
    return {name: indices[name][value] if name in indices else value for name, value in asked.items()}


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.choices:
        return CategoricalDistribution(range(len(parameter.choices)))
    low, high = parameter.ends
    if parameter.whole:
        return IntDistribution(int(low), int(high))
    return FloatDistribution(low, high, log=parameter.distribution == "log_uniform_values")
