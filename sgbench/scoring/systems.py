"""Scores the systems and controls of a study; those that have records are not scored again."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgbench.data.labels import Group
from sgbench.data.requests import Requests
from sgbench.methods.networks import num_parameters
from sgbench.plan.job import Job, System
from sgbench.plan.study import Study
from sgbench.results.chains import Chain
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.gallery import Gallery
from sgbench.results.origin import LOST, SCORED_WITH
from sgbench.results.records import ALL, COPY, REAL, Record
from sgbench.results.run_folder import RunFolder
from sgbench.results.samples import Samples, write_samples
from sgbench.results.scores import UNTOUCHED, Scores, TargetScores, write_scores
from sgbench.results.system_folder import SystemFolder
from sgbench.scoring.chains import num_edits, score_chains
from sgbench.scoring.cost import measure_cost
from sgbench.scoring.evaluation_set import EvaluationSet
from sgbench.scoring.figures import make_records
from sgbench.scoring.gallery import Keeper
from sgbench.scoring.panel import Panel, inception_definition
from sgbench.scoring.repeats import unsteadiness
from sgbench.scoring.samples import make_samples
from sgbench.scoring.scorer import score
from sgbench.scoring.stages import Jury, StudyData, make_panel
from sgbench.scoring.translator import Edit, Translate, editor, load_models, translator
from sgbench.scoring.turns import Turns, turns_at
from sgbench.settings.apart import is_foreign
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.environment import origin
from sgbench.support.global_state import foreign


@dataclass(frozen=True)
class SystemScorer:
    """Scores systems of a study, with its test set, its panel, what records say about the judges, and its turns."""

    study: Study
    test: EvaluationSet
    panel: Panel
    jury: Jury
    turns: Turns

    def controls(self) -> None:
        """Score real images, copies and, if the data set knows counterfactuals, the oracle."""
        for name, folder in self.study.controls.items():
            with self.turns.alone_at(folder) as scored:
                if not scored:
                    self._control(name, folder)

    def system(self, system: System) -> None:
        """Score a trained system."""
        folder = self.study.system_folder(system)
        with self.turns.alone_at(folder) as scored:
            if not scored:
                self._system(system, folder)

    def _system(self, system: System, folder: SystemFolder) -> None:
        study, test = self.study, self.test
        about = {"variant": system.entry.shown_variant, "level": str(system.level), "seed": system.seed}
        base = self.base_record(folder.name, system.entry.name, "measured", **about)
        models = load_models(system, study.runs, study.device)
        edit = editor(models, study.device, study.settings.precision)
        translate = translator(edit, test.images, test.labels)
        parameters = sum(num_parameters(model.method) for model in models)
        times = [_seconds(job, study.runs) for job in system.jobs]
        seconds = None if None in times else sum(times)
        if is_foreign(system.entry.cls):
            found = unsteadiness(translate, test.requests, study.settings.scoring.batch_size)
            if found:
                study.screen.say(f"warning: {system.entry.slug} {system.level}: {found}")
        folder.write_files(system.jobs[0].files)  # of one class, as all its jobs are
        folder.write_cost(measure_cost(translate, test.requests, parameters, seconds, study.device))
        lost = [(study.runs.job(job.name).origin() or {}).get(LOST) for job in system.jobs]
        told = "; ".join(text for text in lost if isinstance(text, str))
        self._everything(folder, base, translate, edit, **({LOST: told} if told else {}))

    def targets(
        self, label: str, translate: Translate, test: EvaluationSet
    ) -> tuple[tuple[TargetScores, ...], Gallery]:
        """Scores of each target's results, and those that the page shows; progress is shown under ``label``."""
        study, keeper = self.study, Keeper(self.study.plan.gallery, len(self.study.plan.attributes))
        with study.screen.task(f"scoring {label}", sum(len(r.positions) for r in test.requests), "results") as task:
            watched, batch_size = keeper.watching(translate), study.settings.scoring.batch_size
            scored = score(watched, test, study.plan.attributes, self.panel, batch_size, task.advance)
        for request, own in zip(test.requests, scored, strict=True):
            if own.remark:
                study.screen.say(f"{label}, {study.plan.attributes[request.target].name}: {own.remark}")
        return scored, keeper.gallery()

    def chains(self, label: str, edit: Edit | None) -> tuple[Chain, ...] | None:
        """Scores of composition and reversal; progress is shown under ``label``.

        Returns:
            None if the settings ask for none; an empty tuple if there is no function to edit results with.
        """
        number = self.study.settings.scoring.composition
        if not number or edit is None:
            return () if number else None
        with self.study.screen.task(f"editing again {label}", num_edits(self.test, number), "results") as task:
            batch_size = self.study.settings.scoring.batch_size
            return score_chains(edit, self.test, self.panel.judges, number, batch_size, task.advance)

    def samples(self, translate: Translate, has: Callable[[Tensor, Sequence[Group]], Tensor] | None = None) -> Samples:
        """The results that the figures of faces show.

        Args:
            has: which results exist, if some may be missing.
        """
        plan, test = self.study.plan, self.test
        return make_samples(translate, test.images, test.labels, plan.attributes, plan.edits, has)

    def scores(
        self,
        base: Record,
        requests: tuple[Requests, ...],
        left_out: tuple[int, ...],
        targets: tuple[TargetScores, ...],
        chains: tuple[Chain, ...] | None = None,
    ) -> Scores:
        """Scores with everything that records are made from.

        Args:
            left_out: for each target, the number of missing results.
            chains: as the method of this name has them.
        """
        plan = self.study.plan
        first = f"first {plan.settings.scoring.composition} test images that have a value of the target"
        weights = self.study.protocol.files.inception
        return Scores(
            base=base,
            attributes=plan.attributes,
            judges=self.jury.panelists,
            definitions=self.panel.definitions
            | {"inception": inception_definition(weights)}
            | ({} if chains is None else {"chains": first}),
            num_resamples=plan.settings.scoring.num_resamples,
            ids=plan.test_ids,
            labels=plan.test_labels,
            requests=requests,
            left_out=left_out,
            targets=targets,
            chains=chains or (),
        )

    def keep(self, folder: SystemFolder, scores: Scores, gallery: Gallery = (), **about: str) -> None:
        """Write scores and records; the records are written last and show that the system is finished.

        Args:
            gallery: the results that the page shows.
            about: facts about a submission or its training, for provenance.
        """
        write_scores(folder.scores_file, scores)
        folder.write_gallery(gallery)
        folder.write_origin(origin(self.study.device, **about) | {SCORED_WITH: self.turns.scored_with})
        folder.write_records(make_records(scores))

    def base_record(self, folder: str, method: str, made: str, **about: str | int) -> Record:
        """A record with the fields that all records of a system share; the other fields are blank."""
        settings = self.study.settings
        blank = {"variant": "", "level": "", "seed": 0, "target": "", "direction": ALL, "measured_on": ""}
        blank |= {"metric": "", "definition": "", "num_images": 0, "unit": ""}
        blank |= dict.fromkeys(("value", "low", "high"), math.nan) | about
        dataset, size = self.study.plan.source.name, settings.data.image_size
        return Record(system=folder, method=method, dataset=dataset, image_size=size, origin=made, **blank)

    def _control(self, name: str, folder: SystemFolder) -> None:
        base = self.base_record(folder.name, name, "control")
        if name == REAL:
            self.keep(folder, self._untouched(base))
            return
        source, positions_of = self.study.plan.source, self.study.plan.test

        def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
            if name == COPY:
                return self.test.images[positions]
            if len(groups) == 1:
                return self.test.counterfactual(positions, groups[0])
            with foreign(f"data set {source.name}"):
                return source.counterfactual(positions_of[positions], groups)

        self._everything(folder, base, translate, _copied if name == COPY else None)

    def _untouched(self, base: Record) -> Scores:
        """Scores of the real test images."""
        images, inception = self.test.images, self.panel.networks.inception
        everyone = torch.arange(len(images))
        request = Requests(UNTOUCHED, everyone, torch.full((len(images),), -1, dtype=torch.int8))
        posteriors = tuple(tuple(judge.posteriors(images)) for judge in self.panel.judges)
        logits = None if inception is None else inception.extract(images)[1]
        return self.scores(base, (request,), (0,), (TargetScores(posteriors, logits=logits),))

    def _everything(
        self, folder: SystemFolder, base: Record, translate: Translate, edit: Edit | None, **about: str
    ) -> None:
        """Score a translator that has a result for every request.

        Args:
            edit: the same as a function of any images; None for the oracle, which knows only test images.
            about: facts about its training, for provenance.
        """
        label = f"{base.method} {base.level}".strip()
        targets, gallery = self.targets(label, translate, self.test)
        chains = self.chains(label, edit) if edit else None
        write_samples(folder.samples_file, self.samples(translate))
        nothing = (0,) * len(self.test.requests)
        self.keep(folder, self.scores(base, self.test.requests, nothing, targets, chains), gallery, **about)


def _copied(images: Tensor, labels: Tensor, groups: Sequence[Group], seed: int) -> Tensor:
    return images


def make_scorer(study: Study, data: StudyData, jury: Jury) -> SystemScorer:
    """The scorer of a study's systems."""
    return SystemScorer(study, data.test, make_panel(study, data, jury), jury, turns_at(study, data.test.images))


def score_systems(study: Study, data: StudyData, jury: Jury) -> None:
    """Score every system and control that has no records."""
    with torch_threads(LOOKING):
        scorer = make_scorer(study, data, jury)
        scorer.controls()
        for system in study.plan.systems:
            scorer.system(system)


def _seconds(job: Job, runs: RunFolder) -> float | None:
    """Time spent in the iterations of a finished job, over all its runs; None if it was not kept."""
    return read_checkpoint(runs.job(job.name), mapped=True).seconds
