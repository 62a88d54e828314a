"""Small frames of records for the tests of the report."""

from math import nan

from sgbench.records import Record, to_frame
from sgbench.report.tables import Layout

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
