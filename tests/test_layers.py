"""Who may import whom: the structure of the project, kept by a walk over its imports."""

import ast
from pathlib import Path

import pytest

from portrait_cartoons.cli.start import COMMANDS
from portrait_cartoons.runs import names

PACKAGE = Path(__file__).parent.parent / "src" / "portrait_cartoons"
# What each room may import of ours; the entry points at the top may import everything.
ALLOWED_OURS = {
    "errors": set(),
    "image": {"errors", "files"},
    "files": {"errors"},
    "timing": set(),
    "styles": {"errors"},
    "progress": set(),
    "stylizing": {"errors", "files", "image", "models", "progress"},
    "devices": {"errors"},
    "cores": set(),
    "ranks": {"errors"},
    "inference": {"deployment", "devices", "errors", "image", "networks", "styles"},
    "demo": {"demo", "errors", "files", "image", "inference", "runs"},
    "translation": {"translation", "errors", "files", "image", "inference"},
    "deployment": {"deployment", "errors", "files", "networks", "runs"},
    "networks": {"networks", "errors"},
    "losses": {"losses", "image"},
    "data": {"data", "cores", "errors", "files", "image"},
    "models": {"models", "networks", "losses", "errors"},
    "runs": {"runs", "errors", "files", "image", "networks", "models"},
    "evaluation": {
        "evaluation",
        "errors",
        "files",
        "image",
        "data",
        "models",
        "networks",
        "runs",
        "timing",
        "progress",
        "devices",
        "ranks",
        "stylizing",
    },
    "callbacks": {"callbacks", "errors", "files", "image", "evaluation", "ranks", "runs"},
    "cli": {"cli", "errors", "callbacks", "data", "models", "ranks", "speed"},
    "check": {"check", "cli", "errors", "files", "image", "data", "networks", "runs", "speed"},
    "search": {"search", "check", "cli", "errors", "evaluation", "files", "runs"},
    "speed": {
        *("speed", "cli", "data", "evaluation", "models"),
        *("devices", "errors", "files", "image", "inference", "timing"),
    },
    "preparation": {
        "preparation",
        "cores",
        "data",
        "errors",
        "files",
        "image",
        "inference",
        "networks",
        "progress",
        "runs",
    },
}
BARRED_OTHERS = {
    "networks": {"lightning", "hydra", "omegaconf"},
    "losses": {"lightning", "hydra", "omegaconf"},
    "models": {"hydra", "omegaconf", "torchmetrics"},
    "data": {"hydra", "omegaconf", "torchmetrics"},
    "callbacks": {"hydra", "omegaconf"},
    "image": {"lightning", "hydra", "omegaconf", "torchmetrics"},
    "preparation": {"lightning", "hydra", "omegaconf", "torchmetrics"},
    "inference": {"lightning", "hydra", "omegaconf", "torchmetrics"},
    "deployment": {"lightning", "hydra", "omegaconf", "torchmetrics"},
}
NAMES = {value for name, value in vars(names).items() if name.isupper()}
ENTRIES = {"__init__", "__main__", "training", "evaluating", *COMMANDS}


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_respect_the_layers(file: Path) -> None:
    layer = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    found = imports(file)
    ours = {name.split(".")[1] for name in found if name.startswith("portrait_cartoons.")}
    assert layer in ENTRIES or ours <= ALLOWED_OURS[layer]
    assert not {name.split(".")[0] for name in found} & BARRED_OTHERS.get(layer, set())


def test_no_module_imports_itself_by_a_detour() -> None:
    modules = {
        ".".join(("portrait_cartoons", *file.relative_to(PACKAGE).with_suffix("").parts)): imports(file)
        for file in PACKAGE.rglob("*.py")
    }
    arrows = {
        module: {m for name in names for m in (name, name.rpartition(".")[0]) if m in modules and m != module}
        for module, names in modules.items()
    }
    while leaves := [module for module, targets in arrows.items() if not targets & arrows.keys()]:
        for module in leaves:
            del arrows[module]
    assert not arrows


def test_the_files_of_a_run_folder_are_named_in_one_place() -> None:
    written = {
        (file.name, node.value)
        for file in PACKAGE.rglob("*.py")
        if file != Path(names.__file__) and file.parent.name not in ("evaluation", "preparation")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in NAMES
    }
    assert written == {
        ("static.py", "checkpoints"),  # a key of the configuration
        ("weights.py", "checkpoints"),  # a folder of torch.hub
        ("samples.py", "samples"),  # the heading of a panel of W&B
        ("evaluating.py", "index.html"),  # the page of a report
    }
