"""The sentences at the top of a page, from records made by hand."""

from math import nan

import pytest
from frames import by_jury, record
from test_tradeoff import ALPHA, BETA, COPY, LAYOUT, LEFT_OUT, REAL, system

from sgbench.report.contents import Page, contents_of
from sgbench.report.html.headline import headline, listed
from sgbench.results.records import to_frame


def told(*parts, layout=LAYOUT):
    return headline(contents_of(to_frame([r for part in parts for r in part]), Page("x", layout)))


def test_what_was_compared_on_what():
    compared = told(ALPHA, BETA, COPY, REAL).compared
    assert compared == (
        "Alpha and Beta are compared on 200 test images of faces at 32x32 (all labels, one seed): each changes smile "
        "and hair."
    )


def test_levels_go_from_most_to_fewest_and_seeds_are_counted():
    records = [
        by_jury("alpha", level, "smile", "smile", 0.5, 0.1, seed=s) for level in ("5", "all", "50") for s in (0, 1)
    ]
    assert "Alpha, in 3 versions, is compared" in told(records).compared
    assert "(all, 50 and 5 labels per value, 2 seeds)" in told(records).compared


def test_a_study_without_systems_says_what_it_shows():
    found = told(COPY, REAL)
    assert found.compared.startswith("No system is in this report: it shows what judges make of untouched images")
    assert found.found == ()
    assert found.unknown == "Not known: how any of this carries over to other data than faces at 32x32."


def test_who_leads_in_what_and_who_is_on_the_front():
    first, kept, front = told(ALPHA, BETA, COPY, REAL).found
    assert first == (
        "In target accuracy, from 0 for a copy of the source to 1 for real images, Beta (0.75 [0.70, 0.80]) leads."
    )
    assert kept.startswith(
        "In what is preserved: in unrelated accuracy, Alpha (0.85 [0.81, 0.89]) leads; in background, "
    )
    assert front.endswith("what is preserved: Alpha and Beta for unrelated accuracy; Beta for background.")


def test_overlapping_intervals_are_a_tie():
    near = system("beta", 0.52, 0.62, 0.45, 0.54, 0.8)
    first = told(ALPHA, near, COPY, REAL).found[0]
    assert first.endswith(
        "Beta (0.53 [0.48, 0.58]) is first, but not told apart from Alpha (0.50): their intervals overlap."
    )


def test_a_system_that_did_not_give_every_result_leads_in_nothing():
    lacking = [record("beta", "all", "smile", "image", 3, **LEFT_OUT)]
    for controls in ([COPY, REAL], []):
        found = told(ALPHA, BETA, *controls, lacking)
        assert "Alpha (" in found.found[0]
        assert not any("Beta" in sentence for sentence in found.found)
        assert "the results that Beta did not give" in found.unknown


def test_one_system_has_its_mean_accuracy():
    (found,) = told(ALPHA, COPY, REAL).found
    assert found == "Alpha has a target accuracy of 55.0 % (mean over 2 of 2 attributes)."


def test_without_controls_the_mean_accuracy_leads():
    first = told(ALPHA, BETA).found
    assert first == ("In target accuracy (%, mean over 2 of 2 attributes), Beta (75.0 [71.0, 79.0]) leads.",)
    near = system("gamma", 0.66, 0.8, 0.45, 0.54, 0.8)
    assert "Beta (75.0 [71.0, 79.0]) is first, but not told apart from gamma (73.0)" in told(ALPHA, BETA, near).found[0]


def test_what_is_not_scored_or_not_given_is_not_known():
    blind = [by_jury("alpha", "all", "hair", "hair", nan, note="not scored: too few judges")]
    seen = [
        by_jury("alpha", "all", "smile", "smile", 0.5, 0.1),
        record("alpha", "all", "smile", "image", 3, **LEFT_OUT),
    ]
    found = told(blind, seen, COPY)
    assert found.found == ("Alpha has a target accuracy of 50.0 % (mean over 1 of 2 attributes).",)
    assert found.unknown == (
        "Not known: what another training would give (one seed); 1 of 2 target accuracies, which are not scored, as "
        "the tables say; the results that Alpha did not give; how any of this carries over to other data than "
        "faces at 32x32."
    )
    nothing = told(blind, COPY)
    assert nothing.found == ("The accuracy of Alpha is not scored for any attribute.",)


def test_of_several_seeds_another_training_is_not_unknown():
    seeds = [by_jury("alpha", "all", "smile", "smile", 0.5, 0.1, seed=s) for s in (0, 1)]
    assert "training" not in told(seeds, COPY).unknown


def test_of_many_systems_the_first_are_named():
    many = [by_jury(f"m{k}", "all", "smile", "smile", 0.5, 0.1) for k in range(9)]
    assert told(many).compared.startswith("m0, m1, m2, m3 and 5 more are compared")


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_listed(names, text):
    assert listed(names) == text


def test_nothing_measured_is_said():
    empty = to_frame(ALPHA).iloc[:0]
    found = headline(contents_of(empty, Page("x", LAYOUT)))
    assert "on no test images" in found.compared


def test_seeds_are_counted_system_by_system():
    """Two systems of one training each, of seeds 0 and 5, are not two trainings of anything."""
    alpha = [by_jury("alpha", "all", "smile", "smile", 0.5, 0.1, seed=s) for s in (0, 1, 2)]
    beta = [by_jury("beta", "all", "smile", "smile", 0.4, 0.1, seed=5)]
    each = told(alpha[:1], beta, COPY)
    assert "(all labels, one seed)" in each.compared
    assert each.unknown.startswith("Not known: what another training would give (one seed);")
    mixed = told(alpha, beta, COPY)
    assert "(all labels, one or 3 seeds)" in mixed.compared
    assert mixed.unknown.startswith("Not known: what another training of Beta would give (one seed);")
