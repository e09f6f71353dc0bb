"""What a training would be, in a few lines."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import nn

from portrait_cartoons.check.pictures import pictures
from portrait_cartoons.check.trial import networks
from portrait_cartoons.cli.config import epoch_steps, plain, total_epochs
from portrait_cartoons.cli.launch import processes
from portrait_cartoons.runs.folder import ROOT, title


def summary(cfg: DictConfig, choices: Any) -> str:
    """What a valid configuration, made of these choices of the groups, would train: a line per fact."""
    tree = plain(cfg)
    data, splits = tree["data"], pictures(tree)
    sizes = [f"{name} {_parameters(network):,}" for name, network in networks(tree).items()]
    domains = (
        ("train", splits.train_photos, splits.train_cartoons),
        ("val", splits.val_photos, splits.val_cartoons),
        ("test", splits.test_photos, splits.test_cartoons),
    )
    images = [f"{name} {len(photos)} photos, {len(cartoons)} cartoons" for name, photos, cartoons in domains]
    facts = {
        "model": f"{choices['model']}, loss {choices['loss']}",
        "parameters": ", ".join(sizes),
        "data": f"{choices['data']}: {'; '.join(images)}",
        "size": f"{data['size']} x {data['size']} pixels, cut from {data['load_size']}; {data['batch_size']} per batch",
        "length": _length(tree, max(len(splits.train_photos), len(splits.train_cartoons))),
        "run folder": tree["resume"] or tree["run_dir"] or Path(ROOT, title(choices), "<time>"),
    }
    return "ok\n" + "\n".join(f"  {name:<11} {fact}" for name, fact in facts.items())


def _length(tree: dict[str, Any], pictures: int) -> str:
    """Epochs and steps. How long a step takes is only known once it runs, and the training says it then."""
    steps, epochs = epoch_steps(tree, pictures, processes(tree["trainer"])), total_epochs(tree)
    return f"{epochs} epochs of {steps:,} steps, {epochs * steps:,} in all; the training soon says how long that takes"


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
