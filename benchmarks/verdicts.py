"""Results of a study's systems and the verdicts of judges on them, which the studies of juries share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.judges.architectures import Architecture
from sgbench.judges.cache import judge_hash, open_judge
from sgbench.judges.judge import Judge
from sgbench.judges.training import JudgeSettings
from sgbench.launching.launch import train_jobs
from sgbench.plan.study import Study, open_study
from sgbench.results.judge_files import JudgeFiles
from sgbench.scoring.stages import StudyData, prepare_data
from sgbench.scoring.translator import Translate, editor, load_models, translator
from sgbench.settings.models import Settings
from sgbench.support.screen import Screen

BATCH = 250
LEVELS, STEPS = 6, 12
"""Bound of noise that fools a network, in levels of 255, and its steps."""

Results = dict[tuple[str, int], Tensor]
"""(system, target) -> its results uint8 [M, 3, S, S], in the order of the target's requests."""


@dataclass(frozen=True)
class Rows:
    """The results of a cell: one target, one value asked for, one measured attribute.

    Attributes:
        target: position of the target attribute, as ``attribute`` is of the measured one.
        rows: int64 [n], which of the target's requests.
        expected: int8 [n], the value that a judge should see.
        sources: int64 [n], the source images.
    """

    target: int
    value: int
    attribute: int
    rows: np.ndarray
    expected: np.ndarray
    sources: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A study whose models are trained, with its data."""

    study: Study
    data: StudyData

    @property
    def requests(self) -> tuple[Requests, ...]:
        """What is asked for."""
        return self.data.test.requests

    def results(self, suffix: str = "") -> Results:
        """The results of every system; ``suffix`` goes behind their names."""
        found: Results = {}
        test, study = self.data.test, self.study
        for system in study.plan.systems:
            models = load_models(system, study.runs, study.device)
            translate = translator(editor(models, study.device, study.settings.precision), test.images, test.labels)
            name = f"{system.entry.name}, seed {system.seed}{suffix}"
            found |= {(name, r.target): translated(translate, r) for r in self.requests}
        return found

    def oracle(self) -> Results:
        """The exact counterfactuals."""
        known = self.data.test.references.counterfactuals
        return {("oracle", r.target): known[r.target] for r in self.requests}

    def fooling(self, judge: Judge) -> Results:
        """Copies of the sources with noise that makes one judge see the value asked for."""
        translate = noise_that_fools(judge, self.data.test.images)
        return {("noise", r.target): translated(translate, r) for r in self.requests}

    def cells(self) -> list[Rows]:
        """The cells of each system by value asked for."""
        return list(cells(self.requests, self.data.test.labels.numpy()))

    def judge(self, architecture: Architecture, settings: JudgeSettings) -> Judge:
        """A judge trained on the study's training images, or the one trained earlier."""
        plan, files = self.study.plan, self._files(architecture, settings)
        return open_judge(plan.source, self.data.images, plan.train, settings, architecture, files, self.study.device)

    def _files(self, architecture: Architecture, settings: JudgeSettings) -> JudgeFiles:
        plan = self.study.plan
        return self.study.runs.judge(judge_hash(plan.source, plan.train, settings, architecture))


def train(settings: Settings, runs: Path) -> Trained:
    """Train a study's models, or open them."""
    study = open_study(settings, runs, Screen())
    data = prepare_data(study)
    train_jobs(study, data.images)
    return Trained(study, data)


def shortened(settings: Settings, share: float) -> Settings:
    """The same methods with a share of their iterations."""
    methods = []
    for entry in settings.methods:
        numbers = {k: max(1, round(share * getattr(entry.settings, k))) for k in ("iterations", "constant_iterations")}
        methods.append(entry.model_copy(update={"settings": entry.settings.model_copy(update=numbers)}))
    return settings.model_copy(update={"methods": tuple(methods)})


def translated(translate: Translate, request: Requests) -> Tensor:
    """The results of all requests of one target."""
    parts = [
        translate(positions, [group])
        for group, rows in request.by_value()
        for positions in request.positions[rows].split(BATCH)
    ]
    return torch.cat(parts)


def noise_that_fools(judge: Judge, images: Tensor) -> Translate:
    """A translator that moves pixels up a judge's gradient, by at most ``LEVELS``."""

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        (group,) = groups
        x = images[positions].float()
        noise = torch.zeros_like(x, requires_grad=True)
        for _ in range(STEPS):
            logits = judge.logits((x + noise).div(127.5).sub(1))[group.attribute]
            (gradient,) = torch.autograd.grad(logits[:, group.value].sum() - logits.sum() / 2, noise)
            noise = (noise + gradient.sign()).clamp(-LEVELS, LEVELS).detach().requires_grad_()
        return (x + noise).round().clamp(0, 255).to(torch.uint8).detach()

    return translate


def cells(requests: Sequence[Requests], labels: np.ndarray) -> Iterator[Rows]:
    """Each target, value asked for and measured attribute, with the results that it applies to."""
    for request in requests:
        positions, values = request.positions.numpy(), request.values.numpy()
        for group, _ in request.by_value():
            for attribute in range(labels.shape[1]):
                expected = values if attribute == request.target else labels[positions, attribute]
                rows = np.flatnonzero((values == group.value) & (expected >= 0))
                yield Rows(request.target, group.value, attribute, rows, expected[rows], positions[rows])


def verdicts(judge: Judge, results: Mapping[tuple[str, int], Tensor]) -> dict[tuple[str, int], np.ndarray]:
    """The most probable value of each attribute of each result, int8 [M, J]; networks run in bfloat16, for speed."""
    found = {}
    for key, images in results.items():
        with torch.autocast(images.device.type, torch.bfloat16):
            heads = judge.posteriors(images)
        found[key] = np.stack([head.argmax(1).numpy() for head in heads], 1).astype(np.int8)
    return found


def hits(
    of_judges: Sequence[Mapping[tuple[str, int], np.ndarray]], system: str, cells_of: Sequence[Rows]
) -> list[np.ndarray]:
    """For each cell of a system whether each judge sees the value expected, float64 [n, K]."""
    return [
        np.stack([v[system, c.target][c.rows, c.attribute] == c.expected for v in of_judges], 1).astype(float)
        for c in cells_of
    ]
