"""The style loss: how far the texture of an image is from another's, wherever in the image it lies.

Texture is what features do together: their Gram matrix, which forgets positions (Gatys et al. 2016). Like that of the
content loss, its weight holds for one scale of features; the Gram matrix grows with its square.
"""

from torch import Tensor
from torch.nn.functional import l1_loss


def gram(features: Tensor) -> Tensor:
    """N x C x H x W -> N x C x C: the product of each two channels, summed over positions, over C H W."""
    flat = features.flatten(2)
    return flat @ flat.mT / flat[0].numel()


def gatys(output: Tensor, cartoon: Tensor) -> Tensor:
    """A quarter of the squared distance between the Gram matrices, summed over N x C x C and divided by N; a scalar.

    It is E_l of Gatys et al. 2016, equation 4, where both N x C x H x W features have one size.
    """
    return (gram(output) - gram(cartoon)).square().sum((1, 2)).mean() / 4


def style(output: Tensor, cartoon: Tensor) -> Tensor:
    """Mean L1 distance between the Gram matrices of two N x C x H x W features; their sizes may differ. A scalar."""
    return l1_loss(gram(output), gram(cartoon))
