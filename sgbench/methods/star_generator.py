"""StarGAN's generator, which SemiStarGAN has too: of an image and the vector of target labels."""

import torch
from torch import Tensor, nn

from sgbench.methods.convolutions import SameConvTranspose2d
from sgbench.methods.narrow import NarrowConv2d
from sgbench.methods.networks import carry_image, norm_relu, put_pixels_together, trunk


class StarGANGenerator(nn.Module):
    """Images [N, 3, S, S] and target vectors [N, c] -> results [N, 3, S, S] in [-1, 1]."""

    def __init__(self, num_entries: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            trunk(3 + num_entries, width, bias=False),
            norm_relu(SameConvTranspose2d(2 * width, width, 4, 2, bias=False)),
            NarrowConv2d(width, 3, 7, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, vectors: Tensor) -> Tensor:
        """The vectors are repeated over the plane and stacked on the image."""
        planes = vectors[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        return self.body(torch.cat([x, planes.to(x.dtype)], 1))

    @torch.no_grad()
    def pass_through(self, gain: float) -> None:
        """Start near tanh(gain * x), where x has lost the mean and the contrast that norms take away."""
        layers, (up, _), last, _ = self.body
        carry_image(layers)
        last.weight.mul_(0.1)
        last.weight[:, :6] = 0
        centre = last.kernel_size[0] // 2
        for first, sign in ((0, 1.0), (3, -1.0)):  # a ReLU lets each sign through in a channel of its own
            put_pixels_together(up, 3, first, sign)
            last.weight[:, first : first + 3, centre, centre] = gain * sign * torch.eye(3)
