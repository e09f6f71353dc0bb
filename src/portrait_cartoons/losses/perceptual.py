"""The perceptual loss: how far the content of an image is from another's, in the features of a fixed network.

Its weight means nothing without the features' scale. Published weights, w, on the mean L1 distance that is taken here:

CartoonGAN   w = 10 in the authors' code, whose gradient is 127.5^2 times smaller than that of the loss as written:
             10 / 127.5^2 = 6.2e-4 on features of Caffe's VGG19. Its input, 0..255, is 57.6 times larger than
             torchvision's, 255 * (0.229 + 0.224 + 0.225) / 3, and features grow with their input: were both networks
             alike, 6.2e-4 * 57.6 = 0.035 on torchvision's.
SelfieGAN    w1 = 0.01 for CartoonGAN's features: 0.01 * 57.6 = 0.58 on torchvision's.
ArtifyGAN    w = 1e-5 on the *sum* over a batch of 16 with 512 x 16 x 16 features: 1e-5 * 16 * 512 * 16 * 16 = 21 on the
             mean; of images in [0, 1] without normalisation, whose features are four times weaker (measured): 5.2.
"""

from torch import Tensor
from torch.nn.functional import l1_loss


def content(output: Tensor, photo: Tensor) -> Tensor:
    """Mean L1 distance between the features of the generator's output and of its photo, of equal shapes; a scalar."""
    return l1_loss(output, photo)
