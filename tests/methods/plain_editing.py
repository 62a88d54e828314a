"""What AttGAN and STGAN compute, by torch's own functions alone, and small instances of both."""

import torch
from torch.nn import functional as F

from sgbench.data.labels import HIDDEN, NONE, Attribute
from sgbench.methods.contract import Batch

GENDER = Attribute("gender", ("female", "male"))
SMILE = Attribute("smile", ("no", "yes"))
HAIR = Attribute("hair", ("black", "blond"), exhaustive=False)
SHAPE = Attribute("shape", ("round", "oval", "long"))
ATTRIBUTES = (GENDER, HAIR, SHAPE)  # entries: male; black, blond; round, oval, long
LABELS = torch.tensor([[0, 1, 2], [1, NONE, 0], [HIDDEN, 0, 1], [1, HIDDEN, HIDDEN], [0, 0, 0]], dtype=torch.int8)
COMPLETE = [0, 1, 4]
THIRTEEN = [Attribute(f"attribute{k}", ("no", "yes")) for k in range(13)]
SIZE = 32


def make(cls, labels=LABELS, attributes=ATTRIBUTES, size=SIZE, **settings):
    """A narrow method in float64, in training mode, with scales and shifts that hide no term."""
    torch.manual_seed(0)
    method = cls(attributes, size, cls.Settings(**({"base_width": 3, "n_critic": 1} | settings)), labels).double()
    with torch.no_grad():
        for p in method.parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.2)
    return method


def make_batch(labels=LABELS, seed=1, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(len(labels), 3, size, size, generator=generator).double() * 2 - 1, labels)


def learned(method):
    """The method in evaluation mode, after a few batches that its norms learned from."""
    method.step([make_batch(seed=s) for s in range(method.batches_per_iteration)], 0)
    return method.eval()


def normed(x, norm, slope):
    """Over the batch in training mode, by what was learned in evaluation mode."""
    training = norm.training
    known = (None, None) if training else (norm.mean, norm.variance)
    return F.leaky_relu(F.batch_norm(x, *known, norm.weight, norm.bias, training, eps=1e-3), slope)


def plain_encode(encoder, x):
    maps = []
    for convolution, norm in encoder.layers:
        x = normed(F.conv2d(x, convolution.weight, None, 2, 1), norm, 0.2)
        maps.append(x)
    return maps


def raised(x, deconvolution):
    return F.conv_transpose2d(x, deconvolution.weight, deconvolution.bias, 2, 1)


def below(x, told):
    """Maps with the vector repeated below them."""
    n, _, height, width = x.shape
    planes = torch.ones(n, told.shape[1], height, width, dtype=x.dtype) * told.to(x.dtype)[:, :, None, None]
    return torch.cat([x, planes], 1)


def plain_critic(discriminator, x):
    """Scores [N] and logits [N, c]."""
    for convolution, norm in zip(list(discriminator.features)[::2], list(discriminator.features)[1::2], strict=True):
        x = F.conv2d(x, convolution.weight, None, 2, 1)
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.square().mean((2, 3), keepdim=True) + 1e-6).sqrt()
        x = F.leaky_relu(x * norm.weight[:, None, None] + norm.bias[:, None, None], 0.2)
    found = []
    for head in (discriminator.adversarial, discriminator.classify):
        h = F.leaky_relu(torch.einsum("nchw,ochw->no", x, head.hidden.weight) + head.hidden.bias, 0.2)
        found.append(h @ head.last.weight[:, :, 0, 0].t() + head.last.bias)
    return found[0][:, 0], found[1]


def bce(logit, target):
    return -(target * torch.sigmoid(logit).log() + (1 - target) * torch.sigmoid(-logit).log())
