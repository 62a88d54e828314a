"""What will not be scored, said when the judges are trained and before time is spent on methods, with the remedies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.judges.training import JudgeSettings, batch_sizes
from sgbench.results.scores import MIN_SITTING, Panelist, sitting
from sgbench.settings.models import Settings
from sgbench.support.errors import UserError

_BATCHES = 300
"""A judge has seen enough after about so many, as those of the quick config have on the embedded faces."""


@dataclass(frozen=True)
class Outlook:
    """Whether accuracy will be scored, by attribute.

    Attributes:
        by_jury: for each attribute why the jury will not score it, empty where it will.
        by_resnet: the same of the paper's judge.
        remedy: what would have them scored.
    """

    attributes: tuple[Attribute, ...]
    by_jury: tuple[str, ...]
    by_resnet: tuple[str, ...]
    remedy: str

    @property
    def lines(self) -> list[str]:
        """A line for each attribute of which accuracy will be missing."""
        told = []
        for attribute, jury, resnet in zip(self.attributes, self.by_jury, self.by_resnet, strict=True):
            reasons = [f"{judge} {why}" for judge, why in (("the jury:", jury), ("the ResNet-18:", resnet)) if why]
            if reasons:
                told.append(f"{attribute.name}: accuracy will not be scored by {'; nor by '.join(reasons)}")
        return told

    @property
    def is_hopeless(self) -> bool:
        """Whether no attribute will have an accuracy by anybody."""
        return all(self.by_jury) and all(self.by_resnet)

    def check(self) -> None:
        """Refuse to train what nobody could score.

        Raises:
            UserError: no attribute will have an accuracy.
        """
        if self.is_hopeless:
            raise UserError(
                "no attribute would have an accuracy, whatever the methods learn: nothing is trained; "
                f"{self.remedy}; or give --unscored to train all the same"
            )


def outlook(
    judges: Sequence[Panelist], attributes: tuple[Attribute, ...], labels: Tensor, settings: Settings
) -> Outlook:
    """What judges that are trained will be able to score.

    Args:
        judges: the paper's, then the jury.
        labels: int8 [N, J], of the training images.
    """
    numbers = range(len(attributes))
    by_jury = tuple(_jury(judges, j) for j in numbers)
    by_resnet = tuple(judges[0].verdicts[j].reason for j in numbers)
    return Outlook(attributes, by_jury, by_resnet, _remedy(attributes, by_jury, by_resnet, labels, settings))


def _jury(judges: Sequence[Panelist], j: int) -> str:
    """Why the jury cannot score an attribute, empty if it can; judges with the same reason but for a number as one."""
    sit, problem = sitting(judges, j)
    if not problem:
        return ""
    verdicts = [judge.verdicts[j] for judge in judges[1:]]
    seen = ", ".join(f"{v.balanced_accuracy:.3f}" for v in verdicts)
    told = f"{len(sit)} of its {len(verdicts)} judges see it well enough, {MIN_SITTING} are needed; their balanced "
    told += f"accuracy on test images is {seen}, the floor {verdicts[0].floor:g}"
    barred = [v for v in verdicts if v.balanced_accuracy >= v.floor and v.reason]
    return f"{told}; {barred[0].reason}" if barred else told


def _remedy(
    attributes: tuple[Attribute, ...],
    by_jury: Sequence[str],
    by_resnet: Sequence[str],
    labels: Tensor,
    settings: Settings,
) -> str:
    missing = [bool(jury or resnet) for jury, resnet in zip(by_jury, by_resnet, strict=True)]
    known = ", ".join(
        f"{attribute.name} {int((labels[:, j] >= 0).sum()):,}" for j, attribute in enumerate(attributes) if missing[j]
    )
    kinds = [key for key, barred in (("judge", by_resnet), ("jury", by_jury)) if any(barred)]
    epochs = " ".join(f"--set {key}.epochs={_epochs(len(labels), getattr(settings, key))}" for key in kinds)
    told = [f"train judges for longer ({epochs})", f"label more training images (labelled now: {known})"]
    if others := [a.name for a, lacks in zip(attributes, missing, strict=True) if not lacks]:
        told.append(f"leave it out (--attributes {','.join(others)})")
    floors = " ".join(f"--set {key}.floor=..." for key in kinds)
    return f"{', '.join(told)}, or believe weaker judges ({floors})"


def _epochs(images: int, judge: JudgeSettings) -> int:
    """Epochs in which a judge sees enough batches; twice as many as now where it has seen enough already."""
    kept = images - max(1, round(judge.held_out * images))
    needed = math.ceil(_BATCHES / max(1, len(batch_sizes(kept, judge.batch_size))))
    return needed if needed > judge.epochs else 2 * judge.epochs
