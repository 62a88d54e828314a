"""A study from settings to scored systems: whatever is there already is used, whatever is missing is made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import BaseModel
from torch import Tensor

from sgbench.atomic import write_text
from sgbench.data.labels import Group
from sgbench.data.references import References, make_requests, open_references
from sgbench.data.source import Source
from sgbench.data.store import open_store
from sgbench.errors import UserError
from sgbench.features.judge import Epoch, Judge, balanced_accuracies
from sgbench.judging import judge_hash, open_judge
from sgbench.measure import NAN, Measurer, Verdict
from sgbench.plan import Folders, Plan, System, digest, make_plan
from sgbench.records import ALL, Record, read_records, write_records
from sgbench.samples import Edits, choose_edits, make_samples, write_samples
from sgbench.scoring import TestSet, score, write_scores
from sgbench.screen import Screen
from sgbench.settings import Settings
from sgbench.translation import Translate, load_system

SCORING_VERSION = 1
"""Part of a scored system's hash: raised when the same system would get other records."""
REAL, COPY, ORACLE = "real", "copy", "oracle"


@dataclass(frozen=True)
class Study:
    """A study and where it is kept. Images, references and judge are opened when they are first needed."""

    settings: Settings
    folders: Folders
    screen: Screen

    @cached_property
    def source(self) -> Source:
        return self.settings.source(self.settings.data)

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.settings, self.source)

    @cached_property
    def device(self) -> torch.device:
        wanted = self.settings.device
        if wanted == "auto":
            wanted = "cuda" if torch.cuda.is_available() else "cpu"
        if wanted == "cuda" and not torch.cuda.is_available():
            raise UserError("device: cuda is asked for, but torch sees no CUDA device; choose cpu or auto")
        return torch.device(wanted)

    @cached_property
    def images(self) -> Tensor:
        """All images of the data set, uint8 [M, 3, S, S]."""
        with self.screen.task("images", len(self.source.ids)) as task:
            return open_store(self.source, self.folders.store, lambda done, total: task.update(done))

    @cached_property
    def test_labels(self) -> Tensor:
        """True labels of the test images, int8 [N, J]."""
        return self.source.labels[self.plan.test]

    @cached_property
    def test(self) -> TestSet:
        requests = make_requests(self.test_labels, self.source.attributes)
        total = len(self.plan.test) + sum(len(r.positions) for r in requests)
        with self.screen.task("references", total) as task:
            references: References = open_references(
                self.source, self.plan.test, requests, self.folders.store, lambda done, _: task.update(done)
            )
        return TestSet(self.images[self.plan.test], self.test_labels, tuple(requests), references)

    @cached_property
    def judge(self) -> Judge:
        with self.screen.task("judge", self.settings.judge.epochs) as task:

            def advance(epoch: Epoch) -> None:
                best = f"held-out balanced accuracy {epoch.score:.3f}" if epoch.score >= 0 else ""
                task.update(epoch.done + epoch.share, best)

            return open_judge(
                self.source,
                self.images,
                self.plan.train,
                self.settings.judge,
                self.folders.judges,
                self.device,
                advance,
            )

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether the judge counts, by attribute."""
        scores = balanced_accuracies(self.judge, self.test.images, self.test_labels)
        return tuple(Verdict(s, self.settings.judge.floor) for s in scores)

    @cached_property
    def protocol_hash(self) -> str:
        """Of all that decides a system's records but the system."""
        identity = {
            "version": SCORING_VERSION,
            "judge": judge_hash(self.source, self.plan.train, self.settings.judge),
            "floor": self.settings.judge.floor,
            "source": self.source.fingerprint,
            "test": digest(self.plan.test.tolist()),
            "num_resamples": self.settings.scoring.num_resamples,
            "people": self.settings.scoring.figure_people,
        }
        return digest(identity)

    @property
    def titles(self) -> list[str]:
        """Names of the attributes as shown."""
        return [a.name.replace("_", " ").capitalize() for a in self.source.attributes]

    @property
    def edits(self) -> Edits:
        """What figure 3 shows."""
        people = self.settings.scoring.figure_people
        return choose_edits(self.test_labels, self.source.attributes, self.titles, people)

    @property
    def folder(self) -> Path:
        """The study's own folder: its name and levels, so that two levels do not share a report."""
        return self.folders.study(f"{self.settings.study}-{'-'.join(map(str, self.settings.levels))}")

    def system_folder(self, system: System) -> Path:
        """Records, scores and samples of a system under this study's protocol."""
        return self.folders.system(f"{system.name}-{self.protocol_hash[:8]}")

    def control_folder(self, name: str) -> Path:
        """The same of a control."""
        return self.folders.system(f"{name}-{self.settings.source.name}-{self.protocol_hash[:8]}")

    @property
    def controls(self) -> tuple[str, ...]:
        """Controls that this data set allows."""
        knows = self.source.counterfactual(self.plan.test[:1], ()) is not None
        return (REAL, COPY, ORACLE) if knows else (REAL, COPY)


def score_all(study: Study) -> list[Record]:
    """Score every system and control that has no records; return the records of all."""
    records = [record for name in study.controls for record in _scored_control(study, name)]
    for system in study.plan.systems:
        records += _scored_system(study, system)
    return records


def describe(study: Study) -> None:
    """Keep the plan and the settings, fit to be a config, beside the report; before that, refuse what cannot be run.

    Raises:
        UserError: of the data set or the plan.
    """
    jobs = {job.name: job.identity | {"manifest": job.labels.manifest} for job in study.plan.jobs}
    plan = {
        "train": len(study.plan.train),
        "test": len(study.plan.test),
        "jobs": jobs,
        "systems": {study.system_folder(s).name: [job.name for job in s.jobs] for s in study.plan.systems},
        "controls": [study.control_folder(name).name for name in study.controls],
    }
    settings = study.settings.model_dump(mode="json", exclude={"source", "methods", "data"})
    settings["data"] = _own(study.settings.source, study.settings.data)
    settings["methods"] = {e.key: _own(e.cls, e.settings) for e in study.settings.methods}
    write_text(study.folder / "settings.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    write_text(study.folder / "plan.json", json.dumps(plan, indent=1) + "\n")


def _own(cls: type, settings: BaseModel) -> dict[str, Any]:
    """Settings of a class as a config gives them."""
    return {"class": f"{cls.__module__}:{cls.__qualname__}"} | settings.model_dump(mode="json")


def _scored_system(study: Study, system: System) -> list[Record]:
    folder = study.system_folder(system)
    if (folder / "records.csv").exists():
        return read_records(folder / "records.csv")
    base = _base(study, folder.name, system.entry.name, "measured")
    base = base | {"variant": system.entry.variant, "level": str(system.level), "seed": system.seed}
    images, labels = study.test.images, study.test_labels
    translate = load_system(system, study.folders, images, labels, study.device, study.settings.precision)
    return _score(study, folder, Record(**base), translate)


def _scored_control(study: Study, name: str) -> list[Record]:
    folder = study.control_folder(name)
    if (folder / "records.csv").exists():
        return read_records(folder / "records.csv")
    base = Record(**_base(study, folder.name, name, "control"))
    if name == REAL:
        measurer = _measurer(study, base)
        posteriors = study.judge.posteriors(study.test.images)
        records = measurer.untouched(posteriors, study.test_labels)
        write_records(folder / "records.csv", records)
        return records

    def translate(positions: Tensor, groups: Sequence[Group]) -> Tensor:
        if name == COPY:
            return study.test.images[positions]
        return study.source.counterfactual(study.plan.test[positions], groups)

    return _score(study, folder, base, translate)


def _score(study: Study, folder: Path, base: Record, translate: Translate) -> list[Record]:
    """Scores, samples and records of a translator; the records, written last, say that it is done."""
    test = study.test
    total = sum(len(r.positions) for r in test.requests)
    with study.screen.task(f"scoring {base.method} {base.level}".strip(), total) as task:
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            task.update(done)

        scores = score(translate, test, study.judge, study.settings.scoring.batch_size, advance)
    ids = [study.source.ids[i] for i in study.plan.test.tolist()]
    write_scores(folder / "scores.npz", scores, test.requests, ids)
    samples = make_samples(translate, test.images, test.labels, study.source.attributes, study.edits)
    write_samples(folder / "samples.npz", samples)
    records = _measurer(study, base).records(scores, test.requests, test.labels)
    write_records(folder / "records.csv", records)
    return records


def _measurer(study: Study, base: Record) -> Measurer:
    return Measurer(base, study.source.attributes, study.verdicts, study.settings.scoring.num_resamples)


def _base(study: Study, system: str, method: str, origin: str) -> dict:
    """Fields that a system's records share; the others are set record by record."""
    return {
        "system": system,
        "method": method,
        "variant": "",
        "level": "",
        "seed": 0,
        "dataset": study.source.name,
        "image_size": study.settings.data.image_size,
        "target": "",
        "direction": ALL,
        "measured_on": "",
        "metric": "",
        "definition": "",
        "value": NAN,
        "low": NAN,
        "high": NAN,
        "num_images": 0,
        "unit": "",
        "origin": origin,
    }
