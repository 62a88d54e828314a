"""Accuracy by the sources' other attributes, counted by hand."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.report.beyond import subgroups_table
from sgbench.report.layout import Layout
from sgbench.report.markdown import to_markdown
from sgbench.report.members import Member
from sgbench.report.subgroups import GAP, MIN_IMAGES, OTHERS, by_subgroups
from sgbench.report.text import shown
from sgbench.results.records import ALL, Record
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict
from sgbench.results.system_folder import SystemFolder
from sgbench.statistics.crossed import crossed_difference, crossed_table, over_seeds
from sgbench.statistics.intervals import exact_interval

NAN = math.nan
BASE = Record("a", "a", "", "5", 0, "faces", 32, "", ALL, "", "", "", NAN, NAN, NAN, 0, "", "measured")
ATTRIBUTES = (
    Attribute("smile", ("neutral", "smiling")),
    Attribute("gender", ("female", "male")),
    Attribute("hair", ("black", "brown", "blond"), exhaustive=False),
)
NUM_JUDGES = 3
GOOD = (Verdict(0.9, 0.5),) * 3


def labels_of(counts):
    """Everybody neutral; so many of each gender and hair."""
    rows = [(0, gender, hair) for (gender, hair), number in counts.items() for _ in range(number)]
    return torch.tensor(rows, dtype=torch.int8)


LABELS = labels_of({(0, 0): 40, (1, 1): 30, (1, 2): 30, (0, -2): 5, (0, 2): 3})


def scores_of(seen, labels=LABELS, verdicts=None, seed=0):
    """One target, smile: ``seen(judge, attribute)`` is which results the jury's judges see as they should, bool [N]."""
    asked = Requests(0, torch.arange(len(labels)), torch.ones(len(labels), dtype=torch.int8))
    expected = torch.cat([asked.values[:, None], labels[:, 1:].clamp(min=0)], 1).long()
    posteriors = []
    for judge in range(NUM_JUDGES + 1):
        heads = []
        for j, attribute in enumerate(ATTRIBUTES):
            right = torch.as_tensor(np.asarray(seen(judge, j)), dtype=torch.bool).expand(len(labels))
            says = torch.where(right, expected[:, j], (expected[:, j] + 1) % len(attribute.values))
            heads.append(torch.nn.functional.one_hot(says, len(attribute.values)).double())
        posteriors.append(tuple(heads))
    judges = tuple(Panelist("vgg", (verdicts or {}).get(k, GOOD), k) for k in range(NUM_JUDGES + 1))
    ids = tuple(map(str, range(len(labels))))
    about = {"inception": "not scored: no weights"}
    base = BASE if not seed else Record(**vars(BASE) | {"seed": seed})
    return Scores(base, ATTRIBUTES, judges, about, 10, ids, labels, (asked,), (0,), (TargetScores(tuple(posteriors)),))


def member(row="A", seed=0):
    return Member(SystemFolder(Path(row)), row.lower(), row, row, row, seed=seed)


def figures(*systems):
    """Figures by row, what is measured, the sources' attribute, and value or gap."""
    frame = by_subgroups(systems)
    keys = ["row", "measured_on", "attribute", "values"]
    return {tuple(row[k] for k in keys): row for row in frame.to_dict("records")}


def drawn(share, seed):
    """Hits of judges that differ, as an array [judge, attribute, image]."""
    rng = np.random.default_rng(seed)
    return rng.random((NUM_JUDGES + 1, 3, len(LABELS))) < share


def test_accuracies_are_counted_within_each_value_of_at_least_twenty_images():
    is_male, first = LABELS[:, 1] == 1, torch.arange(len(LABELS)) % 2 == 0
    hits = torch.where(is_male, first, torch.tensor(True))  # every other man, every woman
    found = figures((member(), scores_of(lambda judge, j: hits if j == 0 else True)))
    assert found["A", "smile", "gender", "female"]["value"] == 1
    assert found["A", "smile", "gender", "male"]["value"] == 0.5
    assert found["A", "smile", "gender", "male"]["num_images"] == 60
    gap = found["A", "smile", "gender", GAP]
    assert (gap["value"], gap["num_images"], gap["p_adjusted"] < 0.001) == (0.5, 48, True)
    assert {v for row, m, a, v in found if (m, a) == ("smile", "hair")} == {"black", "brown", "blond", GAP}
    assert found["A", "smile", "hair", "blond"]["num_images"] == 33
    assert {key[2] for key in found} == {"gender", "hair"}
    for kept in (v for (_, m, _, _), v in found.items() if m == OTHERS):
        assert kept["value"] == (0 if kept["values"] == GAP else 1)


def test_a_value_of_fewer_images_is_left_out():
    labels = labels_of({(0, 0): MIN_IMAGES - 1, (1, 0): 60, (1, 1): MIN_IMAGES})
    found = figures((member(), scores_of(lambda judge, j: True, labels)))
    assert {(a, v) for _, _, a, v in found} == {("hair", "black"), ("hair", "brown"), ("hair", GAP)}
    assert by_subgroups([(member(), scores_of(lambda judge, j: True, labels[:30]))]).empty


def test_what_is_kept_is_the_mean_of_the_other_attributes():
    """Two of three judges see gender kept, all of them hair; five women have no colour of hair to keep."""
    found = figures((member(), scores_of(lambda judge, j: j != 1 or judge != 1)))
    assert found["A", OTHERS, "gender", "male"]["value"] == pytest.approx((2 / 3 + 1) / 2)
    women = (40 + 3) * (2 / 3 + 1) / 2 + 5 * (2 / 3)
    assert found["A", OTHERS, "gender", "female"]["value"] == pytest.approx(women / 48)


def test_equal_judges_and_all_hits_have_exact_ends():
    found = figures((member(), scores_of(lambda judge, j: True)))
    female, gap = found["A", "smile", "gender", "female"], found["A", "smile", "gender", GAP]
    assert (female["low"], female["high"]) == pytest.approx(exact_interval(1.0, 48), abs=1e-9)
    ends = [exact_interval(1.0, n)[0] for n in (48, 60)]
    assert (gap["value"], gap["low"], gap["high"]) == pytest.approx((0, ends[0] - 1, 1 - ends[1]), abs=1e-9)
    assert gap["p_adjusted"] == 1


def test_a_gap_is_tested_over_images_and_judges_and_seeds_are_taken_together():
    hits = {s: drawn(0.8, s) for s in (1, 2)}
    seeds = [scores_of(lambda judge, j, s=s: hits[s][judge, j], seed=s) for s in hits]
    together = figures(*((member(seed=s), own) for s, own in enumerate(seeds)))
    alone = [figures((member(), own)) for own in seeds]
    key = ("A", "smile", "gender", "male")
    assert together[key]["value"] == pytest.approx(np.mean([one[key]["value"] for one in alone]))
    assert together[key]["num_seeds"] == 2
    male = (LABELS[:, 1] == 1).numpy()
    tables = [hits[s][1:, 0].T for s in hits]
    gaps = [crossed_difference((t[male], np.flatnonzero(male)), (t[~male], np.flatnonzero(~male))).mean for t in tables]
    assert together["A", "smile", "gender", GAP]["value"] == pytest.approx(abs(np.mean(gaps)))


def only(scores, kept):
    """The same scores of a system that gave some of its results, bool [N]."""
    (request,), (target,) = scores.requests, scores.targets
    requests = (Requests(0, request.positions[kept], request.values[kept]),)
    posteriors = tuple(tuple(head[kept] for head in heads) for heads in target.posteriors)
    return replace(scores, requests=requests, targets=(TargetScores(posteriors),), left_out=(int((~kept).sum()),))


def test_values_that_a_seed_gave_too_few_results_of_are_of_the_other_seeds():
    hits = {s: drawn(0.8, s) for s in (1, 2, 3)}
    whole = [scores_of(lambda judge, j, s=s: hits[s][judge, j], seed=s) for s in hits]
    no_blonds, no_brown = (LABELS[:, 2] != v for v in (2, 1))
    given = [only(whole[0], no_blonds), only(whole[1], no_brown), only(whole[2], no_blonds)]
    found = figures(*((member(seed=s), own) for s, own in enumerate(given)))
    alone = [figures((member(), own)) for own in given]
    seeds = {"black": (0, 1, 2), "brown": (0, 2), "blond": (1,)}
    for value, of in seeds.items():
        key = ("A", "smile", "hair", value)
        assert found[key]["value"] == pytest.approx(np.mean([alone[k][key]["value"] for k in of]))
        assert found[key]["num_seeds"] == len(of)
    gap = found["A", "smile", "hair", GAP]  # no seed has both brown and blond
    shares = {v: found["A", "smile", "hair", v]["value"] for v in seeds}
    wider = abs(shares["black"] - shares["blond"]) > abs(shares["black"] - shares["brown"])
    assert gap["num_seeds"] == (1 if wider else 2)
    apart = [only(whole[0], LABELS[:, 2] == 0), only(whole[1], no_brown)]
    found = figures(*((member(seed=s), own) for s, own in enumerate(apart)))
    assert found["A", "smile", "hair", "black"]["num_seeds"] == 1  # one value alone is no comparison


def test_the_largest_of_several_gaps_holds_for_all_of_them():
    hits = drawn(0.7, 3)
    found = figures((member(), scores_of(lambda judge, j: hits[judge, j])))
    shares = {v: found["A", "smile", "hair", v]["value"] for v in ("black", "brown", "blond")}
    gap = found["A", "smile", "hair", GAP]
    assert gap["value"] == pytest.approx(max(shares.values()) - min(shares.values()))
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    rows = {v: (LABELS[:, 2] == k).numpy() for k, v in enumerate(("black", "brown", "blond"))}
    table = crossed_difference(*((hits[1:, 0].T[rows[v]], np.flatnonzero(rows[v])) for v in (most, least)))
    assert table.mean == pytest.approx(gap["value"])
    assert gap["high"] - gap["low"] > 2 * 1.96 * math.sqrt(table.images)


def test_the_interval_beside_a_p_is_at_the_level_of_the_test():
    """The smallest of four p-values is multiplied by four; hair has three pairs of values besides."""
    found = figures(
        *((member(row), scores_of(lambda judge, j, n=n: drawn(0.8, n)[judge, j])) for n, row in enumerate("AB"))
    )
    gaps = {key: row for key, row in found.items() if key[3] == GAP}
    least = min(gaps.values(), key=lambda row: row["p_adjusted"])
    assert least["high_adjusted"] - least["low_adjusted"] > 1.2 * (least["high"] - least["low"])
    for key, row in found.items():
        assert math.isnan(row["low_adjusted"]) is (key[3] != GAP)


def test_the_gaps_of_a_control_are_no_tests():
    hits = drawn(0.8, 1)
    own = scores_of(lambda judge, j: hits[judge, j])
    oracle = Member(SystemFolder(Path("oracle")), "oracle", "Oracle", "Oracle", "Oracle")
    found = figures((member(), own), (oracle, own))
    for (row, _, _, values), figure in found.items():
        assert figure["origin"] == ("control" if row == "Oracle" else "measured")
        assert math.isnan(figure["p_adjusted"]) is (row == "Oracle" or values != GAP)
        assert math.isnan(figure["low_adjusted"]) is math.isnan(figure["p_adjusted"])
    alone = figures((member(), own))
    assert all(alone[key]["p_adjusted"] == found[key]["p_adjusted"] for key in alone if key[3] == GAP)


def test_attributes_that_no_jury_sees_are_not_looked_at():
    blind = dict.fromkeys(range(1, 4), (Verdict(0.3, 0.5), *GOOD[1:]))
    found = figures((member(), scores_of(lambda judge, j: True, verdicts=blind)))
    assert {measured for _, measured, _, _ in found} == {OTHERS}


def test_a_difference_of_tables_adds_images_and_takes_judges_apart():
    rng = np.random.default_rng(5)
    a, b = (rng.random((n, 3)) < 0.6 for n in (30, 60))
    first, second = crossed_table(a, np.arange(30)), crossed_table(b, np.arange(30, 90))
    both = crossed_difference((a, np.arange(30)), (b, np.arange(30, 90)))
    assert both.mean == pytest.approx(first.mean - second.mean)
    assert both.images == pytest.approx(first.images + second.images)
    assert both.judges == pytest.approx((a.mean(0) - b.mean(0)).var(ddof=1) / 3)
    assert both.num_images == 20
    lenient = np.array([0.0, 0.0, 1.0])  # a judge that says yes to all of both: nothing of the difference
    alike = crossed_difference(
        (np.tile(lenient, (20, 1)), np.arange(20)), (np.tile(lenient, (20, 1)), np.arange(20, 40))
    )
    assert alike.crossed_mean().variance == 0
    assert over_seeds([both.crossed_mean(), both.crossed_mean()]).mean == pytest.approx(both.mean)


def test_the_table_says_how_many_gaps_were_tested_and_has_a_sign_for_them_alone():
    frame = by_subgroups([(member(row), scores_of(lambda judge, j: drawn(0.8, 1)[judge, j])) for row in ("A", "B")])
    table = subgroups_table(frame, Layout({}, {"smile": "Smile", "gender": "Gender", "hair": "Hair"}))
    assert "for the 8 gaps of systems in this table" in table.caption
    wide = shown(table)[0]
    assert list(wide) == ["Target: Smile, target accuracy", "Target: Smile, the others kept"]
    first = wide["Target: Smile, target accuracy"]
    assert list(first.columns) == [
        "Gender: female",
        "Gender: male",
        "Gender: gap",
        "Hair: black",
        "Hair: brown",
        "Hair: blond",
        "Hair: gap",
    ]
    assert list(first.index) == ["A", "B"]
    assert first.loc["A", "Gender: male"].value[0] != "+"
    assert first.loc["A", "Gender: gap"].value[0] == "+"
    assert first.loc["A", "Gender: gap"].p.startswith("p ")
    assert "Values with fewer than 20 source images" in to_markdown(table)
