"""ArtifyGAN: CartoonGAN's objective with deeper, batch-normalised networks and a weaker hold on the content.

    x photo, y cartoon, e cartoon with edges smoothed and noise added, V features of VGG16 after its fourth pooling

    D:  min_D  -E_y log D(y) - E_e log(1 - D(e)) - E_x log(1 - D(G(x)))                          adv
    G:  min_G  -E_x log D(G(x)) + w_content E_x |V(G(x)) - V(x)|_1                               content

D's sigmoid belongs to the objective (`vanilla`). The authors weigh the *sum* of the feature distances: see
src/portrait_cartoons/losses/perceptual.py. A first phase trains G on content alone, while D waits. What is ArtifyGAN's
own are the networks, src/portrait_cartoons/networks/artifygan.py; the algorithm is cartoongan.py's.
"""

from portrait_cartoons.models.cartoongan import CartoonGAN


class ArtifyGAN(CartoonGAN):
    """The system of the docstring above; arguments as for CartoonGAN."""
