"""The perceptual loss: how far the content of an image is from another's, in the features of a fixed network."""

from torch import Tensor
from torch.nn.functional import l1_loss


def content(output: Tensor, photo: Tensor) -> Tensor:
    """Mean L1 distance between the features of the generator's output and of its photo, of equal shapes; a scalar.

    A weight published for the sum is multiplied by the number of values: ArtifyGAN's 1e-5 on the sum over a batch of
    16 and 512 x 16 x 16 features is 1e-5 * 16 * 512 * 16 * 16 = 21 on this mean.
    """
    return l1_loss(output, photo)
