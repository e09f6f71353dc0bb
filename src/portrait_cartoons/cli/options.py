"""The options of a command that is no training: keys of a file in conf/, given as key=value arguments."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from portrait_cartoons.cli.arguments import split
from portrait_cartoons.errors import UserError

T = TypeVar("T")


class OptionError(UserError):
    """An argument that is unknown, missing, of the wrong type, or in conflict with another."""


def parse_options(
    schema: type[T], file: Path, arguments: Sequence[str], kinds: Mapping[str, str], others: Sequence[str] = ()
) -> T:
    """The defaults of a file of conf/ overridden by arguments. Values are taken as they are: no path needs quotes.

    Args:
        schema: the dataclass of the options, which says their types.
        kinds: of options that are no text what they are, for errors.
        others: further keys the command knows, which the file lacks, for errors.

    Raises:
        OptionError: for the first argument that cannot be used.
    """
    defaults = OmegaConf.load(file)
    config = OmegaConf.merge(schema, defaults)
    keys = [str(key) for key in defaults]
    for argument in arguments:
        key, value = split(argument)
        if value is None:
            raise OptionError(
                f"{argument!r} is not written key=value: write for example {keys[0]}={argument}; --help tells more"
            )
        if key not in keys:
            known = [*keys, *others]
            near = difflib.get_close_matches(key.lstrip("-+"), known, n=1) or [f"one of {', '.join(known)}"]
            raise OptionError(f"unknown key {key!r}: did you mean {near[0]}? --help explains the keys")
        if "${" in value:
            raise OptionError(f"{argument}: a value cannot hold ${{, which means a variable; rename the file or folder")
        try:
            OmegaConf.update(config, key, None if value == "null" else value or MISSING)
        except OmegaConfBaseException as error:
            raise OptionError(f"{argument}: {key} must be {kinds.get(key, 'a text')}") from error
    try:
        return cast(T, OmegaConf.to_object(config))
    except MissingMandatoryValue as error:
        raise OptionError(f"{error.full_key} is missing: add {error.full_key}=...; --help shows examples") from error
