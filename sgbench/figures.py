"""The figures of a report: from samples, records and statistics, each with its caption."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sgbench.entries import CONTROL_TITLES, Entry
from sgbench.records import COPY, ORACLE
from sgbench.report.grids import figure3, figure4
from sgbench.report.layout import Layout
from sgbench.report.plots import interval_plot, loss_curves, matrix_plot
from sgbench.samples import Samples, asked_values, read_samples
from sgbench.study import Study


def draw_figures(
    study: Study, folder: Path, frame: pd.DataFrame, layout: Layout, labels: Sequence[str], entries: Sequence[Entry]
) -> list[tuple[str, str]]:
    """Draw all figures of a report; caption and file of each."""
    figures = face_figures(study, folder, frame, labels, entries) if study.edits.positions else []
    interval_plot(folder / "target_accuracy.png", frame, layout)
    over = "seeds" if len(study.settings.seeds) > 1 else "source images"
    figures.append((f"Target accuracy with 95 % intervals over {over}.", "target_accuracy.png"))
    matrix_plot(folder / "matrix.png", frame, layout)
    figures.append(("Accuracy of every attribute (across) under every target (down, framed).", "matrix.png"))
    if study.plan.jobs:
        loss_curves(folder / "losses.png", _losses(study))
        figures.append(("Losses of each job.", "losses.png"))
    return figures


def face_figures(
    study: Study, folder: Path, frame: pd.DataFrame, labels: Sequence[str], entries: Sequence[Entry]
) -> list[tuple[str, str]]:
    """Draw what becomes of a few test faces, variants apart from methods; caption and file of each figure."""
    edits = study.edits
    asked = asked_values(study.test_labels, study.source.attributes, edits)
    single = 1 + len(study.source.attributes)
    plain, ablation = without_variants(frame, entries), beside_variants(frame, entries)
    label_of = dict(zip(entries, labels, strict=True))
    people = _people(study, [*_shown_controls(study, plain), *((label_of[e], e.folder) for e in plain)])
    figure3(folder / "figure3.png", edits.headings, people, (1, single), asked=asked)
    pairs = f", then in pairs ({'; '.join(edits.headings[single:])})" if edits.headings[single:] else ""
    above = "Above each column stands the value asked for."
    figures = [(f"Translations of test faces, each attribute changed alone{pairs}. {above}", "figure3.png")]
    if plain:
        figure4(folder / "figure4.png", edits.headings, people, range(1, single), asked=asked)
        figures.append(("Translations, and how far each pixel is from the input, twice as bright.", "figure4.png"))
    if ablation:
        people = _people(study, [(label_of[e], e.folder) for e in ablation])
        shown = [[(label, images[:single]) for label, images in rows] for rows in people]
        own = [texts[:single] for texts in asked]
        figure3(folder / "figure6.png", edits.headings[:single], shown, asked=own)
        names = " and ".join(dict.fromkeys(e.shown for e in ablation))
        last = ", below them the method itself" if set(plain) & set(ablation) else ""
        figures.append((f"The same faces by the variants of {names}{last}.", "figure6.png"))
    return figures


def without_variants(frame: pd.DataFrame, entries: Sequence[Entry]) -> list[Entry]:
    """The entries of methods as they are, in their order."""
    return [entry for entry in entries if not _place(frame, entry)[2]]


def beside_variants(frame: pd.DataFrame, entries: Sequence[Entry]) -> list[Entry]:
    """At each level at which a method has variants, these by name, then the method without one; empty if none has."""
    places = {entry: _place(frame, entry) for entry in entries}
    levels = list(dict.fromkeys((method, level) for method, level, variant in places.values() if variant))
    own = [entry for entry, (method, level, _) in places.items() if (method, level) in levels]
    return sorted(own, key=lambda e: (levels.index(places[e][:2]), not places[e][2], places[e][2]))


def _place(frame: pd.DataFrame, entry: Entry) -> tuple[str, str, str]:
    """A system's method, level and variant."""
    row = frame[frame["system"] == entry.folder.name].iloc[0]
    return row["method"], row["level"], row["variant"]


def _shown_controls(study: Study, entries: Sequence[Entry]) -> list[tuple[str, Path]]:
    """The control that knows the answer; where there is nothing else to show, copies."""
    name = ORACLE if ORACLE in study.controls else COPY
    return [(CONTROL_TITLES[name], study.control_folder(name))] if name == ORACLE or not entries else []


def _people(study: Study, systems: Sequence[tuple[str, Path]]) -> list[list[tuple[str, list]]]:
    """A block of rows for each person, a row for each system, given its label and folder."""
    rows: list[tuple[str, Samples]] = [(label, read_samples(folder / "samples.npz")) for label, folder in systems]
    return [[(label, samples[p]) for label, samples in rows] for p in range(len(study.edits.positions))]


def _losses(study: Study) -> dict[str, pd.DataFrame]:
    return {job.title: pd.read_json(study.folders.job(job) / "stats.jsonl", lines=True) for job in study.plan.jobs}
