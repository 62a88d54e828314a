"""A whole iteration of each method: with kernels as it is trained, without them, and replayed from a CUDA graph."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from sgbench.data.labels import Attribute, Batch
from sgbench.methods import kernels
from sgbench.methods.contract import Method
from sgbench.methods.sggan import SGGAN
from sgbench.training.optimisers import set_rates
from sgbench.training.steps import ReplayedSteps, Steps, kept_state, make_steps

ATTRIBUTES = tuple(Attribute(name, ("no", "yes")) for name in ("male", "young", "smiling", "eyeglasses"))
METHODS: dict[type[Method], int] = {SGGAN: 4, StarGAN: 4, ResidualGAN: 1, SemiStarGAN: 4}
"""How many attributes each learns."""
ALLOWED = {"float32": 0.01, "bfloat16": 0.2}
"""Of differences: roundings grow through an iteration. Float32 shows what is wrong, bfloat16 that it runs."""


class OneBatch:
    """A feed that gives the same batches in every iteration."""

    def __init__(self, method: Method, image_size: int, device: str | torch.device):
        size, values = method.settings.batch_size, torch.arange(method.settings.batch_size, device=device)
        labels = torch.stack([values // 2**j % 2 for j in range(len(method.attributes))], 1).to(torch.int8)
        labels = labels.sort(0).values if method.sampling == "by_value" else labels
        images = torch.rand(size, 3, image_size, image_size, device=device) * 2 - 1
        batch = Batch(images.contiguous(memory_format=torch.channels_last), labels)
        self.given = [batch] * method.batches_per_iteration

    def load(self, iteration: int) -> None:
        """There is nothing to move."""

    def batches(self) -> list[Batch]:
        """Of any iteration."""
        return self.given


def iteration_errors(
    device: str | torch.device, image_size: int = 128, width: int = 64, batch_size: int = 8
) -> Iterator[tuple[str, float, float]]:
    """Losses and gradients of one iteration, at rates of 0: (name, largest difference, what is allowed).

    The last check of each method says whether its iteration could be recorded.
    """
    for cls, count in METHODS.items():
        for precision, allowed in ALLOWED.items():
            torch.manual_seed(0)
            own = {"n_critic": 1} if "n_critic" in cls.Settings.model_fields else {}
            settings = cls.Settings(base_width=width, batch_size=batch_size, **own)
            method = cls(ATTRIBUTES[:count], image_size, settings, torch.zeros(1, count, dtype=torch.int8))
            for p in method.parameters():
                nn.init.kaiming_normal_(p) if p.dim() > 1 else nn.init.normal_(p, 0.5, 0.3)
            method.to(device, memory_format=torch.channels_last)
            feed = OneBatch(method, image_size, device)
            steps = make_steps(method, feed, precision, 0)
            for optimizer in method.optimizers.values():
                set_rates(optimizer, [0.0])
            name = f"{cls.display_name}, {precision},"
            wanted = results_of(Steps(method, feed, precision))
            with without_kernels():
                plain = results_of(Steps(method, feed, precision))
            yield f"{name} with kernels and without", _difference(wanted, plain), allowed
            if isinstance(steps, ReplayedSteps):
                results_of(steps)  # records
                yield f"{name} replayed", _difference(results_of(steps), wanted), allowed
            yield f"{name} recorded", float(not isinstance(steps, ReplayedSteps)), 0.0


def results_of(steps: Steps) -> list[Tensor]:
    """Losses and gradients of one iteration, after which the method is as it was."""
    with kept_state(steps.method), torch.backends.cudnn.flags(allow_tf32=False):
        torch.manual_seed(0)
        return [*steps.run(0), *(p.grad.clone() for p in steps.method.parameters() if p.grad is not None)]


@contextmanager
def without_kernels() -> Iterator[None]:
    """Context in which torch's operators compute everything."""
    usable, kernels.usable = kernels.usable, lambda x: False
    try:
        yield
    finally:
        kernels.usable = usable


def _difference(found: list[Tensor], wanted: list[Tensor]) -> float:
    """The largest, as a part of each tensor's norm; what is 0 but for rounding counts as 1 % of the largest norm."""
    sizes = [float(x.norm()) for x in wanted]
    floor = 0.01 * max(sizes)
    differences = [float((x - y).norm()) for x, y in zip(found, wanted, strict=True)]
    return max(difference / max(size, floor) for difference, size in zip(differences, sizes, strict=True))
