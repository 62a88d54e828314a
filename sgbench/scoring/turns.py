"""Turns at scoring: a system is scored once, by one study at a time, and again where other judges are there now."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sgbench.plan.study import Study
from sgbench.results.system_folder import SystemFolder
from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_array
from sgbench.support.locks import FOREVER, SILENT_SECONDS, locked


@dataclass(frozen=True)
class Turns:
    """Gives one study after another its turn at a system.

    Attributes:
        scored_with: hashes of what decides figures besides results: the judges' weights, and the test images.
    """

    study: Study
    scored_with: dict[str, Any]

    @contextmanager
    def alone_at(self, folder: SystemFolder) -> Iterator[bool]:
        """Keep other studies from scoring a system while the block runs; yields whether it is scored already.

        It is not where other judges than those of today scored it, or from other test images, which is said.
        """
        if self.is_settled(folder):
            yield True
            return
        lock = self.study.runs.system_lock(folder.name)

        def busy(who: str) -> str:
            return f"{folder.path}: {who} scores it; waiting for it to end"

        with ExitStack() as stack:
            try:
                stack.enter_context(locked(lock, busy, SILENT_SECONDS))
            except UserError as error:
                self.study.screen.say(str(error))
                stack.enter_context(locked(lock, busy, FOREVER))
            folder.discard_unfinished()
            if folder.is_scored() and not self.is_settled(folder):
                self.study.screen.say(f"{folder.path}: was scored with other judges or test images: scored again")
                folder.unscore()
            yield folder.is_scored()

    def is_settled(self, folder: SystemFolder) -> bool:
        """Whether a system is scored with what there is now, as far as it says with what it was."""
        return folder.is_scored() and folder.scored_with() in (None, self.scored_with)


def turns_at(study: Study, images: Tensor) -> Turns:
    """Turns of a study whose judges are trained.

    Args:
        images: uint8 [N, 3, S, S], its test images.
    """
    weights = [study.runs.judge(seat.key).facts().get("sha256") for seat in study.protocol.judges]
    return Turns(study, {"judges": weights, "test images": hash_of_array(images.numpy())})
