"""A critic of convolutions and instance norms that also classifies: the discriminator of AttGAN and STGAN."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgbench.methods.convolutions import SameConv2d, WholeConv2d
from sgbench.methods.losses import widened
from sgbench.methods.networks import Layers, initialise, normed


class ConnectedHead(nn.Module):
    """Two fully connected layers with a leaky ReLU between: [N, C, k, k] -> [N, outputs]."""

    def __init__(self, channels: int, side: int, hidden: int, outputs: int, slope: float):
        super().__init__()
        self.slope = slope
        self.hidden, self.last = WholeConv2d(channels, hidden, side), WholeConv2d(hidden, outputs, 1)
        for layer in (self.hidden, self.last):
            nn.init.xavier_uniform_(layer.weight.flatten(1))
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Scores or logits."""
        return self.last(F.leaky_relu(self.hidden(x), self.slope)[:, :, None, None])


class NormedCritic(nn.Module):
    """Stride-2 convolutions with instance norm and leaky ReLU, then a head for the critic and one for the classes.

    Args:
        widths: channels after each convolution; a head's hidden layer is 16 times as wide as the first of them.
        num_entries: logits of the classifier.
        slope: of negative values.
    """

    def __init__(self, widths: Sequence[int], image_size: int, num_entries: int, slope: float):
        super().__init__()
        convolutions = [
            SameConv2d(before, after, 4, 2, bias=False) for before, after in zip([3, *widths], widths, strict=False)
        ]
        self.features = Layers(*(layer for conv in convolutions for layer in normed(conv, slope, eps=1e-6)))
        initialise(self.features, nn.init.xavier_uniform_)
        head = widths[-1], image_size >> len(widths), 16 * widths[0]
        self.adversarial = ConnectedHead(*head, 1, slope)
        self.classify = ConnectedHead(*head, num_entries, slope)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 3, S, S] -> scores [N, 1] and logits [N, num_entries]."""
        features = self.features(x)
        return self.adversarial(features), self.classify(features)

    def gradient_penalty(self, x: Tensor) -> Tensor:
        """The gradient penalty of WGAN-GP for each sample.

        Args:
            x: [B, 3, S, S], images between real and generated ones.

        Returns:
            [B]: (L2 norm of the critic's gradient, minus 1) squared.
        """
        h = x = x.detach().requires_grad_()
        for layer in self.features:  # one by one, which can be differentiated twice
            h = layer(h)
        (gradient,) = torch.autograd.grad(self.adversarial(h).sum(), x, create_graph=True)
        return (torch.linalg.vector_norm(widened(gradient), dim=(1, 2, 3)) - 1) ** 2
