"""What a training tells TensorBoard: losses, rates and grids of samples, in the job's folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sgbench.methods.contract import Method
from sgbench.results.checkpoints import progress
from sgbench.results.job_folder import JobFolder
from sgbench.support.errors import UserError
from sgbench.training.loop import rate_factor
from sgbench.training.optimisers import rates_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_EVERY = 10
"""Iterations from one point of a curve to the next."""


class TensorBoardCurves:
    """A job's curves and grids. Points after a checkpoint are hidden when the job goes on from there."""

    def __init__(self, writer: "SummaryWriter", method: Method):
        self._writer, self._settings = writer, method.settings
        self._rates = {name: rates_of(optimizer) for name, optimizer in method.optimizers.items()}

    def losses(self, done: int, losses: Mapping[str, float]) -> None:
        """The losses of an iteration and the rates that it had, of one iteration in several."""
        if done % _EVERY and done != self._settings.iterations:
            return
        for name, value in losses.items():
            self._writer.add_scalar(f"losses/{name}", value, done)
        factor = rate_factor(self._settings, done - 1)
        for name, rates in self._rates.items():
            for place, rate in enumerate(rates):
                self._writer.add_scalar(f"rates/{name}{f'-{place}' if place else ''}", rate * factor, done)

    def grid(self, done: int, grid: Image.Image) -> None:
        """A grid of samples."""
        self._writer.add_image("samples", np.asarray(grid), done, dataformats="HWC")


@contextmanager
def curves_of(folder: JobFolder, method: Method) -> Iterator[TensorBoardCurves]:
    """The curves of a job while it trains, from its checkpoint on."""
    start = progress(folder)[0] if folder.checkpoint.exists() else 0
    writer = imported_writer()(str(folder.curves), purge_step=start + 1)
    try:
        yield TensorBoardCurves(writer, method)
    finally:
        writer.close()


def imported_writer() -> type["SummaryWriter"]:
    """TensorBoard's class.

    Raises:
        UserError: it is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError("--tensorboard needs TensorBoard; install it: pip install 'sgbench[tensorboard]'") from error
    return SummaryWriter
