"""The trade-off: figures scaled by hand, the front, and the picture."""

from dataclasses import replace

import numpy as np
import pytest
from frames import BACKGROUND, by_jury, record
from PIL import Image

from sgbench.report.layout import Layout
from sgbench.report.tradeoff import INCOMPLETE, ON_FRONT, front, tradeoff_table
from sgbench.report.tradeoff_plot import spread, tradeoff_plot
from sgbench.results.records import to_frame

LAYOUT = Layout(
    {"alpha": "Alpha", "beta": "Beta", "copy": "Copy", "real": "Real images", "oracle": "Oracle"},
    {"smile": "Smile", "hair": "Hair"},
)
CONTROL = {"origin": "control"}
LEFT_OUT = {"metric": "left_out", "unit": "count"}


def system(method, smile, hair, kept_hair, kept_smile, background, half=0.04, **about):
    """Accuracies on both targets, of hair when smile is the target and the reverse, and the background of both."""
    figures = [
        ("smile", "smile", smile),
        ("hair", "hair", hair),
        ("smile", "hair", kept_hair),
        ("hair", "smile", kept_smile),
    ]
    records = [by_jury(method, "all", target, on, value, half, **about) for target, on, value in figures]
    return records + [
        record(method, "all", t, "background", background, 0.1, **BACKGROUND | about) for t in ("smile", "hair")
    ]


COPY = system("copy", 0.1, 0.2, 0.9, 0.9, 1.0, 0.01, **CONTROL)
REAL = [by_jury("real", "", "", a, v, 0.01, **CONTROL) for a, v in (("smile", 0.9), ("hair", 1.0))]
ALPHA, BETA = system("alpha", 0.5, 0.6, 0.72, 0.81, 0.7), system("beta", 0.7, 0.8, 0.45, 0.54, 0.8)


def cells(*records, layout=LAYOUT):
    """Row -> column -> cell."""
    table = tradeoff_table(to_frame([r for part in records for r in part]), layout)
    return {row: own.set_index("column").to_dict("index") for row, own in table.cells.groupby("row")}


def test_figures_lie_between_the_copy_and_real_images():
    found = cells(ALPHA, BETA, COPY, REAL)
    values = {row: [round(c["value"], 6) for c in own.values() if c["origin"]] for row, own in found.items()}
    assert values == {
        "Alpha": [0.5, 0.85, 0.7],
        "Beta": [0.75, 0.55, 0.8],
        "Copy": [0, 1, 1],
        "Real images": [1, round((1 / 0.9 + 0.9 / 0.9) / 2, 6)],
    }


def test_intervals_are_scaled_with_the_figures():
    gained = cells(ALPHA, BETA, COPY, REAL)["Alpha"]["Target accuracy, scaled"]
    assert (gained["low"], gained["high"]) == pytest.approx((0.45, 0.55))


def test_the_oracle_is_the_other_end_where_there_is_one():
    oracle = system("oracle", 0.3, 0.4, 0.9, 0.9, 1.0, **CONTROL)
    found = cells(ALPHA, BETA, COPY, REAL, oracle)
    assert found["Alpha"]["Target accuracy, scaled"]["value"] == pytest.approx(2)
    assert "Real images" not in found
    assert [cell["value"] for cell in found["Oracle"].values()] == pytest.approx([1, 1, 1])


def test_the_front_is_marked_for_each_thing_preserved():
    found = cells(ALPHA, BETA, COPY, REAL)
    marked = {(row, column) for row, own in found.items() for column, cell in own.items() if cell["note"] == ON_FRONT}
    assert marked == {
        ("Alpha", "Unrelated accuracy, scaled"),
        ("Beta", "Unrelated accuracy, scaled"),
        ("Beta", "Background"),
    }


def test_a_system_that_did_not_give_every_result_is_on_no_front():
    found = cells(ALPHA, BETA, COPY, REAL, [record("beta", "all", "smile", "image", 3, **LEFT_OUT)])
    assert {cell["note"] for cell in found["Beta"].values()} == {INCOMPLETE}
    assert found["Alpha"]["Background"]["note"] == ON_FRONT


def test_a_target_whose_controls_are_alike_is_left_out_and_named():
    real = [REAL[0], replace(REAL[1], value=0.21)]
    table = tradeoff_table(to_frame([*ALPHA, *BETA, *COPY, *real]), LAYOUT)
    gained = table.cells[table.cells["metric"] == "target_accuracy_scaled"].set_index("row")["value"]
    assert gained["Alpha"] == pytest.approx(0.5)
    assert gained["Beta"] == pytest.approx(0.75)
    assert table.caption.startswith("What systems gain")
    assert "Without Hair: the controls do not tell it apart, or it is not scored." in table.caption


def test_seeds_are_one_point():
    again = [replace(r, system="again", seed=1, value=r.value + 0.1) for r in ALPHA]
    found = cells(ALPHA, again, BETA, COPY, REAL)["Alpha"]["Target accuracy, scaled"]
    assert (found["value"], found["num_seeds"]) == (pytest.approx(0.5 + 0.1 / 0.8 / 2), 2)


@pytest.mark.parametrize("records", [[ALPHA], [ALPHA, BETA], [ALPHA, COPY, REAL], [[], COPY, REAL]])
def test_without_two_systems_or_controls_there_is_none(records):
    assert cells(*records) == {}


def test_the_front_by_hand():
    points = [(0.1, 0.9), (0.5, 0.8), (0.5, 0.7), (0.4, 0.8), (0.9, 0.1), (0.9, 0.1), (0.8, 0.05)]
    assert front(points) == [True, True, False, False, True, True, False]
    assert front([(0.3, 0.2)]) == [True]


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ([0.9, 0.5], [0.9, 0.5]),
        ([0.5, 0.5, 0.5], [0.5, 0.4, 0.3]),
        ([1.0, 0.05, 0.05], [1.0, 0.1, 0.0]),
        ([1.2, 1.0], [1.0, 0.9]),
        ([], []),
    ],
)
def test_labels_move_apart_and_stay_beside_the_panel(places, moved):
    assert spread(places, 0.1) == pytest.approx(moved)


def test_points_at_one_place_have_both_their_labels_in_the_picture(tmp_path):
    same = [replace(r, system="beta", method="beta") for r in ALPHA]
    tradeoff_plot(tmp_path / "same.png", to_frame([*ALPHA, *same, *COPY, *REAL]), LAYOUT)
    with Image.open(tmp_path / "same.png") as image:
        page = np.asarray(image.convert("RGB")).astype(int)
    for colour in (0x7C, 0x3A, 0xED), (0xB9, 0x1C, 0x7B):
        ink = np.abs(page - colour).sum(-1) < 9
        assert ink.sum() > 100
    assert (page[:4] == 255).all()
    assert (page[:, -4:] == 255).all()


def test_of_one_attribute_the_background_alone_is_preserved():
    layout = replace(LAYOUT, attributes={"smile": "Smile"})
    frame = to_frame([r for r in (*ALPHA, *BETA, *COPY, *REAL) if "hair" not in (r.target, r.measured_on)])
    assert set(tradeoff_table(frame, layout).cells["column"]) == {"Target accuracy, scaled", "Background"}
