"""How many floating-point operations an iteration of each method needs, from the shapes of its layers.

A multiplication and its addition count as two operations. Only convolutions and deconvolutions count, with full windows
at the borders too; norms, activations, biases, losses and Adam do not. Counted is what the mathematics needs:

- Backward, a layer needs as many operations as forward for the gradient of its weights, and as many for that of its
  input. Images and labels need no gradient where they are constants; where only the image in a layer's input needs one,
  only the image's channels count.
- Results that train a discriminator need the generator forward only. Where a network is frozen, its weights need none.
- The heads of a discriminator count where a loss uses them: mixtures and the critic's results are not classified.
- The gradient penalty of a piecewise linear critic: forward; the chain of gradients from the map to the mixture; and
  the chain's derivative by each layer's weights and by each signal in it, but for the constant that it starts from.
  Nothing goes back through the forward pass, since the second derivative of leaky ReLU is zero.

The generator's update runs the generator anew on the images of the last critic update, and this counts twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import WIDTHS

FEATURES, IMAGE, CONSTANT = "features", "image", "constant"


@dataclass(frozen=True)
class Flops:
    """Operations of an iteration.

    Attributes:
        critic: all updates of the discriminator but for the penalty, with the generator's passes for them.
        penalty: the gradient penalties of all these updates.
        generator: all updates of generators.
    """

    critic: int
    penalty: int
    generator: int

    @property
    def total(self) -> int:
        return self.critic + self.penalty + self.generator


@dataclass(frozen=True)
class Layer:
    """A convolution, or the part of one that reads some of its input's channels; or a deconvolution.

    Attributes:
        side: of the output, or of the input of a deconvolution; each of its pixels takes ``kernel`` squared products.
        reads: whether the channels are features of another layer, the network's image, or constants.
    """

    channels: int
    out_channels: int
    kernel: int
    side: int
    reads: str = FEATURES

    @property
    def forward(self) -> int:
        return 2 * self.channels * self.out_channels * self.kernel**2 * self.side**2


def forward(layers: Iterable[Layer]) -> int:
    """A pass of one image; the gradient of all weights takes the same."""
    return sum(layer.forward for layer in layers)


def to_inputs(layers: Iterable[Layer], image: bool) -> int:
    """The gradient of one image's features, and of the image itself if asked for."""
    return sum(x.forward for x in layers if x.reads == FEATURES or (image and x.reads == IMAGE))


def generator_trunk(size: int, width: int, constants: int = 0) -> list[Layer]:
    """SG-GAN's and StarGAN's layers up to the first deconvolution."""
    w, half, quarter = width, size // 2, size // 4
    first = [Layer(3, w, 7, size, IMAGE), Layer(constants, w, 7, size, CONSTANT)]
    down = [Layer(w, 2 * w, 4, half), Layer(2 * w, 4 * w, 4, quarter)]
    return [*first, *down, *[Layer(4 * w, 4 * w, 3, quarter)] * 12, Layer(4 * w, 2 * w, 4, quarter)]


def discriminator_trunk(method: str, size: int, width: int, kernel: int) -> list[Layer]:
    """The convolutions of stride 2."""
    widths = [3, *(multiple * width for multiple in WIDTHS[method][size])]
    reads = [IMAGE, *[FEATURES] * (len(widths) - 2)]
    pairs = zip(widths, widths[1:], reads, strict=False)
    return [Layer(a, b, kernel, size // 2**k, read) for k, (a, b, read) in enumerate(pairs, 1)]


def penalty_of(critic: Sequence[Layer]) -> int:
    """The penalty of one mixture and its derivative; the critic's last layer is the one that gives the map."""
    chain = to_inputs(critic, image=True)
    by_signals = chain - critic[-1].forward
    return forward(critic) + chain + by_signals + forward(critic)


def sggan_flops(
    values: Sequence[int],
    image_size: int,
    batch: int,
    generator_width: int = 64,
    discriminator_width: int = 64,
    n_critic: int = 5,
) -> Flops:
    """An iteration of SG-GAN; ``values`` says how many values each attribute has."""
    size, w, groups = image_size, generator_width, sum(values)
    trunk = generator_trunk(size, w)
    branch = [Layer(2 * w, w, 4, size // 2), Layer(w, 3, 7, size), Layer(3, 3, 7, size, IMAGE)]
    features = discriminator_trunk("sggan", size, discriminator_width, 5)
    channels, side = features[-1].out_channels, features[-1].side
    critic = [*features, Layer(channels, 1, 3, side)]
    heads = [Layer(channels, m, side, 1) for m in values]

    results = forward(trunk) + groups * forward(branch)
    judged = (1 + groups) * (2 * forward(critic) + to_inputs(critic, image=False))
    labelled = 2 * forward(heads) + to_inputs(heads, image=False)

    translation = 2 * results + to_inputs(trunk, image=False) + groups * to_inputs(branch, image=False)
    judgement = groups * (forward(critic) + to_inputs(critic, image=True))
    classification = sum(m * 2 * head.forward for m, head in zip(values, heads, strict=True))
    trunk_again = groups * (2 * forward(trunk) + to_inputs(trunk, image=True))
    pairs = sum(m * (m - 1) for m in values)
    branches_again = pairs * (2 * forward(branch) + to_inputs(branch, image=True))
    return Flops(
        critic=n_critic * batch * (results + judged + labelled),
        penalty=n_critic * batch * groups * penalty_of(critic),
        generator=batch * (translation + judgement + classification + trunk_again + branches_again),
    )


def stargan_flops(
    entries: int,
    image_size: int,
    batch: int,
    generator_width: int = 64,
    discriminator_width: int = 64,
    n_critic: int = 5,
    complete: int | None = None,
) -> Flops:
    """An iteration of StarGAN.

    Args:
        entries: length of the vector.
        complete: how many images of the last batch have a complete vector, so that they are reconstructed; all if None.
    """
    size, w = image_size, generator_width
    translator = [
        *generator_trunk(size, w, entries),
        Layer(2 * w, w, 4, size // 2),
        Layer(w, 3, 7, size),
    ]
    features = discriminator_trunk("stargan", size, discriminator_width, 4)
    channels, side = features[-1].out_channels, features[-1].side
    critic = [*features, Layer(channels, 1, 3, side)]
    head = [Layer(channels, entries, side, 1)]

    judged = 2 * (2 * forward(critic) + to_inputs(critic, image=False))
    labelled = 2 * forward(head) + to_inputs(head, image=False)
    translation = 2 * forward(translator) + to_inputs(translator, image=False)
    judgement = forward(critic + head) + to_inputs(critic + head, image=True)
    again = 2 * forward(translator) + to_inputs(translator, image=True)
    return Flops(
        critic=n_critic * batch * (forward(translator) + judged + labelled),
        penalty=n_critic * batch * penalty_of(critic),
        generator=batch * (translation + judgement) + (batch if complete is None else complete) * again,
    )


def residualgan_flops(image_size: int, batch: int, generator_width: int = 64, discriminator_width: int = 64) -> Flops:
    """An iteration of ResidualGAN on ``batch`` images of each value."""
    size, w = image_size, generator_width
    half, quarter = size // 2, size // 4
    translator = [
        Layer(3, w, 5, size, IMAGE),
        Layer(w, 2 * w, 4, half),
        Layer(2 * w, 4 * w, 4, quarter),
        Layer(4 * w, 2 * w, 3, quarter),
        Layer(2 * w, w, 3, half),
        Layer(w, 3, 4, size),
    ]
    features = discriminator_trunk("residualgan", size, discriminator_width, 4)
    judge = [*features, Layer(features[-1].out_channels, 3, 4, 1)]

    judged = 4 * (2 * forward(judge) + to_inputs(judge, image=False))
    translation = 2 * forward(translator) + to_inputs(translator, image=False)
    judgement = forward(judge) + to_inputs(judge, image=True)
    back = forward(translator) + to_inputs(translator, image=True)
    perception = forward(features[:-1])
    return Flops(
        critic=batch * (2 * forward(translator) + judged),
        penalty=0,
        generator=2 * batch * (translation + judgement + back + judgement + perception),
    )
