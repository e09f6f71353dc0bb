"""Inception weights nobody trained, in a file that the real loaders accept."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import NoTrainInceptionV3


def random_weights(file: Path, seed: int = 0) -> Path:
    """Write a state dict whose features differ between images, and return the file."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(seed)
        loader = "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url"
        patch.setattr(loader, lambda *_, **__: None)
        patch.setattr(NoTrainInceptionV3, "load_state_dict", lambda *_, **__: None)
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"])
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), file)
    return file
