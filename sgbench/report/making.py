"""Makes a report from a run folder alone; runs, evaluations and verifications all use the same function."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from sgbench.claims.deciding import decide_claims
from sgbench.claims.pairing import Scored
from sgbench.report.beyond import COMPARISONS
from sgbench.report.claims import CLAIMS, ClaimTables, claim_tables
from sgbench.report.comparisons import compare_systems
from sgbench.report.contents import Page
from sgbench.report.drawings import drawings
from sgbench.report.html.gallery import exhibition
from sgbench.report.layout import Layout
from sgbench.report.losses import losses_at_hand
from sgbench.report.members import FEW, Member, check_different, labelled
from sgbench.report.page import write_report
from sgbench.report.reference import Reference, choose_reference
from sgbench.report.remarks import remarks
from sgbench.report.subgroups import by_subgroups
from sgbench.results.description import Description
from sgbench.results.published import TABLES, published
from sgbench.results.records import COPY, ORACLE, REAL, Record, to_frame, write_records
from sgbench.results.report_folder import ReportFolder
from sgbench.results.row_names import CONTROL_TITLES
from sgbench.results.run_folder import RunFolder
from sgbench.results.scores import Scores, open_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder, scored_alike
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import BrokenFile, UserError

Recorded = Callable[[str, pd.DataFrame], pd.DataFrame]
"""Takes the name of a table and its rows as they were made from scores, and gives them as they were recorded."""
OTHER_WEIGHTS = "Inception's weights are not the published ones"


@dataclass(frozen=True)
class Report:
    """A finished report.

    Attributes:
        page: the Markdown file.
        records: all records in its tables, except published ones.
        layout: names and order, for showing the records elsewhere.
        remarks: what must be known of its systems before figures are read.
    """

    page: Path
    records: tuple[Record, ...]
    layout: Layout
    remarks: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The records as a table."""
        return to_frame(self.records)


def make_report(
    study: StudyFolder, pictures: bool = True, recorded: Recorded | None = None, jobs: RunFolder | None = None
) -> Report:
    """Write a study's page, tables and figures in the place of those of an earlier report. The caller has the folder.

    Args:
        pictures: whether figures are drawn; the texts are the same without them.
        jobs: where the jobs' losses lie; by default in the folder of all runs that the study is in.
        recorded: what becomes of paired tests and evidence before they are written; by default they stay as they are.

    Raises:
        UserError: a file of the study or of a system is missing or broken (the message names it), or a table could not
            tell two systems apart.
    """
    try:
        with torch_threads(LOOKING), study.report.rewritten() as folder:
            report = _made(study, folder, pictures, recorded, jobs or study.runs)
    except BrokenFile as error:
        raise UserError(str(error)) from error
    return replace(report, page=study.report.page)


def _made(
    study: StudyFolder, folder: ReportFolder, pictures: bool, recorded: Recorded | None, jobs: RunFolder
) -> Report:
    description = study.read_description()
    records_of = {member.name: member.read_records() for member in study.members()}
    if problem := scored_alike(study.members()):
        raise UserError(problem)
    check_different([records[0] for records in records_of.values()])
    _check_methods(study.description_file, description, {name: part[0].method for name, part in records_of.items()})
    records = [record for part in records_of.values() for record in part]
    controls = [_control(study.runs.system(name), records_of[name][0].method) for name in description.controls]
    systems = [Member(study.runs.system(s.folder), s.method, s.shown) for s in description.systems]
    write_records(folder.records_file, records)
    frame, layout = to_frame(records), layout_of(description)
    systems = labelled(frame, layout, systems)
    reference = choose_reference(systems, description.reference)
    tests = _comparisons(systems, reference, description.num_resamples)
    claims = _claims(controls, systems, description, layout)
    if recorded:
        tests = tests if tests is None else recorded(COMPARISONS, tests)
        claims = claims and replace(claims, evidence=recorded(CLAIMS, claims.evidence))
    figures = drawings(frame, layout, description, controls, systems, study.runs)
    files = [[folder.figure(figure.name, kind) for kind in figure.kinds] for figure in figures]
    for figure, paths in zip(figures, files, strict=True) if pictures else ():
        for path in paths:
            figure.draw(path)
    told = remarks(records, systems, layout, description)
    page = Page(
        title=description.title,
        layout=layout,
        facts=description.facts,
        notes=[*told, *description.notes],
        figures=[(f.caption, *(path.name for path in paths)) for f, paths in zip(figures, files, strict=True)],
        manifests=description.manifests,
        subgroups=_subgroups(controls, systems),
        comparisons=tests,
        tested_against=reference.told if reference else "",
        cost=_cost(systems),
        judges=_judges(controls, layout),
        claims=claims,
        provenance=description.provenance,
        losses=losses_at_hand(description, jobs),
        gallery=exhibition(controls, systems, description),
    )
    path = write_report(folder, with_published(frame), page)
    return Report(path, tuple(records), layout, tuple(told))


def _check_methods(file: Path, description: Description, methods: Mapping[str, str]) -> None:
    """Refuse a description that calls systems otherwise than their records do.

    Args:
        methods: of the records, by folder.

    Raises:
        BrokenFile: names the file, the key and the folder.
    """
    remedy = "run the study's command again"
    for name in description.controls:
        if methods[name] not in CONTROL_TITLES:
            raise BrokenFile(f"{file}: is broken (controls: '{name}' has records of {methods[name]}); {remedy}")
    for system in description.systems:
        if methods[system.folder] != system.method:
            told = f"'{system.folder}' has records of {methods[system.folder]}, not of {system.method}"
            raise BrokenFile(f"{file}: is broken (systems: {told}); {remedy}")


def _control(folder: SystemFolder, method: str) -> Member:
    return Member(folder, method, CONTROL_TITLES[method], CONTROL_TITLES[method])


def layout_of(description: Description) -> Layout:
    """Names and order in the tables of a described study."""
    methods = {system.method: system.shown for system in description.systems}
    return Layout(
        methods | {name: CONTROL_TITLES[name] for name in (COPY, ORACLE, REAL)},
        description.attributes,
        frozenset(description.correlated),
        description.correlated_above,
        description.inception_name,
        description.comparability,
        description.items,
        description.paper_levels,
    )


def _comparisons(systems: Sequence[Member], reference: Reference | None, num_resamples: int) -> pd.DataFrame | None:
    """Paired tests between all systems, or with the reference; None if there are fewer than two systems."""
    if len(systems) < 2:
        return None
    if reference is None:
        return compare_systems(_scores(systems), num_resamples)
    return compare_systems(_scores(reference.others), num_resamples, _scores(reference.systems))


def _subgroups(controls: Sequence[Member], systems: Sequence[Member]) -> pd.DataFrame | None:
    """Accuracy by the sources' other attributes; None without a large enough group. Of many rows the first few."""
    first = list(dict.fromkeys(member.row for member in systems))[:FEW]
    oracle = [replace(control, row=control.label) for control in controls if control.method == ORACLE]
    shown = [*(member for member in systems if member.row in first), *oracle]
    frame = by_subgroups((member, open_scores(member.folder)) for member in shown)
    return frame if len(frame) else None


def _scores(systems: Sequence[Member]) -> Iterator[tuple[str, Scores]]:
    """Label and scores of each system, which are read when they are asked for."""
    return ((member.label, open_scores(member.folder)) for member in systems)


def _claims(
    controls: Sequence[Member], systems: Sequence[Member], description: Description, layout: Layout
) -> ClaimTables | None:
    """Verdicts on the paper's claims; None if these systems allow none."""
    levels = description.paper_levels
    scored = [
        Scored(m.method, m.variant, levels.get(m.level, m.level), m.seed, partial(open_scores, m.folder))
        for m in (*controls, *systems)
    ]
    unfit = {} if layout.inception_name == Layout.inception_name else {"inception_score": OTHER_WEIGHTS}
    decided = decide_claims(scored, layout.attributes, description.num_resamples, description.items, unfit)
    return claim_tables(decided, layout, levels)


def _cost(systems: Sequence[Member]) -> pd.DataFrame | None:
    """Costs of each system, as the report shows them."""
    costs = [member.folder.read_cost() for member in systems]
    if not costs:
        return None
    return pd.DataFrame(
        {
            "System": [member.label for member in systems],
            "Parameters (M)": [_scaled(cost.parameters, 1e6) for cost in costs],
            "GFLOPs per image": [_scaled(cost.flops, 1e9) for cost in costs],
            "Latency (ms)": [_scaled(cost.latency_ms, 1) for cost in costs],
            "Training (min)": [_scaled(cost.training_seconds, 60) for cost in costs],
            "Latency measured on": [cost.device for cost in costs],
        }
    )


def _judges(controls: Sequence[Member], layout: Layout) -> pd.DataFrame:
    """How well each judge sees each attribute, and whether its verdicts count; the same for all systems of a report."""
    scores = open_scores(controls[0].folder)
    rows = [
        {
            "Judge": judge.name,
            "Of": "jury" if k else "the paper's protocol",
            "Attribute": layout.attributes.get(attribute.name, attribute.name),
            "Real images (%)": 100 * verdict.balanced_accuracy,
            "Counterfactuals (%)": 100 * verdict.counterfactual,
            "Verdicts": "do not count" if verdict.reason else "count",
        }
        for k, judge in enumerate(scores.judges)
        for attribute, verdict in zip(scores.attributes, judge.verdicts, strict=True)
    ]
    return pd.DataFrame(rows)


def _scaled(value: float | None, unit: float) -> float:
    return float("nan") if value is None else value / unit


def with_published(frame: pd.DataFrame) -> pd.DataFrame:
    """All records for the tables: on CelebA they include the paper's numbers."""
    if not (frame["dataset"] == "celeba").any():
        return frame
    paper = to_frame(record for table in TABLES for record in published(table))
    return pd.concat([frame, paper], ignore_index=True)
