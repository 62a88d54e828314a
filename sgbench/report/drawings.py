"""The figures of a report with their captions, drawn from samples, records and losses in the run folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sgbench.report.budget import BUDGET, labels_at_all
from sgbench.report.budget_plot import budget_plot
from sgbench.report.drawing import PRINTED, Drawing
from sgbench.report.grids import figure3, figure4
from sgbench.report.layout import Layout, trainings
from sgbench.report.members import FEW, Member, beside_variants, people, without_variants
from sgbench.report.paper_figures import paper_drawings
from sgbench.report.plots import interval_plot, loss_curves, matrix_plot
from sgbench.report.published import measured_and_published
from sgbench.report.tradeoff import tradeoff_table
from sgbench.report.tradeoff_plot import tradeoff_plot
from sgbench.results.description import Description, ShownFaces
from sgbench.results.records import ALL, COPY, ORACLE
from sgbench.results.run_folder import RunFolder


def drawings(
    frame: pd.DataFrame,
    layout: Layout,
    description: Description,
    controls: Sequence[Member],
    systems: Sequence[Member],
    runs: RunFolder,
) -> list[Drawing]:
    """All figures of a report, in their order.

    Those that have a part for each system show the first of many systems, and their captions say so. Target accuracy
    shows all of them, a line each.
    """
    faces, items = description.shown, layout.items
    figures = []
    if faces.asked:
        figures = paper_drawings(faces, systems, layout) if items else face_drawings(faces, controls, systems)
    if BUDGET in items:
        figures.append(_budget(frame, layout, description))
    rows = list(dict.fromkeys(member.row for member in systems))
    later = set(rows[FEW:])
    left_out = {member.folder.name for member in systems if member.row in later}
    seeds = _other_seeds(frame)
    other = f"{seeds}, another jury" if seeds else "another jury"
    figures += [
        Drawing(
            f"Target accuracy by the jury, with 95 % intervals of what {other} and other test images would give.",
            "target_accuracy",
            lambda path: interval_plot(path, frame, layout),
        ),
        *_tradeoff(frame, layout),
        Drawing(
            f"Accuracy of every attribute (across) under every target (down, framed).{_first(rows, 'rows of tables')}",
            "matrix",
            lambda path: matrix_plot(path, frame[~frame["system"].isin(left_out)] if left_out else frame, layout),
        ),
    ]
    return [*figures, *losses(description, runs, len(systems) > FEW)]


def losses(description: Description, runs: RunFolder, many: bool) -> list[Drawing]:
    """The losses of the jobs whose losses are at hand; the caption says of how many they are.

    Args:
        many: show the first ones only.
    """
    known = description.jobs
    if not known:
        return []
    titles = dict(list(known.items())[: FEW if many else None])
    whose = "each job"
    if description.jobs_without_losses:
        whose = (
            f"{len(known)} of {len(known) + description.jobs_without_losses} jobs; those of the others are not at hand"
        )
    caption = f"Losses of {whose}.{_first(list(known), 'jobs') if many else ''}"
    return [Drawing(caption, "losses", lambda path: _draw_losses(path, titles, runs))]


def _other_seeds(frame: pd.DataFrame) -> str:
    """What intervals hold of other trainings, as a caption has it; empty where no system was trained more than once."""
    several = {number > 1 for number in trainings(frame[frame["origin"] == "measured"]).values()}
    if True not in several:
        return ""
    return "other seeds" + " (of systems that have several)" * (False in several)


def _budget(frame: pd.DataFrame, layout: Layout, description: Description) -> Drawing:
    number = labels_at_all(description.manifests, layout)
    at_all = f" At {ALL}: {number:,.0f} labels a value on average." if number else ""
    bands = _other_seeds(frame) or "another jury or other test images (one seed)"
    return Drawing(
        f"Figures against labels per value, means over targets, with 95 % bands of what {bands} would give.{at_all}",
        BUDGET,
        lambda path: budget_plot(path, frame, layout, description.manifests),
        PRINTED,
    )


def _tradeoff(frame: pd.DataFrame, layout: Layout) -> list[Drawing]:
    """The trade-off, if there are systems to compare."""
    if tradeoff_table(measured_and_published(frame)[0], layout).cells.empty:
        return []
    caption = (
        "Target accuracy against what is preserved, with 95 % intervals. Filled points and the line: the front of "
        "systems that no other beats in one without losing in the other."
    )
    return [Drawing(caption, "tradeoff", lambda path: tradeoff_plot(path, frame, layout))]


def face_drawings(faces: ShownFaces, controls: Sequence[Member], systems: Sequence[Member]) -> list[Drawing]:
    """Figures of a few test faces and their results; variants of methods have a separate figure."""
    headings, single = faces.headings, faces.num_single
    all_plain, all_beside = without_variants(systems), beside_variants(systems)
    plain, ablation = all_plain[:FEW], all_beside[:FEW]
    rows = [*_shown_controls(controls, plain), *plain]
    pairs = f", then in pairs ({'; '.join(headings[single:])})" if headings[single:] else ""
    figures = [
        Drawing(
            f"Translations of test faces, each attribute changed alone{pairs}. Above each column stands the value "
            f"asked for.{_first(all_plain, 'systems')}",
            "figure3",
            lambda path: figure3(path, headings, people(rows, len(faces.asked)), (1, single), asked=faces.asked),
        )
    ]
    if plain:
        figures.append(
            Drawing(
                "Translations, and how far each pixel is from the input, twice as bright."
                + _first(all_plain, "systems"),
                "figure4",
                lambda path: figure4(
                    path, headings, people(rows, len(faces.asked)), range(1, single), asked=faces.asked
                ),
            )
        )
    if ablation:
        names = " and ".join(dict.fromkeys(member.shown for member in ablation))
        last = ", below them the method itself" if set(plain) & set(ablation) else ""
        caption = f"The same faces by the variants of {names}{last}.{_first(all_beside, 'systems')}"
        figures.append(Drawing(caption, "figure6", lambda path: _draw_variants(path, faces, ablation)))
    return figures


def _draw_variants(path: Path, faces: ShownFaces, ablation: Sequence[Member]) -> None:
    single = faces.num_single
    shown = [[(label, images[:single]) for label, images in rows] for rows in people(ablation, len(faces.asked))]
    figure3(path, faces.headings[:single], shown, asked=[texts[:single] for texts in faces.asked])


def _draw_losses(path: Path, titles: Mapping[str, str], runs: RunFolder) -> None:
    loss_curves(path, {title: runs.job(name).losses() for name, title in titles.items()})


def _first(whole: Sequence[object], what: str) -> str:
    """A sentence that says how many of many are shown; empty for a few."""
    return f" The first {FEW} of {len(whole)} {what} are shown." if len(whole) > FEW else ""


def _shown_controls(controls: Sequence[Member], systems: Sequence[Member]) -> list[Member]:
    """The oracle if there is one; otherwise copies, but only if there are no systems to show."""
    by_method = {control.method: control for control in controls}
    if ORACLE in by_method:
        return [by_method[ORACLE]]
    return [] if systems else [by_method[COPY]]
