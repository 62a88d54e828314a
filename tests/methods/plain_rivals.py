"""Networks of SemiStarGAN, AttGAN and STGAN by torch's functions alone, written from what the official code computes.

They were written without a look at the suite's networks. A network's weights are a list of layers in the order in which
the official code builds them. A layer is a tuple of tensors: a convolution's or a product's weight, then

- nothing, if it has neither bias nor norm; or its bias;
- or of an instance norm: scale and offset;
- or of a batch norm: scale, offset, running mean, running variance.

Weights are laid out as torch lays them out: convolutions [out, in, k, k], transposed ones [in, out, k, k], products
[out, in]. Vectors are [N, entries], images [N, 3, S, S] in [-1, 1].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

Layer = Sequence[Tensor]
LEAK = 0.2
NOISE = 0.15
KEPT = 0.5


@dataclass
class Norms:
    """How batch norms compute: eps, and with which statistics.

    Args:
        training: with the batch's statistics, and then ``moved`` gets the running ones after this batch, norm by norm.
        decay: what a running statistic keeps of itself.
    """

    training: bool
    eps: float = 1e-3
    decay: float = 0.999
    moved: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]. Values are divided by the biased deviation; the unbiased one is remembered."""
        if self.training:
            count = x.numel() / x.shape[1]
            of_batch = x.mean((0, 2, 3))
            spread = (x - over(of_batch)).square().mean((0, 2, 3))
            unbiased = spread * count / max(count - 1, 1)
            moved = [self.decay * old + (1 - self.decay) * new for old, new in ((mean, of_batch), (variance, unbiased))]
            self.moved.append((moved[0].detach(), moved[1].detach()))
            mean, variance = of_batch, spread
        return (x - over(mean)) / (over(variance) + self.eps).sqrt() * over(scale) + over(offset)


def over(channels: Tensor) -> Tensor:
    """[C] -> [1, C, 1, 1]."""
    return channels.reshape(1, -1, 1, 1)


def instance_norm(x: Tensor, scale: Tensor, offset: Tensor, eps: float) -> Tensor:
    """Every channel of every image to mean 0 and variance 1, then scale and offset."""
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + eps).sqrt() * over(scale) + over(offset)


def convolution(x: Tensor, weight: Tensor, stride: int = 1, bias: Tensor | None = None) -> Tensor:
    """With TensorFlow's "same" padding: an odd zero is put behind and below."""
    pads = []
    for length, kernel in ((x.shape[3], weight.shape[3]), (x.shape[2], weight.shape[2])):
        zeros = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pads += [zeros // 2, zeros - zeros // 2]
    return F.conv2d(F.pad(x, pads), weight, bias, stride)


def doubled(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Transposed convolution of kernel 4 and stride 2 with "same" padding: twice the height and width."""
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)


def leaky(x: Tensor) -> Tensor:
    return torch.maximum(x, LEAK * x)


def with_vector(x: Tensor, vector: Tensor) -> Tensor:
    """The channels of x, then a plane for each entry."""
    return torch.cat([x, vector[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def semistargan_generator(layers: Sequence[Layer], images: Tensor, target: Tensor) -> Tensor:
    """18 layers: three down, twice six, two up, each with an instance norm; the last one with nothing."""
    given: Iterator[Layer] = iter(layers)

    def normed(x: Tensor, stride: int = 1, up: bool = False) -> Tensor:
        weight, scale, offset = next(given)
        return instance_norm(doubled(x, weight) if up else convolution(x, weight, stride), scale, offset, 1e-5)

    x = with_vector(images, target)
    for stride in (1, 2, 2):
        x = normed(x, stride).relu()
    for _ in range(6):
        x = x + normed(normed(x).relu())
    for _ in range(2):
        x = normed(x, up=True).relu()
    (weight,) = next(given)
    assert next(given, None) is None
    return convolution(x, weight).tanh()


def semistargan_discriminator(
    shared: Sequence[Layer],
    critic: Sequence[Layer],
    stages: Sequence[Sequence[Layer]],
    last: Tensor,
    images: Tensor,
    norms: Norms,
    noise: Tensor | None = None,
    masks: Sequence[Tensor] = (),
) -> tuple[Tensor, Tensor]:
    """The critic's map [N, 1, h, w] and logits [N, entries].

    Args:
        shared: the convolutions of stride 2 that both paths begin with.
        critic: convolutions of stride 2, and at the end the one of 3x3.
        stages: of the classifier; convolutions with a batch norm, of stride 2 or, with kernels of 1x1, 1.
        last: weight of the 1x1 convolution of the classifier's mean.
        norms: eps 1e-5, decay 0.9 in the official code.
        noise: standard normal, as the images; none is added without it.
        masks: of ones and zeros, what dropout keeps before each stage; nothing is dropped without them.
    """
    x = images if noise is None else images + NOISE * noise
    for (weight,) in shared:
        x = leaky(convolution(x, weight, 2))
    score = x
    for (weight,) in critic[:-1]:
        score = leaky(convolution(score, weight, 2))
    score = convolution(score, critic[-1][0])
    h = x
    for i, stage in enumerate(stages):
        h = h * masks[i] / KEPT if masks else h
        for weight, *norm in stage:
            h = leaky(norms(convolution(h, weight, 1 if weight.shape[2] == 1 else 2), *norm))
    return score, F.conv2d(h.mean((2, 3), keepdim=True), last).flatten(1)


def encoder(layers: Sequence[Layer], images: Tensor, norms: Norms) -> list[Tensor]:
    """What every normed convolution of AttGAN's and STGAN's encoder gives, the widest plane first."""
    features = [images]
    for weight, *norm in layers:
        features.append(leaky(norms(convolution(features[-1], weight, 2), *norm)))
    return features[1:]


def decoder(
    layers: Sequence[Layer], features: Sequence[Tensor], vector: Tensor, norms: Norms, shortcuts: int, injections: int
) -> Tensor:
    """The features and the vector to an image; the last layer has a bias and no norm.

    Args:
        shortcuts: after how many of the first layers the feature of the same size is appended.
        injections: after how many the vector is.
    """
    z = with_vector(features[-1], vector)
    for i, (weight, *norm) in enumerate(layers[:-1]):
        z = norms(doubled(z, weight), *norm).relu()
        z = torch.cat([z, features[-2 - i]], 1) if i < shortcuts else z
        z = with_vector(z, vector) if i < injections else z
    weight, bias = layers[-1]
    return doubled(z, weight, bias).tanh()


def attgan_generator(
    down: Sequence[Layer], up: Sequence[Layer], images: Tensor, vector: Tensor, norms: Norms
) -> Tensor:
    """The vector is -1 and 1; one shortcut, one injection after the first layer up."""
    return decoder(up, encoder(down, images, norms), vector, norms, 1, 1)


def critic_and_classifier(
    layers: Sequence[Layer], critic: Sequence[Layer], classifier: Sequence[Layer], images: Tensor
) -> tuple[Tensor, Tensor]:
    """AttGAN's and STGAN's discriminator: scores [N, 1] and logits [N, entries].

    Args:
        layers: convolutions of stride 2 with an instance norm.
        critic, classifier: two products each, with biases.
    """
    x = images
    for weight, scale, offset in layers:
        x = leaky(instance_norm(convolution(x, weight, 2), scale, offset, 1e-6))
    x = x.flatten(1)
    scores, logits = (F.linear(leaky(F.linear(x, *hidden)), *last) for hidden, last in (critic, classifier))
    return scores, logits


@dataclass
class TransferUnit:
    """Weight and bias of each part of a selective transfer unit, in the order of construction."""

    state: Layer
    reset: Layer
    update: Layer
    info: Layer

    def __call__(self, feature: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's feature and the state below (half its height) to what is passed on, and to the new state."""
        state = doubled(below, *self.state)
        both = torch.cat([feature, state], 1)
        reset = self._convolve(self.reset, both).sigmoid()
        update = self._convolve(self.update, both).sigmoid()
        new = reset * state
        info = self._convolve(self.info, torch.cat([feature, new], 1)).tanh()
        return (1 - update) * state + update * info, new

    @staticmethod
    def _convolve(layer: Layer, x: Tensor) -> Tensor:
        weight, bias = layer
        return convolution(x, weight, 1, bias)


def stgan_generator(
    down: Sequence[Layer],
    units: Sequence[TransferUnit],
    up: Sequence[Layer],
    images: Tensor,
    difference: Tensor,
    norms: Norms,
) -> Tensor:
    """The difference is target minus source, -1, 0 or 1; the units run from the narrowest plane to the widest."""
    features = encoder(down, images, norms)
    passed = features[-1:]
    state = features[-1]
    for unit, feature in zip(units, reversed(features[:-1]), strict=True):
        output, state = unit(feature, with_vector(state, difference))
        passed.insert(0, output)
    return decoder(up, passed, difference, norms, len(up) - 1, len(up) - 1)
