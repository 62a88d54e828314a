"""What a study tells its report: names, facts and notes, kept in the study's folder."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.experiments.parts import paper_levels
from sgbench.plan.edits import asked_values
from sgbench.plan.job import Job
from sgbench.plan.study import Study
from sgbench.results.description import Description, ReportedSystem, ShownFaces
from sgbench.results.study_folder import StudyPlan
from sgbench.settings.writing import as_config
from sgbench.studies.notes import facts, notes


def write_intent(study: Study) -> None:
    """Keep the plan and the settings, fit to be a config, in the study's folder."""
    plan = study.plan
    folder = study.folder
    folder.write_settings(as_config(study.settings))
    folder.write_plan(
        StudyPlan(
            len(plan.train),
            len(plan.test),
            study.protocol.hash,
            {job.name: job.identity | {"manifest": job.labels.manifest} for job in plan.jobs},
            {study.system_folder(s).name: [job.name for job in s.jobs] for s in plan.systems},
            [control.name for control in study.controls.values()],
        )
    )


def trained_systems(study: Study) -> list[ReportedSystem]:
    """The systems that a study trains, as its report has them."""
    return [
        ReportedSystem(study.system_folder(s).name, s.entry.name, s.entry.cls.display_name, s.entry.source_labels)
        for s in study.plan.systems
    ]


def describe(study: Study, systems: Sequence[ReportedSystem], levels: Mapping[str, str] | None = None) -> Description:
    """All that the report of some systems says besides its figures.

    Args:
        systems: trained ones, or translations made elsewhere and those that they are compared with.
        levels: level -> the paper's level that it stands for, where they differ; by default the experiments' own.
    """
    plan, source, scoring = study.plan, study.plan.source, study.settings.scoring
    size = study.settings.data.image_size
    edits = plan.edits
    losses = {job.name: job.title for job in plan.jobs if study.runs.job(job.name).has_losses()}
    asked = asked_values(plan.test_labels, plan.attributes, edits)
    return Description(
        title=f"sgbench: {study.settings.study}",
        attributes={a.name: a.title for a in plan.attributes},
        controls=tuple(control.name for control in study.controls.values()),
        systems=tuple(systems),
        jobs=losses,
        correlated=tuple(sorted(correlated_pairs(source.labels, plan.attributes, scoring.correlated_above))),
        correlated_above=scoring.correlated_above,
        inception_name=study.protocol.files.inception.display_name,
        comparability=f"Measured here: {len(source.ids):,} images at {size}x{size}.",
        facts=facts(study),
        notes=tuple(notes(study, bool(systems))),
        shown=ShownFaces(tuple(edits.headings), 1 + len(plan.attributes), tuple(map(tuple, asked))),
        num_resamples=scoring.num_resamples,
        num_seeds=len(study.settings.seeds),
        manifests={
            _labels_name(job): job.labels.manifest for job in plan.jobs if len(job.attributes) == len(plan.attributes)
        },
        provenance={
            "protocol": study.protocol.hash[:16],
            "data": f"{source.name} {source.fingerprint[:16]}",
            "test images": len(plan.test),
            "jobs": ", ".join(job.name for job in plan.jobs) or "none",
        },
        reference=_reference(study),
        items=study.settings.items,
        paper_levels=paper_levels(study.settings) if levels is None else levels,
        jobs_without_losses=len(plan.jobs) - len(losses),
        gallery=plan.gallery,
    )


def _reference(study: Study) -> str:
    """The folder of a system of the method that the settings name as the reference; empty if they name none."""
    named = [s for s in study.plan.systems if s.entry.key == study.settings.scoring.reference]
    return study.system_folder(named[0]).name if named else ""


def correlated_pairs(labels: Tensor, attributes: Sequence[Attribute], above: float) -> frozenset[tuple[str, str]]:
    """Ordered pairs of attributes with |phi| above a bound, over images where both labels are values.

    For attributes of more than two values the phi of each pair of values is taken, and the largest counts.
    """
    pairs = set()
    for (j, first), (k, second) in combinations(enumerate(attributes), 2):
        known = (labels[:, j] >= 0) & (labels[:, k] >= 0)
        if known.sum() < 2:
            continue
        x = torch.stack([labels[known, j] == v for v in range(len(first.values))]).double()
        y = torch.stack([labels[known, k] == v for v in range(len(second.values))]).double()
        phi = torch.corrcoef(torch.cat([x, y]))[: len(x), len(x) :].nan_to_num(0)
        if phi.abs().max() > above:
            pairs |= {(first.name, second.name), (second.name, first.name)}
    return frozenset(pairs)


def _labels_name(job: Job) -> str:
    balanced = job.labels.manifest["balanced"]
    return f"{job.level}, seed {job.seed}" + (f", balanced {', '.join(balanced)}" if balanced else "")
