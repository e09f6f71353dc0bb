"""The flags of `train`; everything else on its command line is key=value."""

from dataclasses import dataclass

from portrait_cartoons.cli.arguments import split
from portrait_cartoons.errors import UserError


@dataclass(frozen=True)
class Flags:
    """multirun: train once with each value; show: only print the configuration, with its references resolved or not."""

    multirun: bool = False
    show: bool = False
    resolve: bool = False


def split_flags(arguments: list[str]) -> tuple[Flags, list[str]]:
    """The flags and the other arguments. Raises UserError for a flag that there is not, or not like this."""
    rest, multirun, resolve, shown = [], False, False, list[str]()
    waiting = False  # for what --cfg is to show
    for argument in arguments:
        name, value = split(argument)
        if waiting:
            shown.append(argument)
            waiting = False
        elif name in ("--cfg", "-c"):
            shown += [] if value is None else [value]
            waiting = value is None
        elif argument in ("--multirun", "-m"):
            multirun = True
        elif argument == "--resolve":
            resolve = True
        elif argument.startswith("-"):
            raise UserError(
                f"{name}: there is no such flag; there are --help, --multirun, and --cfg job with or without --resolve,"
                " and all else is written key=value"
            )
        else:
            rest.append(argument)
    if waiting or any(what != "job" for what in shown):
        raise UserError("--cfg shows the configuration of a run: write --cfg job, or --cfg job --resolve")
    if resolve and not shown:
        raise UserError("--resolve belongs to --cfg: write --cfg job --resolve")
    if shown and multirun:
        raise UserError("--cfg shows one run: leave --multirun out, and name one value of each key")
    return Flags(multirun, bool(shown), resolve), rest
