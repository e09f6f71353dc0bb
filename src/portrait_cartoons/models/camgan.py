"""CAMGAN: CycleGAN's objective with GANILLA's generator and channel attention on what its encoder hands on.

x photo, y cartoon, G: x -> y, F: y -> x; the paper's equations 5 to 8 are CycleGAN's (see cyclegan.py):

min_{G,F} max_{D_X,D_Y}  L_GAN(G, D_Y) + L_GAN(F, D_X) + w_cycle (E_x |F(G(x)) - x|_1 + E_y |G(F(y)) - y|_1)

L_GAN is least squares by default, logistic with `objective: vanilla`. The identity term is not in the paper: its
weight is 0 by default. What is CAMGAN's own is the generator, src/portrait_cartoons/networks/ganilla.py:

C2..C5 = stages(x);  C_i <- C_i * sigmoid(conv1d_k(mean_{H,W} C_i));  P_i = up(P_{i+1}) + lateral(C_i)

`attention` chooses what is gated; with `none` the system is GANILLA, one of the paper's comparisons.
"""

from portrait_cartoons.models.cyclegan import CycleGAN


class CAMGAN(CycleGAN):
    """The system of the docstring above; arguments as for CycleGAN."""
