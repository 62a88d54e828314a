"""The order of systems on other data, by hand."""

import math
from dataclasses import replace

import pytest
from frames import BACKGROUND, by_jury, record

from sgbench.report.other_data import order_on, ordered
from sgbench.report.rank_agreement import uncertain
from sgbench.statistics.crossed import CrossedMean, over_seeds

ATTRIBUTES = {"smile": "Smile", "hair": "Hair"}


def records_of(dataset, figures, half=0.001, level="500"):
    """Records by method: its accuracy on smile as target, on hair when smile is the target, its background there."""
    found = []
    for method, (target, kept, background) in figures.items():
        found += [
            by_jury(method, level, "smile", "smile", target, half),
            by_jury(method, level, "smile", "hair", kept, half),
            record(method, level, "smile", "background", background, half, **BACKGROUND),
        ]
    control = record("copy", "", "smile", "background", 1.0, half, origin="control", **BACKGROUND)
    return [replace(r, dataset=dataset) for r in [*found, control]]


FACES = {"sggan": (0.9, 0.8, 0.95), "stargan": (0.8, 0.7, 0.75), "residualgan": (0.7, 0.6, 0.85)}
PHOTOS = {"sggan": (0.95, 0.5, 0.9), "stargan": (0.85, 0.7, 0.7), "residualgan": (0.75, 0.6, 0.6)}


def sides(first=FACES, second=PHOTOS, half=0.001, level="500", levels=None):
    faces = ordered(records_of("faces", first, half), ATTRIBUTES, levels or {})
    return faces, ordered(records_of("celeba", second, half, level), ATTRIBUTES, {})


def test_orders_are_compared_within_each_figure():
    """Target accuracy 3 of 3 pairs alike; kept: 1 of 3; background: 2 of 3. The control takes no part."""
    found = order_on(*sides())
    taus = dict(zip(found.table["Figures"], found.table["Kendall's tau"], strict=True))
    assert found.systems == 3
    assert taus["Target accuracy"] == "1.00 [1.00, 1.00]"
    assert taus["Unrelated accuracy"].startswith(f"{(1 - 2) / 3:.2f} ")
    assert taus["Background"].startswith(f"{(2 - 1) / 3:.2f} ")
    assert taus["All figures"].startswith(f"{(3 - 1 + 1) / 9:.2f} ")
    assert found.table["Pairs of systems"].tolist() == ["3", "3", "3", "9"]


@pytest.mark.parametrize(
    ("second", "half", "verdict"),
    [
        (FACES, 0.001, "predicts the other better than chance"),
        ({m: tuple(1 - f for f in own) for m, own in FACES.items()}, 0.001, "opposed"),
        (FACES, 0.5, "is open"),
    ],
)
def test_the_verdict_goes_by_the_interval(second, half, verdict):
    assert verdict in order_on(*sides(second=second, half=half)).verdict


def test_levels_that_stand_for_each_other_are_the_same():
    assert order_on(*sides(level="5000")) is None
    assert order_on(*sides(level="5000", levels={"500": "5000"})).systems == 3


def test_the_same_data_one_system_or_other_attributes_are_nothing_to_compare():
    faces, photos = sides()
    assert order_on(faces, faces) is None
    assert order_on(faces, ordered(records_of("celeba", {"sggan": (1, 1, 1)}), ATTRIBUTES, {})) is None
    assert order_on(faces, replace(photos, attributes=("glasses",))) is None
    assert ordered([replace(records_of("celeba", {})[-1])], ATTRIBUTES, {}) is None


def test_figures_that_one_side_lacks_are_left_out():
    faces, _ = sides()
    lacking = [
        replace(r, value=math.nan, low=math.nan, high=math.nan, note="not scored: why")
        if r.measured_on == "hair"
        else r
        for r in records_of("celeba", PHOTOS)
    ]
    found = order_on(faces, ordered(lacking, ATTRIBUTES, {}))
    assert found.table["Kendall's tau"].tolist()[1] == "–"
    assert found.table["Pairs of systems"].tolist() == ["3", "0", "3", "6"]


@pytest.mark.parametrize("gap", [0.001, 0.05])
def test_a_jurys_figure_over_seeds_is_as_uncertain_as_its_interval(gap):
    """It has the degrees of freedom of images, judges and seeds together, not those of the seeds alone."""
    mean = over_seeds([CrossedMean(0.7 + side * gap, 1e-4, 3e-4, 8.0) for side in (-1, 1)])
    low, high = mean.interval()
    parts = {"variance_images": mean.images, "variance_judges": mean.judges, "variance_seeds": mean.seeds}
    found = uncertain([{"value": mean.mean, "low": low, "high": high, "num_seeds": 2, **parts}])
    assert found.deviations == pytest.approx([mean.variance**0.5])
    assert found.freedoms == pytest.approx([mean.freedom], rel=1e-6)
    without = uncertain([{"value": 0.7, "low": 0.6, "high": 0.8, "num_seeds": 2} | dict.fromkeys(parts, math.nan)])
    assert without.freedoms == [1]
