"""A study's report from its records, samples and statistics: it can always be made again."""

import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
import torchvision
from torch import Tensor

import sgbench
from sgbench.atomic import write_text
from sgbench.data.labels import Attribute
from sgbench.records import Record, to_frame, write_records
from sgbench.report.console import show
from sgbench.report.figures import figure3, interval_plot, loss_curves
from sgbench.report.page import Page, write_report
from sgbench.report.tables import Layout
from sgbench.samples import read_samples
from sgbench.study import COPY, ORACLE, REAL, Study

_CONTROL_TITLES = {REAL: "Real images", COPY: "Copy of the source", ORACLE: "Oracle (counterfactual)"}


def correlated_pairs(labels: Tensor, attributes: Sequence[Attribute], above: float) -> frozenset[tuple[str, str]]:
    """Ordered pairs of attributes with |phi| above a bound, over images where both labels are values.

    For attributes of more than two values the phi of each pair of values is taken, and the largest counts.
    """
    pairs = set()
    for j, first in enumerate(attributes):
        for k, second in enumerate(attributes):
            known = (labels[:, j] >= 0) & (labels[:, k] >= 0)
            if j == k or known.sum() < 2:
                continue
            x = torch.stack([labels[known, j] == v for v in range(len(first.values))]).double()
            y = torch.stack([labels[known, k] == v for v in range(len(second.values))]).double()
            phi = torch.corrcoef(torch.cat([x, y]))[: len(x), len(x) :].nan_to_num(0)
            if phi.abs().max() > above:
                pairs.add((first.name, second.name))
    return frozenset(pairs)


def make_report(study: Study, records: Sequence[Record]) -> Path:
    """Write the report of a study, show its table and return the page's path."""
    folder = study.folder / "report"
    frame = to_frame(records)
    layout = _layout(study)
    write_records(folder / "records.csv", list(records))
    figure3(folder / "figure3.png", study.edits.headings, _people(study, layout), (1, 1 + len(study.source.attributes)))
    interval_plot(folder / "target_accuracy.png", frame, layout)
    loss_curves(folder / "losses.png", _losses(study))
    names = "; ".join(h for h in study.edits.headings if "+" in h)
    figures = [
        (f"Translations of test faces, each attribute changed alone, then in pairs ({names}).", "figure3.png"),
        ("Target accuracy with 95 % intervals over source images.", "target_accuracy.png"),
        ("Losses of each job.", "losses.png"),
    ]
    manifests = {
        f"{job.level}, seed {job.seed}": job.labels.manifest
        for job in study.plan.jobs
        if len(job.attributes) == len(study.source.attributes)
    }
    page = Page(
        title=f"sgbench: {study.settings.study}",
        layout=layout,
        facts=_facts(study),
        notes=_notes(study),
        figures=figures,
        manifests=manifests,
        provenance=_provenance(study),
    )
    path = write_report(folder, frame, page)
    show(frame, layout, study.screen.console)
    return path


def write_runtime(study: Study, seconds: dict[str, float]) -> None:
    """Keep what the last run was made with and how long its parts took, apart from the records."""
    facts = _provenance(study) | _machine(study) | {f"seconds {part}": round(s, 1) for part, s in seconds.items()}
    write_text(study.folder / "runtime.json", pd.Series(facts).to_json(indent=1) + "\n")


def _layout(study: Study) -> Layout:
    shown = {e.name: e.cls.display_name for e in study.settings.methods}
    methods = shown | {name: _CONTROL_TITLES[name] for name in (COPY, ORACLE, REAL)}
    attributes = dict(zip((a.name for a in study.source.attributes), study.titles, strict=True))
    above = study.settings.scoring.correlated_above
    return Layout(methods, attributes, correlated_pairs(study.source.labels, study.source.attributes, above), above)


def _people(study: Study, layout: Layout) -> list[list[tuple[str, Sequence]]]:
    """A block of rows for each person: the controls that know the answer, then the systems."""
    rows = []
    if ORACLE in study.controls:
        rows.append((_CONTROL_TITLES[ORACLE], read_samples(study.control_folder(ORACLE) / "samples.npz")))
    several = len(study.settings.seeds) > 1
    for system in study.plan.systems:
        seed = f", seed {system.seed}" if several else ""
        variant = f", {system.entry.variant}" if system.entry.variant else ""
        label = f"{layout.methods[system.entry.name]} ({system.level}{variant}{seed})"
        rows.append((label, read_samples(study.system_folder(system) / "samples.npz")))
    return [[(label, images[p]) for label, images in rows] for p in range(len(study.edits.positions))]


def _losses(study: Study) -> dict[str, pd.DataFrame]:
    return {job.title: pd.read_json(study.folders.job(job) / "stats.jsonl", lines=True) for job in study.plan.jobs}


def _facts(study: Study) -> dict[str, object]:
    settings, plan = study.settings, study.plan
    size = settings.data.image_size
    jobs = {
        e.cls.display_name: f"{e.settings.iterations:,} iterations of batch {e.settings.batch_size}"
        + (", a model for each attribute" if e.cls.one_attribute else "")
        for e in settings.methods
    }
    return {
        "Data": f"{study.source.name}, {size}x{size}, {len(plan.train):,} training and {len(plan.test):,} test images",
        "Labels a value": ", ".join(map(str, settings.levels)),
        "Seeds": ", ".join(map(str, settings.seeds)),
    } | jobs


def _notes(study: Study) -> list[str]:
    notes = [" ".join(note.split()) for note in study.settings.notes]
    if len(study.settings.seeds) == 1:
        notes.append("One seed: an interval holds the noise of test images only, not that of training.")
    notes.append(
        "Background MS-SSIM follows a definition inferred from the paper's text and the code in use at the time; it is "
        "nearly blind on flat mid-grey and over-sensitive on black, so error and PSNR of the region stand beside it."
    )
    notes.append(
        "The Judge Score is the Inception Score's formula on the judge's joint posterior. It is not an Inception Score."
    )
    reading = [e.cls.display_name for e in study.settings.methods if e.cls.needs_source_labels]
    if reading:
        notes.append(
            f"{', '.join(reading)} is given the test images' true labels of the attributes that are not the target "
            "(the data sets here know them all, so none had to be guessed); the other methods see no label at test."
        )
    single = [e.cls.display_name for e in study.settings.methods if e.cls.one_attribute]
    if single:
        notes.append(
            f"{', '.join(single)} trains a model for each attribute ({len(study.source.attributes)} here) and uses "
            "labelled images only."
        )
    return notes


def _provenance(study: Study) -> dict[str, object]:
    return {
        "sgbench": sgbench.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "device": study.device.type,
        "protocol": study.protocol_hash[:16],
        "data": study.source.fingerprint[:16],
        "jobs": ", ".join(f"{job.name}" for job in study.plan.jobs),
    }


def _machine(study: Study) -> dict[str, object]:
    facts: dict[str, object] = {"machine": platform.machine(), "threads": torch.get_num_threads()}
    if study.device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(study.device)
    here = Path(__file__).parent
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40"], cwd=here, capture_output=True, text=True, check=False
    )
    facts["commit"] = asked.stdout.strip() or "not in a git checkout"
    return facts
