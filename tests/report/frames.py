"""Small frames of records for the tests of the report."""

import itertools
from math import nan

import pandas as pd

from sgbench.report.layout import Layout
from sgbench.report.markdown import to_markdown
from sgbench.results.published import published
from sgbench.results.records import Record, to_frame

LAYOUT = Layout(
    methods={"beta": "Beta-GAN", "alpha": "Alpha", "copy": "copy", "real": "real images"},
    attributes={"smile": "Smile", "hair_color": "Hair colour"},
    correlated=frozenset({("smile", "hair_color")}),
)


def record(method, level, target, measured_on, value, half=nan, **other):
    """A record of an accuracy unless told otherwise; ``half`` is half its interval."""
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


BACKGROUND = {"metric": "background_ms_ssim", "unit": "score", "definition": "window 8x8 of 32"}
SCORE = {"metric": "judge_score", "unit": "score"}
REASON = "balanced accuracy 0.81 on hair_color,\nfloor 0.9"


def small_records():
    """One seed, two methods (one at two levels), the two controls ``copy`` and ``real``."""
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
    records += [record("sggan", "500", "gender", "background", 0.6, **BACKGROUND)]
    records += [record("real", "", "", a, 0.97, origin="control") for a in ("gender", "smile")]
    for metric in ("judge_score", "inception_score"):
        about = SCORE | {"metric": metric}
        records += [record(m, "500", "gender", "image", 3.1, **about) for m in ("sggan", "stargan")]
        records.append(record("real", "", "", "image", 3.3, origin="control", **about))
    measured = to_frame(records).assign(dataset="celeba", image_size=64)
    return pd.concat([measured, *(to_frame(published(k)) for k in (1, 2, 3))], ignore_index=True), layout


def comparisons():
    """Paired tests: two on accuracy, one on an error that could not be compared for the second pair."""
    common = {"target": "smile", "low": -0.02, "high": 0.05, "num_images": 200, "unit": "share", "metric": "accuracy"}
    own = [
        {"measured_on": "smile", "difference": 0.0123, "p": 0.01, "p_adjusted": 0.0204, "second": "copy"},
        {"measured_on": "hair_color", "difference": -0.5, "p": 1e-5, "p_adjusted": 2e-5, "second": "copy"},
        {"measured_on": "inside", "metric": "counterfactual_error", "difference": -1.5, "p": 0.5, "p_adjusted": 0.5}
        | {"unit": "levels", "low": nan, "high": nan, "second": "copy"},
        {"measured_on": "smile", "difference": nan, "low": nan, "high": nan, "p": nan, "p_adjusted": nan}
        | {"second": "Beta-GAN"},
    ]
    return pd.DataFrame([common | {"first": "Alpha (500)"} | row for row in own])


def rows(table, block=""):
    """Row label -> its cells as Markdown."""
    part = to_markdown(table)
    if block:
        part = part.split(f"**{block}**\n\n")[1]
    lines = itertools.takewhile(lambda line: line.startswith("|"), part[part.index("|") :].splitlines()[2:])
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    return {label: tuple(others) for label, *others in cells}
