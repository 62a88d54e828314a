"""Per-image scores on disk, cells made of them, and paired tests between systems."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from many import many
from scipy.stats import t as student

from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests
from sgbench.metrics.background import BackgroundMSSSIM
from sgbench.report.comparisons import compare_systems
from sgbench.results.records import ALL, Record, read_records, to_frame, write_records
from sgbench.results.scores import (
    UNTOUCHED,
    Panelist,
    Scores,
    TargetScores,
    Verdict,
    open_scores,
    read_scores,
    sitting,
    write_scores,
)
from sgbench.results.set_figure import SetFigure
from sgbench.scoring.cells import in_common, judges_priors
from sgbench.scoring.figures import cells, make_records
from sgbench.statistics.crossed import CrossedMean, crossed_table
from sgbench.statistics.intervals import bootstrap_interval
from sgbench.statistics.paired import paired_difference
from sgbench.support.errors import BrokenFile

ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
NAN = float("nan")
BASE = Record("mine-1", "mine", "", "5", 0, "faces", 32, "", ALL, "", "", "", NAN, NAN, NAN, 0, "", "measured")
NUM = 24
JUDGES = (("resnet18", 0), ("compact_vgg", 0), ("compact_resnet", 0), ("compact_vgg", 1))
"""The paper's judge, then a jury of three."""
COLUMNS = ["variance_images", "variance_judges", "freedom"]
BELOW_FLOOR = Verdict(0.7, 0.8)
BELOW_GATE = Verdict(0.9, 0.5, counterfactual=0.9, bound=0.93, gate=0.98)


def panel(floor=0.5, verdicts=None):
    """The judges; ``verdicts`` has those of some, by position."""
    own = (Verdict(0.9, floor), Verdict(0.7, floor))
    return tuple(Panelist(name, (verdicts or {}).get(k, own), seed) for k, (name, seed) in enumerate(JUDGES))


def scores_of(seed, asked=None, base=BASE, accuracy=0.8, logits=False, figures=(), judges=None):
    """Made-up scores of a system: ``accuracy`` of its target's results are seen as asked for, by all or each judge."""
    judges = judges or panel()
    accuracies = accuracy if isinstance(accuracy, tuple) else (accuracy,) * len(judges)
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(np.random.default_rng(0).choice([0, 1, -2], (NUM, 2), p=[0.4, 0.4, 0.2]).astype(np.int8))
    labels[:, 0].clamp_(min=0)
    requests, targets = [], []
    for request in make_requests(labels, ATTRIBUTES):
        if asked is not None:
            kept = torch.isin(request.positions, torch.tensor(asked))
            request = replace(request, positions=request.positions[kept], values=request.values[kept])
        m = len(request.positions)
        posteriors = []
        for share in accuracies:
            heads = []
            for j in range(2):
                right = request.values if j == request.target else labels[request.positions, j].clamp(min=0)
                hit = torch.from_numpy(rng.random(m) < share)
                seen = torch.where(hit, right, 1 - right).long()
                heads.append(torch.nn.functional.one_hot(seen, 2).double() * 0.8 + 0.1)
            posteriors.append(tuple(heads))
        results, sources = (torch.from_numpy(rng.integers(0, 256, (m, 3, 32, 32), dtype=np.uint8)) for _ in range(2))
        metric = BackgroundMSSSIM(32)
        terms = {("background_ms_ssim", "background"): metric.terms(results, sources)}
        own = torch.from_numpy(rng.standard_normal((m, 1008)).astype(np.float32)) if logits else None
        requests.append(request)
        targets.append(TargetScores(tuple(posteriors), terms, own, figures if request.target == 0 else ()))
    return Scores(
        base=base,
        attributes=ATTRIBUTES,
        judges=judges,
        definitions={"inception": "TF-FID weights" if logits else "not scored: no weights"},
        num_resamples=50,
        ids=tuple(f"face-{i}" for i in range(NUM)),
        labels=labels,
        requests=tuple(requests),
        left_out=(2, 0),
        targets=tuple(targets),
    )


def frame_of(scores):
    return pd.DataFrame([vars(r) for r in make_records(scores)])


def by_place(scores):
    """Records of a system by metric, target, direction and what was measured."""
    return {(r.metric, r.target, r.direction, r.measured_on): r for r in make_records(scores)}


def hits_of(scores, target, measured_on, judges=(1, 2, 3)):
    """Whether each judge sees each result of a target as it should be, worked out from the posteriors: [m, K]."""
    request, own = scores.requests[target], scores.targets[target]
    expected = request.values if measured_on == target else scores.labels[request.positions, measured_on]
    seen = torch.stack([own.posteriors[k][measured_on].argmax(1) == expected for k in judges], 1).double().numpy()
    return seen[expected.numpy() >= 0], request.positions.numpy()[expected.numpy() >= 0]


def cell_of(scores, metric, target):
    """The cell of a target over all values asked for, on the target itself or on the background."""
    found = {(c.record.metric, c.record.target, c.record.direction, c.record.measured_on): c for c in cells(scores)}
    return found.get((metric, target, ALL, target)) or found[metric, target, ALL, "background"]


def values_of(cell):
    """(source, value asked for) -> the cell's value."""
    values = cell.metric.per_image(cell.terms).tolist()
    return dict(zip(zip(cell.sources, cell.values, strict=True), values, strict=True))


def test_scores_that_were_kept_give_the_same_records(tmp_path):
    figures = (
        SetFigure("kid", "male", "a kernel", 0.25, 0.5, 7),
        SetFigure("fid", "male", "", NAN, NAN, 0, "not scored"),
    )
    scores = scores_of(1, logits=True, figures=figures, judges=panel(verdicts={3: (BELOW_GATE, BELOW_FLOOR)}))
    write_scores(tmp_path / "scores.npz", scores)
    again = read_scores(tmp_path / "scores.npz")
    assert repr(make_records(again)) == repr(make_records(scores))
    assert again.attributes == ATTRIBUTES
    assert again.ids == scores.ids
    assert repr(again.judges) == repr(scores.judges)
    assert [judge.name for judge in again.judges[2:]] == ["compact_resnet, seed 0", "compact_vgg, seed 1"]
    frame = frame_of(again)
    assert frame.loc[frame["metric"] == "jury_accuracy", COLUMNS].notna().all(axis=None)
    assert frame.loc[frame["metric"] != "jury_accuracy", COLUMNS].isna().all(axis=None)
    kid = frame[frame["metric"].isin(["kid", "kid_std"])].set_index("metric")["value"]
    assert kid.to_dict() == {"kid": 0.25, "kid_std": 0.5}
    assert frame[frame["metric"] == "fid"]["note"].tolist() == ["not scored"]
    inception = frame[frame["metric"] == "inception_score"]
    assert inception["value"].gt(1).all()
    assert inception["definition"].str.contains("TF-FID weights").all()


def test_records_keep_what_the_variance_of_a_figure_by_the_jury_comes_of(tmp_path):
    records = make_records(scores_of(1, judges=panel(verdicts={3: (BELOW_GATE, BELOW_FLOOR)})))
    write_records(tmp_path / "records.csv", records)
    again = read_records(tmp_path / "records.csv")
    pd.testing.assert_frame_equal(to_frame(again), to_frame(records), check_exact=True)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04half"])
def test_a_broken_file_of_scores_is_named(tmp_path, content):
    (tmp_path / "scores.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"scores\.npz: not a file of scores"):
        read_scores(tmp_path / "scores.npz")


def test_scores_of_another_system_are_named(tmp_path):
    *_, one, two = many(tmp_path, 2).members()
    for name in (one.scores_file.name, f".{one.scores_file.name}.sha256"):
        shutil.copyfile(one.path / name, two.path / name)
    assert open_scores(one).base.system == one.name
    with pytest.raises(BrokenFile, match=f"scores.npz: has the scores of '{one.name}'; "):
        open_scores(two)


def test_an_array_file_of_something_else_is_no_file_of_scores(tmp_path):
    np.savez(tmp_path / "scores.npz", ids=np.arange(3))
    with pytest.raises(ValueError, match="not a file of scores"):
        read_scores(tmp_path / "scores.npz")


def test_a_file_of_scores_from_before_the_jury_is_no_file_of_scores(tmp_path):
    path = tmp_path / "scores.npz"
    write_scores(path, scores_of(1))
    with np.load(path) as kept:
        arrays = dict(kept)
    about = json.loads(str(arrays["about"]))
    for judge in about["judges"]:
        del judge["seed"]
    np.savez(path, **arrays | {"about": np.array(json.dumps(about))})
    with pytest.raises(ValueError, match=r"scores\.npz: not a file of scores"):
        read_scores(path)


def test_accuracy_leaves_out_images_without_a_value_and_judges_below_the_floor():
    scores = scores_of(2, judges=panel(floor=0.8))
    frame = frame_of(scores).set_index(["metric", "target", "direction", "measured_on"])
    known = int((scores.labels[scores.requests[0].positions, 1] >= 0).sum())
    kept = frame.loc[("accuracy", "gender", "all", "hair")]
    assert kept["num_images"] == known
    assert kept["note"] == "not scored: the judge's balanced accuracy is 0.700, below 0.8"
    assert np.isnan(kept["value"])
    asked = frame.loc[("accuracy", "gender", "all", "gender")]
    assert asked["num_images"] == NUM
    assert 0 < asked["low"] <= asked["value"] <= asked["high"] <= 1
    for metric in ("jury_accuracy", "jury_agreement"):
        kept = frame.loc[(metric, "gender", "all", "hair")]
        assert kept["num_images"] == known
        assert kept["note"] == too_few(0, dict.fromkeys(range(1, 4), BELOW_FLOOR))
        assert kept[["value", "low", "high", *COLUMNS]].isna().all()
        asked = frame.loc[(metric, "gender", "all", "gender")]
        assert asked["num_images"] == NUM
        assert 0 < asked["low"] <= asked["value"] <= asked["high"] <= 1
    assert frame.loc[("left_out", "gender", "all", "image"), "value"] == 2
    assert frame.loc[("left_out", "gender", "all", "image"), "note"] == ""
    assert np.isnan(frame.loc[("judge_score", "hair", "all", "image"), "value"])


def too_few(number, barred):
    """The note of an attribute that too few of three judges see well enough.

    Args:
        barred: place of each judge whose verdicts do not count -> its verdict.
    """
    reasons = "; ".join(f"{panel()[k].name}: {verdict.reason}" for k, verdict in barred.items())
    return f"not scored: {number} of the jury's 3 judges see this attribute well enough, 2 are needed ({reasons})"


def test_a_verdict_says_why_it_does_not_count():
    assert Verdict(0.9, 0.9).reason == Verdict(0.9, 0.9).refusal == ""
    assert Verdict(0.899, 0.9).reason == "the judge's balanced accuracy is 0.899, below 0.9"
    assert Verdict(0.899, 0.9).refusal == "not scored: the judge's balanced accuracy is 0.899, below 0.9"
    assert Verdict(NAN, 0.9).reason == "the judge's balanced accuracy is nan, below 0.9"
    seen = "the judge sees 0.900 of exact counterfactuals in one direction, surely below 0.98"
    assert BELOW_GATE.reason == seen
    assert replace(BELOW_GATE, bound=0.98).reason == ""  # it may be at the gate
    assert replace(BELOW_GATE, gate=0.0).reason == ""
    assert replace(BELOW_GATE, counterfactual=NAN, bound=NAN).reason == ""  # no counterfactual is known
    assert replace(BELOW_GATE, floor=0.95).reason == "the judge's balanced accuracy is 0.900, below 0.95"


@pytest.mark.parametrize("barred", [(1, 2), (1, 3), (2, 3)])
def test_an_attribute_for_which_one_judge_sits_has_no_accuracy_by_the_jury(barred):
    fine = Verdict(0.9, 0.5)
    scores = scores_of(2, judges=panel(verdicts=dict.fromkeys(barred, (fine, BELOW_FLOOR))))
    (left,) = {1, 2, 3} - set(barred)
    assert sitting(scores.judges, 0) == ((1, 2, 3), "")
    why = too_few(1, dict.fromkeys(barred, BELOW_FLOOR))
    assert sitting(scores.judges, 1) == ((left,), why)
    records = by_place(scores)
    for target, values in (("gender", ("female", "male")), ("hair", ("black", "blond"))):
        for direction in (ALL, *values):
            for metric in ("jury_accuracy", "jury_agreement"):
                missing = records[metric, target, direction, "hair"]
                assert missing.note == why
                assert all(np.isnan(getattr(missing, c)) for c in ("value", "low", "high", *COLUMNS))
                assert missing.num_images > 0
                assert records[metric, target, direction, "gender"].note == ""
            assert records["accuracy", target, direction, "hair"].value > 0
    assert not [c for c in cells(scores) if c.record.metric.startswith("jury") and c.record.measured_on == "hair"]
    tests = compare_systems([("one", scores), ("two", scores_of(3, judges=scores.judges))], 20)
    assert set(tests.loc[tests["metric"] == "jury_accuracy", "target"]) == {"gender"}


def test_a_jury_of_one_says_that_there_are_no_more():
    scores = scores_of(2, accuracy=(0.8, 0.8), judges=panel()[:2])
    reason = "not scored: 1 of the jury's 1 judges see this attribute well enough, 2 are needed"
    assert sitting(scores.judges, 0) == ((1,), reason)
    assert np.isnan(by_place(scores)["jury_accuracy", "gender", ALL, "gender"].value)


@pytest.mark.parametrize("bar", [BELOW_FLOOR, BELOW_GATE])
def test_the_verdicts_of_a_barred_judge_do_not_count(bar):
    """The third judge of the jury is always wrong, but does not sit for gender."""
    judges = panel(verdicts={3: (bar, Verdict(0.9, 0.5))})
    scores = scores_of(4, accuracy=(0.8, 0.9, 0.6, -1.0), judges=judges)
    assert sitting(scores.judges, 0) == ((1, 2), "")
    assert sitting(scores.judges, 1) == ((1, 2, 3), "")
    records = by_place(scores)
    for target, name in enumerate(("gender", "hair")):
        for measured, on in enumerate(("gender", "hair")):
            who = (1, 2) if on == "gender" else (1, 2, 3)
            hits, sources = hits_of(scores, target, measured, who)
            jury, agreed = (records[metric, name, ALL, on] for metric in ("jury_accuracy", "jury_agreement"))
            assert jury.value == pytest.approx(hits.mean(), abs=1e-12)
            assert agreed.value == pytest.approx(hits.min(1).mean(), abs=1e-12)
            assert jury.num_images == agreed.num_images == len(hits)
            assert jury.variance_images == pytest.approx(crossed_table(hits, sources).images, rel=1e-9)
            names = "; ".join(judges[k].name for k in who)
            assert jury.definition == f"most probable value, mean over a jury ({names})"
            assert agreed.definition == f"most probable value, by every judge of a jury ({names})"
    asked = records["jury_agreement", "gender", ALL, "gender"]
    assert asked.value > 0.3
    assert records["jury_agreement", "hair", ALL, "hair"].value == 0
    swapped = replace(
        scores, targets=tuple(replace(t, posteriors=(*t.posteriors[:3], t.posteriors[0])) for t in scores.targets)
    )
    assert repr(by_place(swapped)["jury_agreement", "gender", ALL, "gender"]) == repr(asked)


def test_a_judge_below_the_gate_does_not_sit_and_the_papers_judge_keeps_its_figures():
    """Both see too few counterfactuals; the gate of the paper's judge is 0, because its protocol knows none."""
    papers = replace(BELOW_GATE, gate=0.0)
    barred = scores_of(5, judges=panel(verdicts={0: (papers, papers), 2: (BELOW_GATE, BELOW_GATE)}))
    whole = scores_of(5)
    before, after = by_place(whole), by_place(barred)
    assert [sitting(barred.judges, j) for j in (0, 1)] == [((1, 3), "")] * 2
    assert before.keys() == after.keys()
    for place, record in after.items():
        if place[0].startswith("jury"):
            assert record.note == ""
            assert "compact_resnet" in before[place].definition
            assert "compact_resnet" not in record.definition
        else:
            assert repr(record) == repr(before[place])
    assert after["accuracy", "gender", ALL, "gender"].value > 0
    assert after["judge_score", "gender", ALL, "image"].value > 1
    both = scores_of(5, judges=panel(verdicts=dict.fromkeys((2, 3), (BELOW_GATE, BELOW_GATE))))
    assert sitting(both.judges, 0)[1] == too_few(1, dict.fromkeys((2, 3), BELOW_GATE))
    gated = scores_of(5, judges=panel(verdicts={0: (BELOW_GATE, BELOW_GATE)}))
    assert by_place(gated)["accuracy", "gender", ALL, "gender"].note == BELOW_GATE.refusal


def test_the_papers_judge_is_not_of_the_jury_and_the_jury_not_of_its_figures():
    for papers, jury in ((-1.0, 1.1), (1.1, -1.0)):
        scores = scores_of(6, accuracy=(papers, jury, jury, jury))
        records = by_place(scores)
        for target in ("gender", "hair"):
            assert records["accuracy", target, ALL, target].value == float(papers > 1)
            assert records["jury_accuracy", target, ALL, target].value == float(jury > 1)
            assert records["jury_agreement", target, ALL, target].value == float(jury > 1)
        alike = [replace(t, posteriors=(t.posteriors[0],) * 4) for t in scores.targets]
        for place, record in by_place(replace(scores, targets=tuple(alike))).items():
            if not place[0].startswith("jury"):
                assert repr(record) == repr(records[place])
        assert "(resnet18, seed 0)" in records["judge_score", "gender", ALL, "image"].definition


def test_untouched_images_have_the_jurys_accuracy_and_agreement_too():
    scores = scores_of(7)
    request = replace(scores.requests[0], target=UNTOUCHED, positions=torch.arange(NUM))
    everyone = torch.nn.functional.one_hot(scores.labels[:, 0].long(), 2).double() * 0.8 + 0.1
    hair = torch.nn.functional.one_hot(scores.labels[:, 1].long().clamp(min=0), 2).double() * 0.8 + 0.1
    wrong = everyone.flip(1)
    own = TargetScores(((wrong, hair), (everyone, hair), (everyone, hair), (wrong, hair)), {})
    request = replace(request, values=torch.zeros(NUM, dtype=torch.int8))
    records = by_place(replace(scores, requests=(request,), targets=(own,), left_out=(0,)))
    values = {m: records[m, "", ALL, "gender"].value for m in ("accuracy", "jury_accuracy", "jury_agreement")}
    assert values == {"accuracy": 0.0, "jury_accuracy": pytest.approx(2 / 3), "jury_agreement": 0.0}
    known = int((scores.labels[:, 1] >= 0).sum())
    assert [records[m, "", ALL, "hair"].num_images for m in values] == [known] * 3
    assert records["balanced_accuracy", "", ALL, "gender"].value == 0.0
    assert ("jury_balanced_accuracy", "", ALL, "gender") not in records


def test_an_interval_by_the_jury_is_of_images_and_judges_steadied_by_the_systems_others():
    scores = scores_of(8, accuracy=(0.8, 0.95, 0.75, 0.5))
    found = [c for c in cells(scores) if c.record.metric == "jury_accuracy"]
    (prior,) = judges_priors(found).values()
    records = by_place(scores)
    for target, name in enumerate(("gender", "hair")):
        for measured, on in enumerate(("gender", "hair")):
            hits, sources = hits_of(scores, target, measured)
            table, record = crossed_table(hits, sources), records["jury_accuracy", name, ALL, on]
            mean = table.crossed_mean(prior)
            assert record.value == pytest.approx(mean.mean, abs=1e-12)
            assert [getattr(record, c) for c in COLUMNS] == pytest.approx([mean.images, mean.judges, mean.freedom])
            assert record.freedom != pytest.approx(table.crossed_mean().freedom)
            again = CrossedMean(record.value, record.variance_images, record.variance_judges, record.freedom)
            low, high = again.interval()
            assert (record.low, record.high) == pytest.approx((max(0, low), min(1, high)))
            assert record.variance_judges > record.variance_images
    cell = cell_of(scores, "jury_accuracy", "gender")
    of_images = bootstrap_interval(cell.metric, cell.terms, cell.sources, 200)
    asked = records["jury_accuracy", "gender", ALL, "gender"]
    assert asked.low < of_images[0] < of_images[1] < asked.high


def test_one_image_has_no_interval_by_the_jury():
    record = by_place(scores_of(9, asked=[3], accuracy=(0.8, 1.1, 1.1, -1.0)))["jury_accuracy", "gender", ALL, "gender"]
    assert (record.value, record.num_images, record.note) == (pytest.approx(2 / 3), 1, "")
    assert all(np.isnan(getattr(record, c)) for c in ("low", "high", *COLUMNS))


def test_fewer_images_than_splits_are_refused_in_words():
    few = frame_of(scores_of(3, asked=[0, 1, 2, 3]))
    notes = few[few["metric"] == "judge_score"]["note"]
    assert notes.str.contains("images are too few for 10 splits").all()
    for metric in ("accuracy", "jury_accuracy"):
        assert few[few["metric"] == metric]["value"].notna().any()


@pytest.mark.parametrize("metric", ["background_ms_ssim", "jury_accuracy"])
def test_systems_are_compared_on_the_translations_that_both_have(metric):
    whole, part = scores_of(4), scores_of(5, asked=range(0, NUM, 2))
    first, second = cell_of(whole, metric, "gender"), cell_of(part, metric, "gender")
    by_key, own = values_of(first), values_of(second)
    assert len(own) < len(by_key)
    expected = np.mean([by_key[key] - value for key, value in own.items()])
    for systems, sign in (((whole, part), 1), ((part, whole), -1)):
        table = compare_systems([(f"system {k}", system) for k, system in enumerate(systems)], 50)
        (done,) = table[(table["metric"] == metric) & (table["target"] == "gender")].to_dict("records")
        assert done["num_images"] == len(own)
        assert done["difference"] == pytest.approx(sign * expected, abs=1e-12)


def test_what_two_cells_have_in_common_stands_in_the_order_of_the_first():
    whole, part = scores_of(4), scores_of(5, asked=range(1, NUM, 2))
    first, second = cell_of(whole, "jury_accuracy", "hair"), cell_of(part, "jury_accuracy", "hair")
    turned = np.random.default_rng(0).permutation(len(first.sources))
    first = replace(first, terms=first.terms[turned], sources=first.sources[turned], values=first.values[turned])
    one, other = in_common(first, second)
    assert 0 < len(one.sources) == len(second.sources) < len(first.sources)
    kept = [key for key in values_of(first) if key in values_of(second)]
    assert list(values_of(one)) == list(values_of(other)) == kept
    assert all(values_of(first)[key] == value for key, value in values_of(one).items())
    assert all(values_of(second)[key] == value for key, value in values_of(other).items())
    assert one.terms.shape == other.terms.shape == (len(kept), 3)
    assert (one.record, other.record) == (first.record, second.record)


def test_a_better_system_is_found_among_all_pairs_of_one_seed_and_ps_are_adjusted():
    good, bad = scores_of(6, accuracy=1.0), scores_of(7, accuracy=0.1)
    other = scores_of(8, base=replace(BASE, seed=1))
    table = compare_systems([("good", good), ("bad", bad), ("other seed", other)], 200)
    assert set(zip(table["first"], table["second"], strict=True)) == {("good", "bad")}
    row = table[(table["metric"] == "jury_accuracy") & (table["target"] == "gender")].iloc[0]
    assert row["measured_on"] == "gender"
    assert row["difference"] > 0.6
    assert row["p_adjusted"] < 0.05
    assert 0 < row["low"] < row["difference"] < row["high"]
    assert (table["p_adjusted"] >= table["p"]).all()
    assert set(table["metric"]) == {"jury_accuracy", "background_ms_ssim", "judge_score"}


def test_systems_that_one_judge_alone_tells_apart_may_be_alike_to_another_jury():
    """Every image differs for the third judge and none for the others: sure of this jury, unsure of the next."""
    good, bad = scores_of(6, accuracy=1.1), scores_of(6, accuracy=(1.1, 1.1, 1.1, -1.0))
    table = compare_systems([("good", good), ("bad", bad)], 200)
    row = table[(table["metric"] == "jury_accuracy") & (table["target"] == "gender")].iloc[0]
    one, other = (cell_of(s, "jury_accuracy", "gender") for s in (good, bad))
    of_this_jury = paired_difference(one.metric, one.terms, other.terms, one.sources, 200)
    assert of_this_jury.p < 0.01
    assert row["difference"] == pytest.approx(1 / 3)
    assert row["p"] == pytest.approx(2 * student.sf(1, 2))  # the judges' means are 0, 0 and 1: 1/3 over its error 1/3
    half = student.ppf(0.975, 2) / 3
    assert (row["low"], row["high"]) == pytest.approx((1 / 3 - half, 1 / 3 + half))


def test_where_no_verdict_varies_p_is_that_of_the_permutation_test():
    """Every judge sees every image otherwise by the other system: no variance at all, and still only so many images."""
    good, bad = scores_of(6, accuracy=1.1), scores_of(6, accuracy=-1.0)
    table = compare_systems([("good", good), ("bad", bad)], 200)
    row = table[(table["metric"] == "jury_accuracy") & (table["target"] == "gender")].iloc[0]
    one, other = (cell_of(s, "jury_accuracy", "gender") for s in (good, bad))
    alone = paired_difference(one.metric, one.terms, other.terms, one.sources, 200, num_swaps=2000)
    assert row["p"] == alone.p > 0
    least = 1 - 2 * (1 - 0.025 ** (1 / len(set(one.sources.tolist()))))  # as for a share of 0 of so many images
    assert (row["difference"], row["high"]) == (1.0, 1.0)
    assert row["low"] == pytest.approx(least)


def test_systems_that_are_the_same_do_not_differ():
    table = compare_systems([("one", scores_of(9)), ("two", scores_of(9))], 50)
    assert "jury_accuracy" in set(table["metric"])
    assert (table["difference"] == 0).all()
    assert (table["p"] == 1).all()


def test_one_system_has_nothing_to_be_compared_with():
    assert compare_systems([("one", scores_of(9))], 50).empty


@pytest.mark.parametrize("metric", ["accuracy", "jury_accuracy", "jury_agreement"])
def test_a_share_that_every_image_has_or_none_has_an_exact_interval(metric):
    for accuracy, ends in ((1.1, (0.025 ** (1 / NUM), 1.0)), (-1.0, (0.0, 1 - 0.025 ** (1 / NUM)))):
        own = by_place(scores_of(0, accuracy=accuracy))[metric, "gender", ALL, "gender"]
        assert own.value == float(accuracy > 1)
        assert own.num_images == NUM
        assert (own.low, own.high) == pytest.approx(ends)


def test_a_remark_on_results_is_kept_and_is_the_note_of_their_count(tmp_path):
    scores = scores_of(3)
    scores = replace(scores, targets=tuple(replace(own, remark=f"alike {k}") for k, own in enumerate(scores.targets)))
    write_scores(tmp_path / "scores.npz", scores)
    records = make_records(read_scores(tmp_path / "scores.npz"))
    assert {r.target: r.note for r in records if r.metric == "left_out"} == {"gender": "alike 0", "hair": "alike 1"}
    assert not any(r.note.startswith("alike") for r in records if r.metric != "left_out")
