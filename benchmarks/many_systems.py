"""Studies of many systems without training one: what the benchmark of growth scores and reports.

Real judges score two controls: the source copied, and the exact counterfactual. Every system of a study gives, for each
request, the result of one of these, drawn with a share of its own. A result's scores depend on that result alone, so a
system's scores are rows of the controls' scores. The package writes folders and records, as scoring does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.plan.study import Study, open_study
from sgbench.results.cost import Cost
from sgbench.results.description import ReportedSystem
from sgbench.results.records import COPY, ORACLE
from sgbench.results.samples import Samples, read_samples, write_samples
from sgbench.results.scores import TargetScores, read_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.scoring.stages import prepare_data, train_judges
from sgbench.scoring.systems import SystemScorer, make_scorer
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.studies.description import describe
from sgbench.support.screen import Screen

NUM_TRAIN = 800
"""Training images of the judges."""
BRIEF = {"epochs": 1, "floor": 0.0}
"""Judges are trained for a moment, and their verdicts count as they are."""
NUM_ITERATIONS = 100
"""Rows of losses of each system."""


@dataclass(frozen=True)
class Bench:
    """A scored test set, and what all systems are made of.

    Attributes:
        scorer: of a study whose run folder has judges and controls.
        scores: of the copies, then of the counterfactuals: for each target.
        samples: of the same, for figures of faces.
    """

    scorer: SystemScorer
    scores: tuple[tuple[TargetScores, ...], ...]
    samples: tuple[Samples, ...]

    def add_system(self, number: int) -> ReportedSystem:
        """Score a system and write its folder, if it is not there; the same number is always the same system.

        Returns:
            The system as a report has it: a method of its own, so that it has a row of its own in every table.
        """
        scorer, rng = self.scorer, np.random.default_rng([number, 3])
        method, share = f"method{number:03d}", rng.uniform(0.1, 0.9)
        folder = scorer.study.runs.system(f"{method}-{scorer.study.protocol.hash[:8]}")
        system = ReportedSystem(folder.name, method, f"Method {number}")
        if folder.is_scored():
            return system
        folder.write_cost(Cost(1_000_000 + number, 10**8, 1.0, 60.0, "not run here"))
        write_samples(
            folder.samples_file, [people[int(rng.random() < share)] for people in zip(*self.samples, strict=True)]
        )
        requests = scorer.test.requests
        targets = tuple(
            mixed(copied, edited, torch.from_numpy(rng.random(len(request.positions)) < share))
            for request, copied, edited in zip(requests, *self.scores, strict=True)
        )
        base = scorer.base_record(folder.name, method, "measured", level="all", seed=0)
        scorer.keep(folder, scorer.scores(base, requests, (0,) * len(requests), targets))
        losses = enumerate(rng.random(NUM_ITERATIONS), 1)
        scorer.study.runs.job(method).add_losses([{"iteration": i, "generator": float(x)} for i, x in losses])
        return system

    def study_of(self, systems: Sequence[ReportedSystem]) -> StudyFolder:
        """The folder of a study with these systems, ready to be reported."""
        study = self.scorer.study
        folder = StudyFolder(study.runs.study(f"{study.settings.study}-{len(systems)}"))
        jobs = {system.method: system.shown for system in systems}
        folder.write_description(replace(describe(study, systems), jobs=jobs))
        return folder


def open_quick(runs: Path, num_test: int) -> Study:
    """The study of the quick config's data, without methods, with judges that are trained in a moment."""
    data = {"num_images": NUM_TRAIN + num_test, "num_test": num_test}
    settings = read_settings(find_config("quick"), {"methods": [], "device": "cpu"}, data)
    brief = {
        "judge": settings.judge.model_copy(update=BRIEF),
        "jury": settings.jury.model_copy(update=BRIEF | {"gate": 0.0}),
    }
    return open_study(settings.model_copy(update=brief), runs, Screen())


def open_bench(runs: Path, num_test: int) -> Bench:
    """Draw faces, train judges and score the controls.

    Args:
        runs: the run folder; what it has already is not made again.
        num_test: number of test images.
    """
    study = open_quick(runs, num_test)
    data = prepare_data(study)
    scorer = make_scorer(study, data, train_judges(study, data))
    scorer.controls()
    folders = [study.controls[name] for name in (COPY, ORACLE)]
    scores = tuple(read_scores(folder.scores_file).targets for folder in folders)
    return Bench(scorer, scores, tuple(read_samples(folder.samples_file) for folder in folders))


def mixed(copied: TargetScores, edited: TargetScores, chosen: Tensor) -> TargetScores:
    """Scores of a system that gives the counterfactual where ``chosen`` bool [M] says so, else the copy."""

    def pick(first: Tensor, second: Tensor) -> Tensor:
        return torch.where(chosen[:, None], second, first)

    posteriors = tuple(
        tuple(pick(a, b) for a, b in zip(heads, others, strict=True))
        for heads, others in zip(copied.posteriors, edited.posteriors, strict=True)
    )
    return TargetScores(posteriors, {place: pick(a, edited.terms[place]) for place, a in copied.terms.items()})
