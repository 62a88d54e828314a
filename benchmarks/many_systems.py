"""Studies of many systems without training one: what the benchmark of growth scores and reports.

Two translators are scored by real judges: copies of the source with noise, and exact counterfactuals with noise. Every
system of a study gives, for each request, the result of one of them, drawn with a share of its own. A result's scores
depend on that result alone, so a system's scores are rows of the two translators' scores. Folders and records are
written by the package, as scoring writes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.plan.study import open_study
from sgbench.results.cost import Cost
from sgbench.results.description import ReportedSystem
from sgbench.results.samples import read_samples, write_samples
from sgbench.results.scores import TargetScores
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.scoring.stages import StudyData, prepare_data, train_judges
from sgbench.scoring.systems import SystemScorer, make_scorer
from sgbench.scoring.translator import Translate
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.studies.description import describe
from sgbench.support.screen import Screen

NUM_TRAIN, NOISE = 800, 12
"""Training images of the judges, and the noise of the translators in levels of 255."""
NUM_ITERATIONS = 100
"""Rows of losses of each system."""
JUDGES = {"epochs": 1, "floor": 0.0}
"""Briefly trained, and taken as they are."""

Scored = tuple[TargetScores, ...]


@dataclass(frozen=True)
class Bench:
    """Test images, judges, and the scores of the two translators that all systems are made of.

    Attributes:
        scorer: of the study, whose run folder has judges, controls and the two translators' samples.
        copies: scores of copies with noise.
        edited: scores of exact counterfactuals with noise.
    """

    scorer: SystemScorer
    copies: Scored
    edited: Scored
    shown: tuple[SystemFolder, SystemFolder]

    def add_system(self, number: int) -> ReportedSystem:
        """Score a system and write its folder; the same number is always the same system.

        Returns:
            The system as a report has it: a method of its own, so that it has a row of its own in every table.
        """
        scorer, rng = self.scorer, np.random.default_rng([number, 3])
        method, share = f"method{number:03d}", rng.uniform(0.1, 0.9)
        folder = scorer.study.runs.system(f"{method}-{scorer.study.protocol.hash[:8]}")
        folder.write_cost(Cost(1_000_000 + number, 10**8, 1.0, 60.0, "not run here"))
        people = zip(*(read_samples(shown.samples_file) for shown in self.shown), strict=True)
        write_samples(folder.samples_file, [edited if rng.random() < share else copied for copied, edited in people])
        base = scorer.base_record(folder.name, method, "measured", level="all", seed=0)
        requests = scorer.test.requests
        targets = tuple(
            mixed(copied, edited, torch.from_numpy(rng.random(len(request.positions)) < share))
            for request, copied, edited in zip(requests, self.copies, self.edited, strict=True)
        )
        scorer.keep(folder, scorer.scores(base, requests, (0,) * len(requests), targets))
        rows = [{"iteration": i, "generator": float(x)} for i, x in enumerate(rng.random(NUM_ITERATIONS), 1)]
        scorer.study.runs.job(method).add_losses(rows)
        return ReportedSystem(folder.name, method, f"Method {number}")

    def study_of(self, systems: Sequence[ReportedSystem]) -> StudyFolder:
        """The folder of a study with these systems, ready to be reported."""
        study = self.scorer.study
        folder = StudyFolder(study.runs.study(f"{study.settings.study}-{len(systems)}"))
        jobs = {system.method: system.shown for system in systems}
        folder.write_description(replace(describe(study, systems), jobs=jobs))
        return folder


def open_bench(runs: Path, num_test: int) -> Bench:
    """Draw the faces of the quick config, train its judges briefly, and score controls and translators.

    Args:
        runs: an empty folder.
        num_test: number of test images.
    """
    data = {"num_images": NUM_TRAIN + num_test, "num_test": num_test}
    top = {"methods": [], "judge": JUDGES, "jury": JUDGES | {"gate": 0.0}, "device": "cpu"}
    study = open_study(read_settings(find_config("quick"), top, data), runs, Screen())
    prepared = prepare_data(study)
    scorer = make_scorer(study, prepared, train_judges(study, prepared))
    scorer.controls()
    found, shown = [], []
    for name, translate in translators(prepared).items():
        found.append(scorer.targets(name, translate, prepared.test))
        shown.append(study.runs.system(name))
        scorer.samples(shown[-1], translate)
    return Bench(scorer, *found, tuple(shown))


def translators(data: StudyData) -> dict[str, Translate]:
    """Copies of the sources with noise, and exact counterfactuals with noise."""
    test = data.test
    known = test.references.counterfactuals

    def copied(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        return noisy(test.images[positions], 1)

    def edited(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        group = groups[-1]
        request = test.requests[group.attribute]
        asked = (request.values == group.value).nonzero().flatten()
        rows = asked[torch.searchsorted(request.positions[asked], positions)]
        return noisy(known[group.attribute][rows], 2)

    return {"copies": copied, "edited": edited}


def noisy(images: Tensor, seed: int) -> Tensor:
    """Images uint8 with noise that depends on nothing but their number and the seed."""
    noise = torch.randint(-NOISE, NOISE + 1, images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + noise).clamp(0, 255).to(torch.uint8)


def mixed(copied: TargetScores, edited: TargetScores, chosen: Tensor) -> TargetScores:
    """Scores of a system that gives the edited result where ``chosen`` bool [M] says so, else the copied one."""

    def pick(first: Tensor, second: Tensor) -> Tensor:
        return torch.where(chosen[:, None], second, first)

    posteriors = tuple(
        tuple(pick(a, b) for a, b in zip(heads, others, strict=True))
        for heads, others in zip(copied.posteriors, edited.posteriors, strict=True)
    )
    return TargetScores(posteriors, {place: pick(a, edited.terms[place]) for place, a in copied.terms.items()})


Measure = Callable[[], None]
