"""The whole contract of a method, tried on a few embedded faces: what ``sgbench check`` does."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from sgbench.data.labels import NONE, Attribute, sparsify
from sgbench.data.levels import Level
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.data.sources.faces import Faces
from sgbench.methods.contract import Method, MethodSettings
from sgbench.plan.job import Job
from sgbench.settings.apart import check_declared
from sgbench.settings.models import MethodEntry
from sgbench.support.code import files_of
from sgbench.support.errors import UserError
from sgbench.trials import checks, training
from sgbench.trials.trial import Check, Trial, Unsuited

State = Literal["ok", "note", "failed", "not applicable"]
_FACES, _LEVEL = 64, 5
"""Faces that are trained on, and how many labels of each value are revealed."""
_HAIR = Attribute("hair_color", ("black", "blond", "brown"))


@dataclass(frozen=True)
class Finding:
    """What came of a check; ``words`` are a remark, or what is wrong and how to mend it."""

    check: str
    state: State
    words: str = ""


@dataclass(frozen=True)
class Case:
    """What a method is tried with."""

    title: str
    image_size: int
    attributes: tuple[Attribute, ...]
    level: Level

    def job(self, cls: type[Method], settings: MethodSettings) -> Job:
        """A job on embedded faces; a method that learns one attribute gets the last."""
        attributes = self.attributes[-1:] if cls.one_attribute else self.attributes
        known = Faces().labels(torch.arange(_FACES))
        places = [[a.name for a in ATTRIBUTES].index(attribute.name) for attribute in attributes]
        labels = known[:, places]
        labels[labels == NONE] = _HAIR.values.index("brown")
        entry = MethodEntry(name=cls.key, variant="", cls=cls, settings=settings)
        return Job(
            entry,
            self.level,
            seed=0,
            columns=tuple(range(len(attributes))),
            attributes=attributes,
            image_size=self.image_size,
            precision="float32",
            labels=sparsify(labels, attributes, self.level, 0),
            source="faces",
            train=torch.arange(_FACES),
            files=files_of(cls.__module__),
        )

    def trial(self, cls: type[Method], settings: MethodSettings) -> Trial:
        """The trial of a method."""
        return Trial(self.job(cls, settings), _faces(self.image_size), torch.device("cpu"))


@cache
def _faces(size: int) -> Tensor:
    return Faces().render(torch.arange(_FACES), size)


CASES = (
    Case("images of 32x32", 32, ATTRIBUTES[:2], _LEVEL),
    Case("images of 64x64", 64, ATTRIBUTES[:2], _LEVEL),
    Case("every label known", 32, ATTRIBUTES[:2], "all"),
    Case("an attribute of three values", 32, (ATTRIBUTES[0], _HAIR), _LEVEL),
)
"""The first one that a method takes is tried in every respect, the others with a dry step."""


def shapes_alone(trial: Trial) -> str:
    """It can be built on the meta device, as a plan does to find out what it takes."""
    trial.job.check()
    return ""


def check_contract(cls: type[Method], settings: MethodSettings | None) -> Iterator[Finding]:
    """Make every check; after one that is not passed, nothing more is tried.

    Args:
        settings: None for a class that declares none, which is then what is wrong.
    """
    try:
        check_declared(cls, f"{cls.__module__}:{cls.__qualname__}")
    except UserError as error:
        yield Finding("declarations", "failed", str(error))
        return
    yield Finding("declarations", "ok", f"{cls.display_name}, key {cls.key}, version {cls.version}")
    whole = checks.CHECKS | {"shapes alone": shapes_alone} | training.CHECKS
    left: dict[str, dict[str, Check]] = {title: {title: check} for title, check in whole.items()}
    for case in CASES:
        try:
            trial = case.trial(cls, settings)
            trial.passes(checks.construction)
        except Unsuited as error:
            yield Finding(case.title, "not applicable", str(error))
            continue
        except UserError as error:
            yield Finding(case.title, "failed", str(error))
            return
        for title, made in (left or {case.title: checks.CHECKS}).items():
            yield (finding := _found(title, trial, made))
            if finding.state == "failed":
                return
        left = {}
    if left:
        yield Finding("construction", "failed", "none of these is taken, so that nothing else was tried")


def _found(title: str, trial: Trial, made: dict[str, Check]) -> Finding:
    try:
        remarks = [remark for check in made.values() if (remark := trial.passes(check))]
    except UserError as error:
        return Finding(title, "failed", str(error))
    return Finding(title, "note" if remarks else "ok", "; ".join(remarks))
