"""Scores a submission by a study's protocol, and writes a report like that of ``sgbench run``.

In Python:

    from sgbench.submissions.evaluation import evaluate

    evaluation = evaluate("my_package.mygan:translate", name="MyGAN")
    print(evaluation.report)
    evaluation.records[["target", "metric", "value", "low", "high"]]
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from sgbench.data.requests import make_requests
from sgbench.data.store.packed import open_store
from sgbench.plan.edits import combined_edits
from sgbench.plan.study import Study, open_study
from sgbench.report.console import show
from sgbench.report.making import make_report
from sgbench.results.description import ReportedSystem
from sgbench.results.records import NO_SEED
from sgbench.results.row_names import is_control, is_row_of
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import label_of
from sgbench.scoring.kept import settle_kept
from sgbench.scoring.stages import prepare_data, train_judges
from sgbench.scoring.systems import make_scorer
from sgbench.settings.changes import Changes
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.studies.description import describe, write_intent
from sgbench.studies.place import taken
from sgbench.studies.provenance import keep_runtime
from sgbench.studies.stages import Stages
from sgbench.submissions.compared import earlier_systems, paper_levels
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.naming import level_of, method_of, seed_of, slug
from sgbench.submissions.opening import open_results
from sgbench.submissions.request_files import write_requests
from sgbench.submissions.scoring import find_scored, label_of_submission, score_results
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign, own_state
from sgbench.support.paths import user_path
from sgbench.support.screen import Screen

STAGES = ("prepare data", "train judges", "score results", "write the report")


@dataclass(frozen=True)
class Evaluation:
    """The outcome of an evaluation.

    Attributes:
        report: the report's page.
        records: one row per figure; the columns are the fields of ``records.Record``.
    """

    report: Path
    records: pd.DataFrame


@own_state()
def evaluate(
    results: str | Path | Callable,
    name: str,
    level: str | int = "",
    seed: int | None = None,
    config: str = "quick",
    data: Mapping[str, Any] | None = None,
    scoring: Mapping[str, Any] | None = None,
    jury: Mapping[str, Any] | None = None,
    changes: Sequence[str] = (),
    compare: str | Path | Sequence[str | Path] = (),
    device: str | None = None,
    out: str | Path = "runs",
    screen: Screen | None = None,
    wait: bool = False,
    replace: bool = False,
) -> Evaluation:
    """Score a submission and write a report; stored results that were scored before are not scored again.

    Args:
        results: a folder, zip, .npz, .safetensors, .pt2 or .onnx file, a callable or ``package.module:function``, as
            ``opening.open_results`` takes it.
        name: the name of the method that made the results, as it is shown.
        level: the labels per value that the method was trained with (``all``, ``500``), if they are known.
        seed: the seed that it was trained with, if there are several; without a seed it is compared with every seed.
        config: its data, attributes, test set and judges are used, its methods are not.
        data: keys that replace those of the config's ``data``.
        scoring: keys that replace those of the config's ``scoring`` (``inception``, ``embedder``, ...).
        jury: keys that replace those of the config's ``jury`` (``size``, ...).
        changes: of other settings of the config, each as ``KEY=VALUE``, such as ``judge.epochs=60``.
        device: where to score, ``cpu``, ``cuda`` or ``auto``; by default the config's.
        compare: folders of studies or evaluations with the same protocol, whose systems are shown in the same report.
        wait: for another process that is at the evaluation of this name, instead of refusing.
        replace: take the place of an evaluation of this name that has other settings, or systems that are not compared
            with now, instead of refusing.

    Raises:
        UserError: bad input; the message says in one line what is wrong and how to fix it.
    """
    method, level, seed = method_of(name), level_of(level), seed_of(seed)
    study = open_evaluation(
        config, slug(method, level, seed), data, scoring, jury, device, user_path(out), screen, changes
    )
    _check_free(study.folder)
    compared = [compare] if isinstance(compare, str | Path) else compare
    others = {folder: earlier_systems(study, folder) for folder in map(user_path, compared)}
    earlier, levels = list(dict.fromkeys(chain(*others.values()))), paper_levels(study, others)
    if is_control(name):
        raise UserError(f"name: '{name}' is what a report calls a control; choose another")
    if any(_confused(study, system, method, name, level, seed) for system in earlier):
        raise UserError(
            f"name: '{name}' is also a method of what it is compared with, or reads like one; choose another"
        )
    systems = [label_of_submission(method, level, seed), *(label_of(system.folder) for system in earlier)]
    with taken(study, wait, replace, systems) as tell:
        stages = Stages(study.screen, STAGES, tell)
        return _evaluated(study, results, method, name, level, seed, earlier, levels, stages)


def _evaluated(
    study: Study,
    results: str | Path | Callable,
    method: str,
    name: str,
    level: str,
    seed: int | None,
    earlier: Sequence[ReportedSystem],
    levels: Mapping[str, str],
    stages: Stages,
) -> Evaluation:
    settle_kept(study)
    with stages.stage("prepare data"):
        prepared = prepare_data(study)
    inputs = _inputs(study, prepared.test.images)
    opened = open_results(results, inputs, study.device, study.settings.scoring.batch_size)
    for remark in opened.remarks():
        warnings.warn(remark, stacklevel=4)  # past the decorator
    scored = find_scored(study, method, level, seed, opened)
    if scored is None or not study.is_scored():
        with stages.stage("train judges"):
            jury = train_judges(study, prepared)
        with stages.stage("score results"), torch_threads(LOOKING):
            scorer = make_scorer(study, prepared, jury)
            scorer.controls()
            scored = scored if scored and scorer.turns.is_settled(scored) else None
            scored = scored or score_results(scorer, method, level, seed, opened)
    write_intent(study)  # after scoring: if scoring fails, an earlier report of this name keeps its plan
    with stages.stage("write the report"):
        own = ReportedSystem(scored.name, method, name, opened.source_labels)
        study.folder.write_description(describe(study, [own, *earlier], levels))
        report = make_report(study.folder)
    show(report.frame, report.layout, study.screen.output)
    for remark in report.remarks:
        study.screen.say(remark)
    keep_runtime(study, report.records, stages.seconds if STAGES[1] in stages.seconds else {})
    return Evaluation(report.page, report.frame)


@own_state()
def write_inputs(folder: Path, study: Study) -> Path:
    """Write the test images and a table of the requests and of figure 3's pairs; returns the table's path."""
    plan = study.plan
    guard = foreign(f"data set {plan.source.name}")
    with study.screen.task("images", len(plan.source.ids), "images") as task, guard:
        images = open_store(plan.source, study.runs.store, lambda done, total: task.update(done))
    combined = combined_edits(plan.test_labels, plan.attributes, plan.edits)
    requests = make_requests(plan.test_labels, plan.attributes)
    return write_requests(folder, _inputs(study, images[plan.test]), requests, combined)


@own_state()
def open_evaluation(
    config: str,
    name: str,
    data: Mapping[str, Any] | None,
    scoring: Mapping[str, Any] | None,
    jury: Mapping[str, Any] | None,
    device: str | None,
    out: Path,
    screen: Screen | None = None,
    changes: Sequence[str] = (),
) -> Study:
    """A config's study without methods, in a folder named after the config's study, other data and ``name``."""
    top = {"methods": [], "device": device, "scoring": dict(scoring or {}), "jury": dict(jury or {})}
    settings = read_settings(find_config(config), top, dict(data or {}), Changes(tuple(changes)))
    named = settings.model_copy(update={"study": f"{settings.study}-{name}"})
    return open_study(named, out, screen or Screen())


def _inputs(study: Study, images: Any) -> Inputs:
    return Inputs(study.plan.test_ids, images, study.plan.test_labels, study.plan.attributes)


def _check_free(folder: StudyFolder) -> None:
    """Refuse to replace a study that was trained.

    Raises:
        UserError: the folder holds such a study.
    """
    if not folder.was_planned():
        return
    try:
        jobs = folder.read_plan().jobs
    except ValueError as error:
        raise UserError(f"{folder.path}: holds something other than an evaluation; choose another name") from error
    if jobs:
        raise UserError(
            f"{folder.path}: is a study that was trained, the evaluation would replace it; choose another name"
        )


def _confused(study: Study, system: ReportedSystem, method: str, shown: str, level: str, seed: int | None) -> bool:
    """Whether readers could confuse another system with this one: the same method, level and seed, or a row's name."""
    if (system.method, system.shown) == (method, shown):
        other = study.runs.system(system.folder).read_records()[0]
        return other.level == level and (seed is None or other.seed in (seed, NO_SEED))
    if {system.method, system.shown.lower()} & {method, shown.lower()} or is_row_of(system.shown, shown):
        return True
    variants = [study.runs.system(system.folder).read_records()[0].variant] if "(" in shown else []
    return is_row_of(shown, system.shown, variants)
