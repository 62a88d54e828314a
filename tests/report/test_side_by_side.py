"""Published and measured figures side by side, and how far they agree in the order of systems."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from frames import BACKGROUND, SCORE, record, rows

from sgbench.report.layout import Layout
from sgbench.report.rank_agreement import rank_agreement_table
from sgbench.report.side_by_side import side_by_side_tables
from sgbench.results.published import ATTRIBUTES, published
from sgbench.results.records import to_frame

LAYOUT = Layout(
    {"sggan": "SG-GAN", "stargan": "StarGAN", "residualgan": "ResidualGAN", "real": "Real images"},
    {"gender": "Gender", "smile": "Smile", "hair_color": "Hair colour", "lipstick": "Lipstick"},
    items=("table1", "table2", "table3"),
    paper_levels={"500": "5000", "50": "500"},
)
ABSENT = "not scored: no weights"
SYSTEMS = [("residualgan", "all"), ("stargan", "all"), ("sggan", "all"), ("sggan", "500"), ("sggan", "50")]


def study(sign=1.0, half=0.0001):
    """Measured accuracies and backgrounds of table 2 that differ from the published ones by a hundredth, or reverse."""
    stands_for = {"500": "5000", "50": "500"}
    theirs = {(r.method, r.level, r.target, r.measured_on): r for r in published(2)}
    records = []
    for (method, level), target in [(s, t) for s in SYSTEMS for t in ("gender", "hair_color")]:
        for on in ("gender", "smile", "hair_color", "background"):
            value = 0.5 + sign * (theirs[method, stands_for.get(level, level), target, on].value - 0.51)
            about = BACKGROUND if on == "background" else {}
            records.append(record(method, level, target, on, value, half, **about))
    absent = SCORE | {"metric": "inception_score", "note": ABSENT}
    records += [record(m, level, a, "image", math.nan, **absent) for m, level in SYSTEMS for a in ATTRIBUTES]
    records.append(record("sggan", "50", "gender", "image", 3.3, 0.1, **SCORE))
    records.append(record("sggan", "50", "smile", "smile", 0.8, 0.01))
    records.append(record("sggan", "50", "gender", "gender", 0.2, 0.01, variant="residual"))
    records.append(record("real", "", "", "gender", 0.97, 0.01, origin="control"))
    return to_frame(records)


def table(number, frame=None, layout=LAYOUT):
    tables = side_by_side_tables(study() if frame is None else frame, replace(layout, items=(f"table{number}",)))
    assert [t.name for t in tables] == [f"side_by_side_table{number}"]
    return tables[0]


def test_rows_are_the_papers_and_each_column_is_a_pair():
    second = table(2)
    assert list(rows(second, "Target: Gender")) == [
        "ResidualGAN (all)",
        "StarGAN (all)",
        "SG-GAN (all)",
        "SG-GAN (5000; here 500)",
        "SG-GAN (500; here 50)",
        "Real images",
    ]
    few = rows(second, "Target: Hair colour")["SG-GAN (500; here 50)"]
    assert few[:2] == ("89.11", "88.1 [88.1, 88.1]")
    assert few[-2:] == ("69", "68.0 [68.0, 68.0]")
    assert second.cells["column"].unique().tolist()[:2] == ["Gender (target), published", "Gender (target), measured"]
    assert rows(second, "Target: Gender")["Real images"] == (
        "99.00",
        "97.0 [96.0, 98.0]",
        *("90.22", "–"),
        *("99.53", "–"),
        *("100", "–"),
    )


def test_a_method_that_the_study_lacks_has_the_papers_name():
    own = replace(LAYOUT, methods={"stargan": "StarGAN"})
    assert list(rows(table(1, layout=own)))[:3] == ["ResidualGAN (all)", "StarGAN (all)", "SG-GAN (all)"]


def test_the_caption_says_which_levels_and_data_stand_for_the_papers():
    caption = table(2).caption
    assert "Labels per value here stand for others of the paper: 500 for its 5000, 50 for its 500." in caption
    assert "different data: published on CelebA at 128x128" in caption
    assert "measured on faces at 32x32" in caption
    there = table(2, study().assign(dataset="celeba", image_size=128), replace(LAYOUT, comparability="It is here."))
    assert "different data" not in there.caption
    assert there.caption.endswith("without intervals. It is here.")


def test_a_missing_inception_score_is_told_and_no_judge_score_takes_its_place():
    first = table(1)
    assert set(first.cells["metric"]) == {"inception_score"}
    assert rows(first)["SG-GAN (500; here 50)"][:2] == ("3.30±0.147", "not scored <sup>1</sup>")
    assert set(first.cells.loc[first.cells["column"] == "Gender, measured", "note"]) == {"no weights", ""}


def test_scores_by_other_weights_do_not_stand_beside_published_ones():
    about = SCORE | {"metric": "inception_score"}
    frame = to_frame([record("stargan", "all", "gender", "image", 3.1, 0.1, **about)])
    assert rows(table(1, frame))["StarGAN (all)"][:2] == ("3.36±0.164", "3.10 [3.00, 3.20]")
    other = replace(LAYOUT, inception_name="Inception (custom weights)")
    assert rows(table(1, frame, other))["StarGAN (all)"][:2] == ("3.36±0.164", "not scored <sup>1</sup>")


def test_the_refined_residual_is_the_variant_where_there_is_one():
    assert rows(table(3))["SG-GAN (500; here 50, residual)"][:2] == ("18.77", "20.0 [19.0, 21.0]")
    assert rows(table(3))["SG-GAN (500; here 50)"][2:4] == ("82.67", "80.0 [79.0, 81.0]")
    refined = to_frame([record("sggan", "50", "smile", "smile", 0.7, 0.01, variant="refined")])
    own = rows(table(3, pd.concat([study(), refined])))
    assert own["SG-GAN (500; here 50)"][2:4] == ("82.67", "70.0 [69.0, 71.0]")


@pytest.mark.parametrize(("sign", "tau"), [(1, "1.00 [1.00, 1.00]"), (-1, "-1.00 [-1.00, -1.00]")])
def test_the_papers_order_has_tau_1_and_the_reverse_minus_1(sign, tau):
    agreement = rank_agreement_table([table(2, study(sign, half=1e-6))])
    found = rows(agreement)
    assert found["All columns (80 pairs)"] == (tau,)
    assert found["Smile (target: Hair colour; 5 systems)"] == (tau,)
    assert len(found) == 9


def test_uncertain_figures_widen_the_interval():
    found = rank_agreement_table([table(2, study(half=0.02))]).cells.iloc[-1]
    assert found["value"] == pytest.approx(1)
    assert found["low"] < 0.8


def test_without_scores_agreement_says_why_there_is_none():
    agreement = rank_agreement_table([table(1)])
    assert rows(agreement) == {"All columns (0 pairs)": ("not scored <sup>1</sup>",)}
    assert agreement.cells["note"].tolist() == ["no weights"]


def test_seeds_are_taken_together_and_their_deviation_counts():
    seeds = [record("sggan", "50", "smile", "smile", v, 0.001, seed=k) for k, v in enumerate((0.1, 0.3, 0.5))]
    others = [
        record("sggan", "50", "smile", "smile", v, 0.001, seed=k, variant="residual")
        for k, v in enumerate((0.2, 0.25, 0.3))
    ]
    found = rank_agreement_table([table(3, to_frame([*seeds, *others]))]).cells.iloc[-1]
    assert (found["value"], found["low"], found["high"]) == (1, -1, 1)
