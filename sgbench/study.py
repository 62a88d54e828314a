"""A study's parts: data, plan, judges and other networks, each opened when it is first needed."""

import json
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
from sgbench.data.store import PackedImages, open_store
from sgbench.environment import commit
from sgbench.errors import UserError
from sgbench.features.embedding import load_embedder
from sgbench.features.inception import load_inception
from sgbench.features.judge import Architecture, Epoch, Judge, balanced_accuracies
from sgbench.features.lpips import load_lpips
from sgbench.judging import judge_hash, open_judge
from sgbench.plan import Folders, Plan, System, digest, make_plan
from sgbench.protocol import INCEPTION
from sgbench.records import COPY, ORACLE, REAL
from sgbench.samples import Edits, choose_edits
from sgbench.scores import Panelist, Verdict
from sgbench.scoring import Panel, TestSet, complete
from sgbench.screen import Screen
from sgbench.settings import MethodEntry, Settings
from sgbench.weights import INCEPTION_SHA256, INCEPTION_URL, WeightsFile, checked, find_inception

SCORING_VERSION = 4
"""Part of a scored system's hash: raised when the same system would get other records."""


@dataclass(frozen=True)
class Study:
    """A study and where it is kept."""

    settings: Settings
    folders: Folders
    screen: Screen

    def __post_init__(self) -> None:
        commit()  # asked for now: what is made in hours is made by this code, whatever is committed until then

    @cached_property
    def source(self) -> Source:
        path = getattr(self.settings.data, "path", None)
        if path is not None:
            self.screen.say(f"reading {self.settings.source.name}: {path}")
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
    def images(self) -> PackedImages:
        """All images of the data set, [M, 3, S, S]."""
        with self.screen.task("images", len(self.source.ids), "images") as task:
            return open_store(self.source, self.folders.store, lambda done, total: task.update(done))

    @cached_property
    def test_labels(self) -> Tensor:
        """True labels of the test images, int8 [N, J]."""
        return self.source.labels[self.plan.test]

    @property
    def test_ids(self) -> tuple[str, ...]:
        """Names of the test images."""
        return tuple(self.source.ids[i] for i in self.plan.test.tolist())

    @cached_property
    def test(self) -> TestSet:
        requests = make_requests(self.test_labels, self.source.attributes)
        total = len(self.plan.test) + sum(len(r.positions) for r in requests)
        with self.screen.task("references", total) as task:
            references: References = open_references(
                self.source, self.plan.test, requests, self.folders.store, lambda done, _: task.update(done)
            )
        return complete(self.images[self.plan.test], self.test_labels, requests, references)

    @cached_property
    def inception_weights(self) -> WeightsFile:
        return find_inception(self.settings.scoring.inception.path, self.settings.scoring.inception.sha256)

    @cached_property
    def panel(self) -> Panel:
        """Everything that looks at results."""
        scoring = self.settings.scoring
        judges = [self._judge(architecture) for architecture in scoring.judges]
        lpips = load_lpips(scoring.lpips.path, scoring.lpips.net, self.device) if scoring.lpips else None
        embedder = load_embedder(scoring.embedder, self.device) if scoring.embedder else None
        if self.inception_weights.path is None:
            return Panel(judges, lpips=lpips, embedder=embedder)
        inception = load_inception(self.inception_weights, self.device)
        features, _ = inception.extract(self.test.images)
        real = {
            Group(j, v): features[self.test_labels[:, j] == v]
            for j, attribute in enumerate(self.source.attributes)
            for v in range(len(attribute.values))
        }
        return Panel(judges, inception, real, lpips, embedder)

    @cached_property
    def panelists(self) -> tuple[Panelist, ...]:
        """The judges and whether each counts, by attribute."""
        floor = self.settings.judge.floor
        return tuple(
            Panelist(
                architecture,
                tuple(Verdict(s, floor) for s in balanced_accuracies(judge, self.test.images, self.test_labels)),
            )
            for architecture, judge in zip(self.settings.scoring.judges, self.panel.judges, strict=True)
        )

    @property
    def definitions(self) -> dict[str, str]:
        """What the networks that a user may supply measure; ``inception`` says why where there are no weights."""
        weights = self.inception_weights
        if weights.path is None:
            missing = f"not scored: no Inception weights (SHA-256 {INCEPTION_SHA256}); get {INCEPTION_URL}"
            return self.panel.definitions | {"inception": missing}
        about = "TF-FID weights" if weights.published else f"custom weights {weights.sha256[:12]}"
        return self.panel.definitions | {"inception": f"{INCEPTION}, {about}"}

    @cached_property
    def judge_hashes(self) -> tuple[str, ...]:
        return tuple(
            judge_hash(self.source, self.plan.train, self.settings.judge, architecture)
            for architecture in self.settings.scoring.judges
        )

    @cached_property
    def protocol_hash(self) -> str:
        """Of all that decides a system's records but the system."""
        scoring = self.settings.scoring
        identity = {
            "version": SCORING_VERSION,
            "judges": self.judge_hashes,
            "floor": self.settings.judge.floor,
            "source": self.source.fingerprint,
            "test": digest(self.plan.test.tolist()),
            "num_resamples": scoring.num_resamples,
            "people": scoring.figure_people,
            "inception": self.inception_weights.sha256,
            "lpips": [scoring.lpips.net, checked(scoring.lpips.path)[1]] if scoring.lpips else None,
            "embedder": load_embedder(scoring.embedder).sha256 if scoring.embedder else None,
        }
        return digest(identity)

    @property
    def titles(self) -> list[str]:
        """Names of the attributes as shown."""
        return [a.title for a in self.source.attributes]

    @property
    def edits(self) -> Edits:
        """What figure 3 shows."""
        people = self.settings.scoring.figure_people
        return choose_edits(self.test_labels, self.source.attributes, self.titles, people)

    @property
    def folder(self) -> Path:
        """The study's own folder: its name and its methods' levels, so that two levels do not share a report."""
        levels = {level: None for e in self.settings.methods for level in self.settings.levels_of(e)}
        return self.folders.study("-".join([self.settings.study, *map(str, levels)]))

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

    def _judge(self, architecture: Architecture) -> Judge:
        with self.screen.task(f"judge {architecture}", self.settings.judge.epochs) as task:

            def advance(epoch: Epoch) -> None:
                best = f"held-out balanced accuracy {epoch.score:.3f}" if epoch.score >= 0 else ""
                task.update(epoch.done + epoch.share, best)

            return open_judge(
                self.source,
                self.images,
                self.plan.train,
                self.settings.judge,
                architecture,
                self.folders.judges,
                self.device,
                advance,
            )


def describe(study: Study) -> None:
    """Keep the plan and the settings, fit to be a config, beside the report; before that, refuse what cannot be run.

    Raises:
        UserError: of the data set or the plan.
    """
    jobs = {job.name: job.identity | {"manifest": job.labels.manifest} for job in study.plan.jobs}
    plan = {
        "train": len(study.plan.train),
        "test": len(study.plan.test),
        "protocol": study.protocol_hash,
        "jobs": jobs,
        "systems": {study.system_folder(s).name: [job.name for job in s.jobs] for s in study.plan.systems},
        "controls": [study.control_folder(name).name for name in study.controls],
    }
    settings = study.settings.model_dump(mode="json", exclude={"source", "methods", "data"})
    settings["data"] = _own(study.settings.source, study.settings.data)
    settings["methods"] = {e.key: _entry(e) for e in study.settings.methods}
    write_text(study.folder / "settings.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    write_text(study.folder / "plan.json", json.dumps(plan, indent=1) + "\n")


def check_networks(study: Study) -> None:
    """Open what a user's files hold once, so that a wrong one is refused before anything is trained.

    Raises:
        UserError: names the file and what it should be.
    """
    scoring, cpu = study.settings.scoring, torch.device("cpu")
    if study.inception_weights.path is not None:
        load_inception(study.inception_weights, cpu)
    if scoring.lpips:
        load_lpips(scoring.lpips.path, scoring.lpips.net, cpu)
    if scoring.embedder:
        load_embedder(scoring.embedder, cpu)


def _entry(entry: MethodEntry) -> dict[str, Any]:
    own = {key: list(value) for key in ("levels", "balanced") if (value := getattr(entry, key)) is not None}
    return own | _own(entry.cls, entry.settings)


def _own(cls: type, settings: BaseModel) -> dict[str, Any]:
    """Settings of a class as a config gives them."""
    return {"class": f"{cls.__module__}:{cls.__qualname__}"} | settings.model_dump(mode="json")
