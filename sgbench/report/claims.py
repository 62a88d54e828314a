"""The section on the paper's claims: verdicts, and the evidence of each with links to the tables that have its figures.

Frames hold everything in full; only the texts made of them are rounded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import pandas as pd

from sgbench.claims.claim import Contrast, Quantity
from sgbench.claims.verdicts import MISSING as WITHOUT
from sgbench.claims.verdicts import NOT_TESTED, DecidedClaim, Evidence
from sgbench.metrics.catalogue import spec_of
from sgbench.report.directions import in_a_sentence
from sgbench.report.latex import frames_to_latex
from sgbench.report.layout import MISSING, Layout, Table
from sgbench.report.markdown import markdown
from sgbench.report.published import PUBLISHED
from sgbench.report.text import number_text, scaled_text
from sgbench.support.markdown import anchor, in_a_line

VERDICTS, CLAIMS = "verdicts", "claims"
"""Names of the tables of verdicts and of evidence."""
_BY_ATTRIBUTE = ("jury_accuracy", "accuracy")


@dataclass(frozen=True)
class ClaimTables:
    """What a report says of the paper's claims.

    Attributes:
        verdicts: a row per claim: claim, sentence, measured, why, published, published_why.
        evidence: a row per comparison of a claim, in records' units. ``surely_below`` is the upper end of the interval
            whose confidence makes up for the number of the claim's comparisons; ``says`` and ``published_says`` are
            for, against, open or missing.
        levels: level in records -> the paper's, where they differ.
    """

    verdicts: pd.DataFrame
    evidence: pd.DataFrame
    levels: Mapping[str, str]


def claim_tables(decided: Sequence[DecidedClaim], layout: Layout, levels: Mapping[str, str]) -> ClaimTables | None:
    """The tables of a report; None if its systems allow no claim."""
    if not decided:
        return None
    verdicts = [
        {"claim": own.claim.name, "sentence": own.claim.sentence}
        | {"measured": own.measured.verdict, "why": own.measured.why}
        | {"published": own.published.verdict, "published_why": own.published.why}
        for own in decided
    ]
    evidence = [
        {"claim": own.claim.name} | _row(contrast, measured, number, layout)
        for own in decided
        for contrast, measured, number in zip(own.claim.contrasts, own.evidence, own.numbers, strict=True)
    ]
    return ClaimTables(pd.DataFrame(verdicts), pd.DataFrame(evidence), levels)


def _row(contrast: Contrast, measured: Evidence, number: Evidence, layout: Layout) -> dict[str, object]:
    images, judges, seeds = measured.variances
    return {
        "figure": _told(contrast.of, layout),
        "comparison": contrast.shown,
        "target": contrast.of.target,
        "measured_on": contrast.of.measured_on,
        "metric": contrast.of.metric,
        "unit": spec_of(contrast.of.metric).unit,
        "margin": contrast.margin,
        "value": measured.value,
        "low": measured.low,
        "high": measured.high,
        "surely_below": measured.surely_below,
        "variance_images": images,
        "variance_judges": judges,
        "variance_seeds": seeds,
        "num_seeds": measured.num_seeds,
        "num_images": measured.num_images,
        "says": measured.says(contrast.margin),
        "note": f"no {', '.join(measured.missing)}" if measured.missing else measured.note,
        "published": number.value,
        "published_says": number.says(contrast.margin),
    }


def _told(of: Quantity, layout: Layout) -> str:
    """A figure in a few words."""
    target, place = (layout.attributes.get(name, name.replace("_", " ")) for name in (of.target, of.measured_on))
    if of.metric not in _BY_ATTRIBUTE:
        return f"{target}, {in_a_sentence(spec_of(of.metric).heading(of.measured_on))}"
    return f"{target}, target accuracy" if of.target == of.measured_on else f"{target}, {in_a_sentence(place)} kept"


def claims_section(tables: ClaimTables, measured: Sequence[Table], verdicts: str, evidence: str) -> list[str]:
    """The parts of the section in Markdown.

    Args:
        measured: the report's tables.
        verdicts: links to the files of the verdicts.
        evidence: links to those of the evidence.
    """
    told = verdicts_shown(tables)
    told = told.assign(claim=told["claim"] + ": " + told["sentence"])
    shown = {"claim": "Claim", "measured": "Measured here", "why": "Because", "published": "The paper's numbers"}
    parts = ["## Claims of the paper", f"{HOW}{in_a_line(levels_told(tables.levels))}"]
    parts += [markdown(told[list(shown)].rename(columns=shown), "left"), verdicts]
    parts += ["### Evidence", EVIDENCE]
    for name, own in _tested(tables):
        texts = _texts(own, own["figure"] + ": " + own["comparison"])
        texts["Figures in"] = [_link(row, measured) for row in own.to_dict("records")]
        parts += [f"**{in_a_line(name)}**", markdown(texts, linked=("Figures in",))]
    return [*parts, evidence]


def verdicts_shown(tables: ClaimTables) -> pd.DataFrame:
    """Verdicts for reading: where the paper's numbers test nothing, why."""
    known = tables.verdicts["published"] != NOT_TESTED
    return tables.verdicts.assign(published=tables.verdicts["published"].where(known, tables.verdicts["published_why"]))


def evidence_of(tables: ClaimTables) -> list[tuple[str, pd.DataFrame]]:
    """Heading and evidence for reading of each claim of which something was measured."""
    return [(name, _texts(own, own["figure"] + ": " + own["comparison"])) for name, own in _tested(tables)]


def verdicts_latex(tables: ClaimTables) -> str:
    """Verdicts as a LaTeX table; its caption has the claims' sentences."""
    verdicts = tables.verdicts.set_index("claim")
    caption = "Claims of the paper. " + " ".join(f"{name}: {text}" for name, text in verdicts["sentence"].items())
    shown = verdicts[["measured", "published"]].set_axis(["Measured here", "The paper's numbers"], axis=1)
    return frames_to_latex(VERDICTS, f"{caption}{levels_told(tables.levels)}", {"": shown})


def evidence_latex(tables: ClaimTables) -> str:
    """Evidence as a LaTeX table."""
    blocks = {
        f"{name}: {figure}": _texts(own, own["comparison"]).drop(columns="Seeds").set_index("Comparison")
        for name, evidence in _tested(tables)
        for figure, own in evidence.groupby("figure", sort=False)
    }
    return frames_to_latex(CLAIMS, f"Evidence for and against the paper's claims. {EVIDENCE}", blocks)


HOW = (
    "Each claim is a list of comparisons, with margins that were fixed before anything was measured. It is upheld if "
    "the 95 % interval of every comparison lies above its margin, and refuted if that of some comparison lies below, "
    "with a confidence that makes up for their number; otherwise it is undecided. Accuracy is the jury's. With one "
    "seed nothing is known of another training: then a comparison counts at most against a claim. The same is asked of "
    "the paper's own numbers, which are by its single ResNet-18 and have no intervals: they are taken as they stand."
)
EVIDENCE = (
    "Difference: mean over seeds, in the units of the tables (points of shares), paired over test images; in brackets "
    "the 95 % interval of what other images, another jury and, given several seeds, other trainings would give."
)


def levels_told(levels: Mapping[str, str]) -> str:
    """Which labels per value stand for the paper's."""
    if not levels:
        return ""
    told = ", ".join(f"{here} for its {paper}" for here, paper in levels.items())
    return f" Labels per value are named as in the paper; here they are {told}."


def _tested(tables: ClaimTables) -> list[tuple[str, pd.DataFrame]]:
    """Heading and evidence of each claim of which something was measured."""
    verdicts = tables.verdicts.set_index("claim")["measured"]
    parts = tables.evidence.groupby("claim", sort=False)
    return [(f"{name}, {verdicts[name]}", own) for name, own in parts if (own["says"] != WITHOUT).any()]


def _texts(evidence: pd.DataFrame, labels: Iterable[str]) -> pd.DataFrame:
    """Evidence for reading."""
    rows = [
        {
            "Comparison": label,
            "Difference": _difference(row, "measured", "value", "low", "high"),
            "Above": scaled_text(row["metric"], row["margin"]),
            "Seeds": str(row["num_seeds"]) if row["num_seeds"] else MISSING,
            "Says": row["says"],
            "Published": _difference(row, PUBLISHED, "published"),
        }
        for label, row in zip(labels, evidence.to_dict("records"), strict=True)
    ]
    return pd.DataFrame(rows)


def _difference(row: Mapping, origin: str, *figures: str) -> str:
    value, low, high = (*(row[name] for name in figures), nan, nan)[:3]
    if pd.isna(value):
        return MISSING
    about = {"metric": row["metric"], "origin": origin, "p_adjusted": nan}  # which only differences have
    return number_text(about | {"value": value, "low": low, "high": high})


def _link(row: Mapping, tables: Sequence[Table]) -> str:
    """A link to the first table that has the figures of a comparison."""
    place = ["target", "measured_on", "metric"]
    for table in tables:
        own = table.cells
        if table.ranked and (own[place] == [row[name] for name in place]).all(axis=1).any():
            return f"[{in_a_line(table.title)}](#{anchor(table.title)})"
    return MISSING
