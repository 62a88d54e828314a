"""Small frames of records for the tests of the report."""

import itertools
from math import isnan, nan

import pandas as pd
from scipy.stats import t as student

from sgbench.report.layout import Layout
from sgbench.report.markdown import to_markdown
from sgbench.results.published import published
from sgbench.results.records import Record, to_frame

LAYOUT = Layout(
    methods={"beta": "Beta-GAN", "alpha": "Alpha", "copy": "copy", "real": "real images"},
    attributes={"smile": "Smile", "hair_color": "Hair colour"},
    correlated=frozenset({("smile", "hair_color")}),
)


FREEDOM = 4.0


def record(method, level, target, measured_on, value, half=nan, **other):
    """A record of an accuracy by the ResNet-18 unless told otherwise; ``half`` is half its interval."""
    fields = {"metric": "accuracy", "unit": "share", "seed": 0, "direction": "all", "note": "", "variant": ""}
    fields |= {"definition": "judge 1", "num_images": 200, "origin": "measured"} | other
    return Record(
        system=f"{method}-{level}-s{fields['seed']}",
        method=method,
        level=level,
        dataset="faces",
        image_size=32,
        target=target,
        measured_on=measured_on,
        value=value,
        low=value - half,
        high=value + half,
        **fields,
    )


def by_jury(method, level, target, measured_on, value, half=nan, judges=0.25, **other):
    """A record of an accuracy by the jury: ``judges`` is the share of its variance that comes of the judges."""
    parts = {}
    if not isnan(half):
        variance = (half / student.ppf(0.975, FREEDOM)) ** 2
        parts = {"variance_images": (1 - judges) * variance, "variance_judges": judges * variance, "freedom": FREEDOM}
    about = {"metric": "jury_accuracy", "definition": "jury 1"}
    return record(method, level, target, measured_on, value, half, **about | parts | other)


BACKGROUND = {"metric": "background_ms_ssim", "unit": "score", "definition": "window 8x8 of 32"}
SCORE = {"metric": "judge_score", "unit": "score"}
AGREEMENT = {"metric": "jury_agreement", "definition": "every judge of jury 1"}
REASON = "balanced accuracy 0.81 on hair_color,\nfloor 0.9"
TOO_FEW = "1 of 3 judges of the jury sit (balanced accuracy 0.81 on hair_color)"


def small_records():
    """One seed, two methods (one at two levels), the two controls ``copy`` and ``real``.

    The jury never sees quite what the ResNet-18 sees, so that no table can have the figures of the other unnoticed.
    """
    return [
        record("alpha", "500", "smile", "smile", 0.934, 0.013),
        record("alpha", "500", "smile", "smile", 0.5, 0.1, direction="smiling"),
        record("alpha", "500", "smile", "hair_color", 0.8, 0.02),
        record("alpha", "500", "smile", "background", 0.72, 0.01, **BACKGROUND),
        record("alpha", "500", "hair_color", "hair_color", nan, note=f"not scored: {REASON}"),
        record("alpha", "500", "smile", "image", 3.5, 0.25, **SCORE),
        record("alpha", "500", "smile", "image", 0.22, **SCORE | {"metric": "judge_score_std"}),
        record("beta", "500", "smile", "smile", 0.7, 0.02),
        record("beta", "all", "smile", "smile", 0.99, 0.004),
        record("copy", "", "smile", "smile", 0.02, 0.01, origin="control"),
        record("real", "", "", "smile", 0.97, 0.01, origin="control"),
        record("real", "", "", "hair_color", 0.96, 0.01, origin="control"),
        record("real", "", "", "image", 3.8, 0.1, origin="control", **SCORE),
        by_jury("alpha", "500", "smile", "smile", 0.904, 0.025),
        by_jury("alpha", "500", "smile", "smile", 0.48, 0.12, direction="smiling"),
        by_jury("alpha", "500", "smile", "hair_color", 0.77, 0.03),
        record("alpha", "500", "smile", "smile", 0.85, 0.02, **AGREEMENT),
        by_jury("alpha", "500", "hair_color", "hair_color", nan, note=f"not scored: {TOO_FEW}"),
        by_jury("beta", "500", "smile", "smile", 0.68, 0.04),
        by_jury("beta", "all", "smile", "smile", 0.98, 0.008),
        by_jury("copy", "", "smile", "smile", 0.03, 0.02, origin="control"),
        by_jury("real", "", "", "smile", 0.95, 0.02, origin="control"),
        by_jury("real", "", "", "hair_color", 0.94, 0.02, origin="control"),
        record("real", "", "", "smile", 0.92, 0.03, origin="control", **AGREEMENT),
    ]


def small_frame():
    """``small_records`` as a table."""
    return to_frame(small_records())


CELEBA = Layout(
    {"sggan": "SG-GAN", "stargan": "StarGAN", "real": "Real images"}, {"gender": "Gender", "smile": "Smile"}
)


def with_paper(layout=CELEBA):
    """A small study of CelebA at 64 pixels beside all published numbers, and its layout."""
    both = [(t, a) for t in ("gender", "smile") for a in ("gender", "smile")]
    records = [record(m, "500", t, a, 0.9, 0.01) for m in ("sggan", "stargan") for t, a in both]
    records += [by_jury(m, "500", t, a, 0.88, 0.03) for m in ("sggan", "stargan") for t, a in both]
    records += [record("sggan", "500", "gender", "background", 0.6, **BACKGROUND)]
    records += [record("real", "", "", a, 0.97, origin="control") for a in ("gender", "smile")]
    records += [by_jury("real", "", "", a, 0.95, origin="control") for a in ("gender", "smile")]
    for metric in ("judge_score", "inception_score"):
        about = SCORE | {"metric": metric}
        records += [record(m, "500", "gender", "image", 3.1, **about) for m in ("sggan", "stargan")]
        records.append(record("real", "", "", "image", 3.3, origin="control", **about))
    measured = to_frame(records).assign(dataset="celeba", image_size=64)
    return pd.concat([measured, *(to_frame(published(k)) for k in (1, 2, 3))], ignore_index=True), layout


def comparisons():
    """Paired tests: two on accuracy, one on an error that could not be compared for the second pair."""
    common = {"target": "smile", "low": -0.01, "high": 0.04, "low_adjusted": -0.02, "high_adjusted": 0.05}
    common |= {"num_images": 200, "unit": "share"}
    common |= {"metric": "jury_accuracy"}
    own = [
        {"measured_on": "smile", "difference": 0.0123, "p": 0.01, "p_adjusted": 0.0204, "second": "copy"},
        {"measured_on": "hair_color", "difference": -0.5, "p": 1e-5, "p_adjusted": 2e-5, "second": "copy"},
        {"measured_on": "inside", "metric": "counterfactual_error", "difference": -1.5, "p": 0.5, "p_adjusted": 0.5}
        | {"unit": "levels", "low": nan, "high": nan, "second": "copy"}
        | {"low_adjusted": nan, "high_adjusted": nan},
        dict.fromkeys(("difference", "low", "high", "p", "low_adjusted", "high_adjusted", "p_adjusted"), nan)
        | {"measured_on": "smile", "second": "Beta-GAN"},
    ]
    return pd.DataFrame([common | {"first": "Alpha (500)"} | row for row in own])


def judges(layout=LAYOUT):
    """How well each judge sees each attribute, as a report is given it: the ResNet-18 and three of a jury."""
    names = ("resnet18, seed 0", "compact_vgg, seed 0", "compact_resnet, seed 0", "compact_vgg, seed 1")
    seen = [
        {"Judge": name, "Of": "jury" if k else "the paper's protocol", "Attribute": shown}
        | {"Real images (%)": 99.5 - k / 3, "Counterfactuals (%)": 99.0 - 2 * k if j else nan}
        | {"Verdicts": "do not count" if k == 3 and j else "count"}
        for k, name in enumerate(names)
        for j, shown in enumerate(layout.attributes.values())
    ]
    return pd.DataFrame(seen)


def rows(table, block=""):
    """Row label -> its cells as Markdown."""
    part = to_markdown(table)
    if block:
        part = part.split(f"**{block}**\n\n")[1]
    lines = itertools.takewhile(lambda line: line.startswith("|"), part[part.index("|") :].splitlines()[2:])
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    return {label: tuple(others) for label, *others in cells}
