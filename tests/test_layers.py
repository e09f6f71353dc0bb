"""Who may import whom: the structure of the project, kept by a walk over its imports."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src"
ALLOWED_OURS = {
    "errors": set(),
    "schedules": set(),
    "pool": set(),
    "image": {"errors"},
    "weights": {"errors"},
    "features": {"weights"},
    "networks": {"networks", "weights"},
    "losses": {"losses", "image"},
    "options": {"errors"},
    "timing": set(),
    "data": {"data", "errors", "image"},
    "models": {"models", "networks", "losses", "pool", "schedules", "errors"},
    "evaluation": {
        "evaluation",
        "errors",
        "image",
        "data",
        "features",
        "models",
        "checkpoint",
        "run_folder",
        "timing",
        "weights",
    },
    "callbacks": {"callbacks", "errors", "image", "features", "evaluation", "checkpoint", "gallery"},
}
BARRED_OTHERS = {
    "networks": {"lightning", "hydra", "omegaconf"},
    "losses": {"lightning", "hydra", "omegaconf"},
    "models": {"hydra", "omegaconf", "torchmetrics"},
    "data": {"hydra", "omegaconf", "torchmetrics"},
    "callbacks": {"hydra", "omegaconf"},
    "image": {"lightning", "hydra", "omegaconf", "torchmetrics"},
    "inference": {"lightning", "hydra", "omegaconf", "torchmetrics"},
}


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("file", sorted(SRC.rglob("*.py")), ids=lambda file: str(file.relative_to(SRC)))
def test_imports_respect_the_layers(file: Path) -> None:
    layer = file.relative_to(SRC).parts[0].removesuffix(".py")
    found = imports(file)
    ours = {name.split(".")[1] for name in found if name.startswith("src.")}
    assert ours <= ALLOWED_OURS.get(layer, ours)
    assert not {name.split(".")[0] for name in found} & BARRED_OTHERS.get(layer, set())
