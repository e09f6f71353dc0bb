"""LPIPS, how different two pictures look to people (Zhang et al. 2018), on features of SqueezeNet 1.1."""

from typing import cast

from torch import Tensor, nn
from torchmetrics.image import LearnedPerceptualImagePatchSimilarity
from torchvision.models import SqueezeNet1_1_Weights

from portrait_cartoons.networks.weights import published

SMALLEST = 32  # pixels: of a smaller side the last layers of SqueezeNet leave next to nothing
PROTOCOL = {"lpips": "mean over images, SqueezeNet 1.1, torchmetrics"}
_WEIGHTS = SqueezeNet1_1_Weights.IMAGENET1K_V1


class Lpips(nn.Module):
    """Distances of pairs of images. torchmetrics brings the linear layers; SqueezeNet's weights are torchvision's.

    Raises:
        WeightsError: those weights cannot be downloaded, or the file in torch.hub's cache is another one.
    """

    def __init__(self) -> None:
        super().__init__()
        published(_WEIGHTS.url, "the SqueezeNet weights for LPIPS", "or leave lpips=true out")
        metric = LearnedPerceptualImagePatchSimilarity(net_type="squeeze")
        self.network = cast(nn.Module, metric.net).requires_grad_(False)

    def forward(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Both N x 3 x H x W in [0, 1], of sides of at least `SMALLEST`; N distances, 0 for equal images."""
        return cast(Tensor, self.network(ours, theirs, normalize=True)).flatten()
