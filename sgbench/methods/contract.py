"""The contract of a method. A method handles networks, optimisers, gradients; the loop handles time, files, devices."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from sgbench.data.labels import HIDDEN, Attribute, Batch, Group, all_groups
from sgbench.support.settings_model import SettingsModel

Width = Annotated[int, Field(ge=1, le=4096)]
"""Channels of a network's first layer; deeper layers have several times as many."""
SourceLabels = Literal["true", "guessed", "none"]
"""What a method knows of source images at test: their true labels; what it guesses of them itself; nothing."""


class MethodSettings(SettingsModel):
    """Settings that every method has. A method can add more.

    An **iteration** is one update of the generator. Learning rates are constant for ``constant_iterations``, then fall
    linearly to 0 at ``iterations``.
    """

    iterations: PositiveInt
    """Updates of the generator."""
    constant_iterations: NonNegativeInt
    """Iterations before learning rates begin to fall, linearly to 0 at the last."""
    batch_size: PositiveInt
    """Images of a batch."""
    labelled_share: float = Field(0.25, ge=0, le=1)
    """Share of a batch that is drawn from labelled images."""
    learning_rate: PositiveFloat = 1e-4
    """Adam's rate of the generator."""
    base_width: Width = 64
    """Channels of the generator's first layer; deeper layers have several times as many."""


class Method(nn.Module, ABC):
    """A method of facial attribute manipulation.

    A subclass is built as ``Method(attributes, image_size, settings, labels)`` where labels, int8 [N, J], are the
    revealed labels of the training images. It raises a ValueError if it cannot handle them; a plan builds it on the
    meta device to find that out early. Its state is the parameters and buffers of its networks, its own buffers, and
    ``optimizers``, nothing else.

    What changes in training and is no parameter, such as a norm's running statistics or a count of updates, is a
    buffer: a tensor that ``step`` changes in place, which checkpoints keep and a recorded iteration goes on with. A
    weight that changes in the course of training is computed from such a count. Running statistics learn in one pass
    that the code names, so that the order of loss terms does not count, and ``edit`` uses them as they are.

    On a GPU an iteration is recorded once and then replayed (``training.steps``), which is several times as fast. For
    that, ``step`` must run the same operations on tensors of the same shapes in every iteration. It reads no value on
    the host (``item``, ``if`` on a tensor, a boolean mask as an index), makes no tensor of numbers that lie on the
    host, does nothing that depends on ``iteration``, draws random numbers from torch's default generator alone, and
    its optimisers have the option ``capturable``. A method that breaks this is trained step by step, with a warning
    that says what breaks it and where.
    """

    Settings: ClassVar[type[MethodSettings]]
    display_name: ClassVar[str]
    key: ClassVar[str]
    """Trained models are kept under this key, whatever file the class is in. Every class and subclass declares one."""
    version: ClassVar[int] = 1
    """Part of a job's hash, with the key. It is raised when the same settings would give another trained model,
    or the same model other results."""
    one_attribute: ClassVar[bool] = False
    """A job learns one attribute, and a system is made of several jobs."""
    sampling: ClassVar[Literal["mixed", "by_value"]] = "mixed"
    """``mixed``: a share of labelled images, the rest from all. ``by_value``: equally many labelled images of each
    value, those of value 0 first."""
    at_test: ClassVar[tuple[str, ...]] = ("source_labels",)
    """Settings that decide how a trained model is used: models are trained and kept without regard to them."""
    needs_complete_vectors: ClassVar[bool] = False
    """Training needs images with every label known."""

    attributes: tuple[Attribute, ...]
    settings: MethodSettings
    optimizers: Mapping[str, Optimizer]

    @classmethod
    def source_labels(cls, settings: MethodSettings) -> SourceLabels:
        """What the method knows of source images: its setting ``source_labels``, if it has one.

        In scoring, ``translate`` is given the true labels only where this says ``true``; else all of them are hidden.
        """
        return getattr(settings, "source_labels", "none")

    @property
    def batches_per_iteration(self) -> int:
        """Number of fresh batches that one call of ``step`` takes."""
        return 1

    @abstractmethod
    def step(self, batches: Sequence[Batch], iteration: int) -> dict[str, Tensor]:
        """Run one iteration, updating parameters and buffers; return scalar losses by name, detached."""

    @abstractmethod
    def edit(self, images: Tensor, labels: Tensor, group: Group) -> Tensor:
        """Translate float images [N, 3, S, S] in [-1, 1] to one group, without gradients; results are in [-1, 1].

        Args:
            labels: int8 [N, J], the source images' labels, hidden where ``source_labels`` does not ask for true ones.
        """

    def guessed_labels(self, images: Tensor) -> Tensor | None:
        """What the trained method itself takes for the labels of images, int8 [N, J]; None if it cannot tell."""
        return None

    def every_edit(self, images: Tensor) -> Tensor:
        """Results of all groups, as ``all_groups`` has them, for images without known labels: [N, groups, 3, S, S].

        It is what an exported program computes: ``torch.export`` must be able to write it down.
        """
        labels = images.new_full((images.shape[0], len(self.attributes)), HIDDEN, dtype=torch.int8)
        return torch.stack([self.edit(images, labels, group) for group in all_groups(self.attributes)], 1)

    def translate(self, images: Tensor, labels: Tensor, groups: Sequence[Group]) -> Tensor:
        """Translate to several groups, by default one edit after another, in the order given."""
        for group in groups:
            images = self.edit(images, labels, group)
        return images


def update(optimizer: Optimizer, losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """One step of an optimiser on the sum of weighted terms; returns the terms, detached."""
    optimizer.zero_grad(set_to_none=True)
    sum(losses.values()).backward()
    optimizer.step()
    return {name: loss.detach() for name, loss in losses.items()}
