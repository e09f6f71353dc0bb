from torch import nn


def normal_init(network: nn.Module, std: float = 0.02) -> None:
    """Draw every convolution's weight from N(0, std) and set its bias to 0 (Zhu et al. 2017, section 7.1)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
