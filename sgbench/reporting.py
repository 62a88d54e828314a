"""A study's report from its systems' records, scores, samples and statistics: it can always be made again."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from sgbench.atomic import write_text
from sgbench.checksums import write_checksums
from sgbench.comparing import compare_systems
from sgbench.cost import read_cost
from sgbench.data.labels import Attribute
from sgbench.entries import CONTROL_TITLES, Entry, system_labels
from sgbench.errors import UserError
from sgbench.experiments import published
from sgbench.figures import draw_figures
from sgbench.notes import facts, study_notes
from sgbench.plan import Job
from sgbench.provenance import provenance
from sgbench.records import COPY, ORACLE, REAL, Record, read_records, to_frame, write_records
from sgbench.report.console import show
from sgbench.report.layout import Layout
from sgbench.report.page import Page, write_report
from sgbench.report.stored import write_page
from sgbench.scores import read_scores
from sgbench.study import Study

PAPER_TABLES = (1, 2, 3)


def make_report(study: Study, entries: Sequence[Entry]) -> tuple[Path, list[Record]]:
    """Write the report of systems beside the study's controls, show its table; the page's path and all records."""
    folder = study.folder / "report"
    controls = [Entry(study.control_folder(name), name, CONTROL_TITLES[name]) for name in study.controls]
    own = {entry: read_records(entry.folder / "records.csv") for entry in (*controls, *entries)}
    records = [record for part in own.values() for record in part]
    _check_different([part[0] for part in own.values()])
    write_records(folder / "records.csv", records)
    everything = [{"system": e.folder.name, "method": e.method, "shown": e.shown} for e in entries]
    write_text(folder / "entries.json", json.dumps(everything, indent=1) + "\n")
    frame = to_frame(records)
    layout = _layout(study, entries)
    labels = system_labels(frame, layout, entries)
    page = Page(
        title=f"sgbench: {study.settings.study}",
        layout=layout,
        facts=facts(study),
        notes=study_notes(study, _left_out(records, entries)),
        figures=draw_figures(study, folder, frame, layout, labels, entries),
        manifests={
            _labels_name(job): job.labels.manifest
            for job in study.plan.jobs
            if len(job.attributes) == len(study.source.attributes)
        },
        comparisons=compare_entries(labels, entries, study.settings.scoring.num_resamples),
        cost=_cost(labels, entries),
        provenance=_shown_provenance(study),
    )
    write_page(folder / "page.json", page)
    path = write_report(folder, report_frame(records), page)
    _remove_unlinked(path, but={"records.csv"})
    show(frame, layout, study.screen.console)
    return path, records


def _remove_unlinked(path: Path, but: set[str]) -> None:
    """Remove tables and figures of an earlier report that the page at ``path`` does not link."""
    text = path.read_text(encoding="utf-8")
    for file in path.parent.iterdir():
        if file.suffix in {".csv", ".tex", ".png"} and file.name not in but and f"]({file.name})" not in text:
            file.unlink()


def _check_different(systems: Sequence[Record]) -> None:
    """Refuse two systems that a table could not tell apart; given a record of each."""
    rows = [(r.method, r.variant, r.level, r.seed) for r in systems]
    for row, system in zip(rows, systems, strict=True):
        if rows.count(row) > 1:
            raise UserError(
                f"{system.system}: another system is {' '.join(map(str, filter(None, row[:3])))}, seed {row[3]}, too; "
                "compare with one of them"
            )


def report_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Records as a report takes them: on CelebA with the paper's numbers."""
    if any(record.dataset == "celeba" for record in records):
        records = [*records, *(record for table in PAPER_TABLES for record in published(table))]
    return to_frame(records)


def compare_entries(labels: Sequence[str], entries: Sequence[Entry], num_resamples: int) -> pd.DataFrame | None:
    """Paired tests between all entries; None where there are fewer than two."""
    if len(entries) < 2:
        return None
    systems = [(label, read_scores(e.folder / "scores.npz")) for label, e in zip(labels, entries, strict=True)]
    return compare_systems(systems, num_resamples)


def write_runtime(study: Study, records: Sequence[Record], seconds: dict[str, float]) -> None:
    """Keep what the report was made with and how long its parts took, then the checksums of all its files.

    Args:
        seconds: empty where nothing was trained; then those of the run that trained the same jobs stay.
    """
    path = study.folder / "runtime.json"
    made = provenance(study, records)
    if not seconds and path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        same = all(earlier.get(key) == made[key] for key in ("protocol", "labels"))
        seconds = earlier.get("seconds", {}) if same else {}
    made["seconds"] = {part: round(s, 1) for part, s in seconds.items()}
    write_text(path, json.dumps(made, indent=1) + "\n")
    write_checksums(study.folder, [study.folders.system(name) for name in dict.fromkeys(r.system for r in records)])


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


def _layout(study: Study, entries: Sequence[Entry]) -> Layout:
    methods = {entry.method: entry.shown for entry in entries}
    methods |= {name: CONTROL_TITLES[name] for name in (COPY, ORACLE, REAL)}
    attributes = dict(zip((a.name for a in study.source.attributes), study.titles, strict=True))
    above = study.settings.scoring.correlated_above
    size, number = study.settings.data.image_size, len(study.source.ids)
    return Layout(
        methods,
        attributes,
        correlated_pairs(study.source.labels, study.source.attributes, above),
        above,
        study.inception_weights.display_name,
        f"Measured here: {number:,} images at {size}x{size}.",
    )


def _left_out(records: Sequence[Record], entries: Sequence[Entry]) -> dict[str, int]:
    """For each system as shown, translations asked for and not given."""
    shown = {entry.folder.name: entry.shown for entry in entries}
    left_out = dict.fromkeys(shown.values(), 0)
    for record in records:
        if record.metric == "left_out" and record.system in shown:
            left_out[shown[record.system]] += int(record.value)
    return left_out


def _cost(labels: Sequence[str], entries: Sequence[Entry]) -> pd.DataFrame | None:
    """Costs of each system, as the report shows them."""
    costs = [read_cost(entry.folder / "cost.json") for entry in entries]
    if not costs:
        return None
    return pd.DataFrame(
        {
            "System": labels,
            "Parameters (M)": [_scaled(cost.parameters, 1e6) for cost in costs],
            "GFLOPs per image": [_scaled(cost.flops, 1e9) for cost in costs],
            "Latency (ms)": [_scaled(cost.latency_ms, 1) for cost in costs],
            "Training (min)": [_scaled(cost.training_seconds, 60) for cost in costs],
            "Measured on": [cost.device for cost in costs],
        }
    )


def _scaled(value: float | None, unit: float) -> float:
    return float("nan") if value is None else value / unit


def _shown_provenance(study: Study) -> dict[str, Any]:
    """What of the provenance a page states; the rest is in runtime.json."""
    return {
        "protocol": study.protocol_hash[:16],
        "data": f"{study.source.name} {study.source.fingerprint[:16]}",
        "test images": len(study.plan.test),
        "jobs": ", ".join(job.name for job in study.plan.jobs) or "none",
    }
