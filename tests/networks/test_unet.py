from pathlib import Path
from typing import Any

import pytest
import torch

from portrait_cartoons.networks.unet import UNet
from portrait_cartoons.networks.weights import WeightsError


@pytest.mark.parametrize(("width", "expected"), [(64, 31_031_745), (32, 7_760_097), (16, 1_941_105)])
def test_network_has_the_published_size(width: int, expected: int) -> None:
    network = UNet(width)
    assert sum(p.numel() for p in network.parameters()) == expected
    assert network.to("meta")(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 1, 256, 256)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_any_size_that_is_a_multiple_is_kept(levels: int) -> None:
    network = UNet(width=4, levels=levels)
    assert network.size_divisor == 2**levels
    x = torch.rand(2, 3, 3 * network.size_divisor, network.size_divisor) * 2 - 1
    assert network(x).shape == (2, 1, *x.shape[2:])


def test_output_is_logits_that_start_at_the_size_of_the_input() -> None:
    torch.manual_seed(0)
    out = UNet(width=16)(torch.randn(2, 3, 64, 64))
    assert out.min() < 0 < out.max()
    assert 0.1 < out.square().mean().sqrt() < 10


@pytest.mark.parametrize("form", ["state dict", "checkpoint"])
def test_a_trained_network_is_taken_from_a_file(form: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = UNet(width=4, levels=2)
    state = trained.state_dict()
    if form == "checkpoint":
        state = {"state_dict": {"g.weight": torch.zeros(1)} | {f"u.{name}": value for name, value in state.items()}}
    torch.save(state, tmp_path / "u.pt")
    x = torch.randn(1, 3, 16, 16)
    assert torch.equal(UNet(width=4, levels=2, weights=str(tmp_path / "u.pt"))(x), trained(x))


@pytest.mark.parametrize("content", [None, b"garbage", [1], {"state_dict": 3}, {}, {"u.head.weight": torch.zeros(1)}])
def test_a_file_without_such_a_network_is_refused(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "u.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(WeightsError, match=r"u\.pt.*weights=null$") as caught:
        UNet(width=4, levels=2, weights=str(file))
    assert "\n" not in str(caught.value)
