"""YAML files that may come from another person: plain data, in which nothing is resolved or made."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from portrait_cartoons.errors import first_line

LARGEST = 10**6  # bytes


class _PlainLoader(yaml.SafeLoader):
    """Without references, by which a few lines can stand for millions."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it refers to itself")
        return super().compose_node(parent, index)


def plain_yaml(file: Path) -> Any:
    """What the file says. Raises ValueError with the reason where it cannot be read."""
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        return yaml.load(file.read_text(encoding="utf-8"), _PlainLoader)  # noqa: S506 - a safe loader
    except Exception as error:  # whatever a damaged file makes the parser raise
        raise ValueError(first_line(error)) from error
