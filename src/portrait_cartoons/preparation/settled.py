"""What was decided when a data set was begun, kept beside it: pictures cut in two ways or split anew would leak."""

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import write
from portrait_cartoons.preparation import layout
from portrait_cartoons.preparation.options import Options

_KEYS = ("size", "crop", "format", "splits", "people", "val", "test")


class SettledError(UserError):
    """Options that contradict those that the set was begun with."""


def settle(options: Options, output: Path, makes: Collection[str], by: dict[str, str] | None) -> dict[str, Any]:
    """Note the options, and what is made of the pictures; all that was noted so far, `made` by name.

    `by` is the checkpoint that makes them, its `path` and `sha256`; None stands for OpenCV. Raises SettledError.
    """
    file = output / f"{options.domain}.json"
    chosen = {key: value for key, value in asdict(options).items() if key in _KEYS} | {"made": {}}
    settled = _read(file, chosen) if file.exists() else chosen
    for key in _KEYS:
        if settled[key] != chosen[key]:
            raise SettledError(
                f"{key}={chosen[key]}, but the pictures in {output} were made with {key}={settled[key]}: use that or"
                " choose another output folder"
            )
    for make in makes:
        maker = by if make in ("cartoons", "masks") else None
        before = settled["made"].setdefault(make, maker)
        if (before and before["sha256"]) != (maker and maker["sha256"]):
            how = f"by={before['path']}" if before else "OpenCV, without by="
            raise SettledError(f"the {make} in {output} were made with {how}: use that or choose another output folder")
    if "smooth" in settled["made"] and options.domain == "photo" and "cartoons" not in settled["made"]:
        raise SettledError("make=smooth blurs edges of cartoons, but there are none: add make=cartoons,smooth")
    _separate(options, output, settled)
    write(file, json.dumps(settled, indent=2, sort_keys=True) + "\n")
    return settled


def _separate(options: Options, output: Path, settled: dict[str, Any]) -> None:
    """Cartoons are made or they are given: raise SettledError for both."""
    other = output / ("cartoon.json" if options.domain == "photo" else "photo.json")
    if not other.exists():
        return
    made = settled if options.domain == "photo" else _read(other, settled)
    if "cartoons" in made["made"]:
        raise SettledError(
            f"{output} would mix cartoons made of photos with others: choose another output folder for one of them"
        )


def _read(file: Path, example: dict[str, Any]) -> dict[str, Any]:
    try:
        settled = json.loads(file.read_text(encoding="utf-8"))
        for make, maker in settled["made"].items():
            if make not in layout.MAKES or not (maker is None or maker["sha256"]):
                raise ValueError(make)
        if settled.keys() != example.keys():
            raise ValueError("keys")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettledError(f"{file} is damaged: remove {file.parent} or choose another output folder") from error
    return settled
