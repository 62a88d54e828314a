"""One job's method as the checks share it, before anything is trained."""

from collections.abc import Callable

import torch
from torch import Tensor

from sgbench.data.store.packed import PackedImages
from sgbench.methods.contract import Method
from sgbench.plan.job import Job
from sgbench.scoring.translator import Model
from sgbench.support.blame import errors_in_a_line
from sgbench.support.errors import UserError

_TRIED = 4
"""Images that are edited."""


class Unsuited(UserError):
    """The method says that it cannot take these attributes, labels or images of this size."""


class Trial:
    """A job, its batches, and its method as the last check left it.

    Attributes:
        method: there after the first check.
    """

    method: Method

    def __init__(self, job: Job, images: PackedImages | Tensor, device: torch.device):
        self.job, self.device, self.name = job, device, job.code
        self.batches = job.batches(images, device)

    def built(self) -> Method:
        """The method as training begins with it.

        Raises:
            Unsuited: it cannot be built for this job.
        """
        try:
            return self.job.build().to(self.device, memory_format=torch.channels_last)
        except ValueError as error:
            raise Unsuited(f"{self.name}: {error}") from error

    def model(self, method: Method | None = None) -> Model:
        """The method, or another instance of it, as scoring uses it."""
        job = self.job
        return Model(tuple(range(len(job.attributes))), method or self.method, "", job.entry.source_labels == "true")

    def sources(self) -> tuple[Tensor, Tensor]:
        """A few images of the first batch, floats, and the labels of them that training knows."""
        images, labels = self.batches.at(0, 1)[0]
        return images[:_TRIED], labels[:_TRIED]

    def passes(self, check: "Check") -> str:
        """Make a check; returns its remark.

        Raises:
            UserError: it is not passed, or the code of a method from elsewhere fails.
        """
        with errors_in_a_line(self.name, self.job.entry.cls.__module__, anywhere=True):
            return check(self)


Check = Callable[[Trial], str]
"""Finds the method as the check before left it; returns a remark, which may be empty.

It raises a UserError that says what is wrong and how to mend it.
"""
