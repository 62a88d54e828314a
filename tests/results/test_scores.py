"""Per-image scores on disk, cells made of them, and paired tests between systems."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests
from sgbench.metrics.background import BackgroundMSSSIM
from sgbench.report.comparisons import compare_cells, compare_systems
from sgbench.results.records import ALL, Record
from sgbench.results.scores import Panelist, Scores, SetFigure, TargetScores, Verdict, read_scores, write_scores
from sgbench.scoring.figures import cells, make_records

ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
NAN = float("nan")
BASE = Record("mine-1", "mine", "", "5", 0, "faces", 32, "", ALL, "", "", "", NAN, NAN, NAN, 0, "", "measured")
NUM = 24


def scores_of(seed, asked=None, base=BASE, floor=0.5, accuracy=0.8, logits=False, figures=()):
    """Made-up scores of a system: ``accuracy`` of its target's results are seen as asked for."""
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(np.random.default_rng(0).choice([0, 1, -2], (NUM, 2), p=[0.4, 0.4, 0.2]).astype(np.int8))
    labels[:, 0].clamp_(min=0)
    requests, targets = [], []
    for request in make_requests(labels, ATTRIBUTES):
        if asked is not None:
            kept = torch.isin(request.positions, torch.tensor(asked))
            request = replace(request, positions=request.positions[kept], values=request.values[kept])
        m = len(request.positions)
        heads = []
        for j in range(2):
            right = request.values if j == request.target else labels[request.positions, j].clamp(min=0)
            hit = torch.from_numpy(rng.random(m) < accuracy)
            seen = torch.where(hit, right, 1 - right).long()
            heads.append(torch.nn.functional.one_hot(seen, 2).double() * 0.8 + 0.1)
        results, sources = (torch.from_numpy(rng.integers(0, 256, (m, 3, 32, 32), dtype=np.uint8)) for _ in range(2))
        metric = BackgroundMSSSIM(32)
        terms = {("background_ms_ssim", "background"): metric.terms(results, sources)}
        own = torch.from_numpy(rng.standard_normal((m, 1008)).astype(np.float32)) if logits else None
        requests.append(request)
        targets.append(TargetScores((tuple(heads),), terms, own, figures if request.target == 0 else ()))
    return Scores(
        base=base,
        attributes=ATTRIBUTES,
        judges=(Panelist("resnet18", (Verdict(0.9, floor), Verdict(0.7, floor))),),
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


def test_scores_that_were_kept_give_the_same_records(tmp_path):
    figures = (
        SetFigure("kid", "male", "a kernel", 0.25, 0.5, 7),
        SetFigure("fid", "male", "", NAN, NAN, 0, "not scored"),
    )
    scores = scores_of(1, logits=True, figures=figures)
    write_scores(tmp_path / "scores.npz", scores)
    again = read_scores(tmp_path / "scores.npz")
    assert repr(make_records(again)) == repr(make_records(scores))
    assert again.attributes == ATTRIBUTES
    assert again.ids == scores.ids
    frame = frame_of(again)
    kid = frame[frame["metric"].isin(["kid", "kid_std"])].set_index("metric")["value"]
    assert kid.to_dict() == {"kid": 0.25, "kid_std": 0.5}
    assert frame[frame["metric"] == "fid"]["note"].tolist() == ["not scored"]
    inception = frame[frame["metric"] == "inception_score"]
    assert inception["value"].gt(1).all()
    assert inception["definition"].str.contains("TF-FID weights").all()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04half"])
def test_a_broken_file_of_scores_is_named(tmp_path, content):
    (tmp_path / "scores.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"scores\.npz: not a file of scores"):
        read_scores(tmp_path / "scores.npz")


def test_an_array_file_of_something_else_is_no_file_of_scores(tmp_path):
    np.savez(tmp_path / "scores.npz", ids=np.arange(3))
    with pytest.raises(ValueError, match="not a file of scores"):
        read_scores(tmp_path / "scores.npz")


def test_accuracy_leaves_out_images_without_a_value_and_judges_below_the_floor():
    frame = frame_of(scores_of(2, floor=0.8)).set_index(["metric", "target", "direction", "measured_on"])
    scores = scores_of(2, floor=0.8)
    known = int((scores.labels[scores.requests[0].positions, 1] >= 0).sum())
    kept = frame.loc[("accuracy", "gender", "all", "hair")]
    assert kept["num_images"] == known
    assert kept["note"] == "not scored: the judge's balanced accuracy is 0.700, below 0.8"
    assert np.isnan(kept["value"])
    asked = frame.loc[("accuracy", "gender", "all", "gender")]
    assert asked["num_images"] == NUM
    assert 0 < asked["low"] <= asked["value"] <= asked["high"] <= 1
    assert frame.loc[("left_out", "gender", "all", "image"), "value"] == 2
    assert np.isnan(frame.loc[("judge_score", "hair", "all", "image"), "value"])


def test_fewer_images_than_splits_are_refused_in_words():
    few = frame_of(scores_of(3, asked=[0, 1, 2, 3]))
    notes = few[few["metric"] == "judge_score"]["note"]
    assert notes.str.contains("images are too few for 10 splits").all()
    assert few[few["metric"] == "accuracy"]["value"].notna().any()


def test_systems_are_compared_on_the_translations_that_both_have():
    whole, part = scores_of(4), scores_of(5, asked=range(0, NUM, 2))
    (first,) = (c for c in cells(whole) if (c.record.metric, c.record.target) == ("background_ms_ssim", "gender"))
    (second,) = (c for c in cells(part) if (c.record.metric, c.record.target) == ("background_ms_ssim", "gender"))
    done = compare_cells(first, second, 50)
    by_key = dict(zip(zip(first.sources, first.values, strict=True), first.metric.per_image(first.terms), strict=True))
    own = dict(zip(zip(second.sources, second.values, strict=True), second.metric.per_image(second.terms), strict=True))
    expected = np.mean([float(by_key[key]) - float(value) for key, value in own.items()])
    assert done.num_images == len(own)
    assert done.difference == pytest.approx(expected, abs=1e-12)
    assert compare_cells(second, first, 50).difference == pytest.approx(-expected, abs=1e-12)


def test_a_better_system_is_found_among_all_pairs_of_one_seed_and_ps_are_adjusted():
    good, bad = scores_of(6, accuracy=1.0), scores_of(7, accuracy=0.1)
    other = scores_of(8, base=replace(BASE, seed=1))
    table = compare_systems([("good", good), ("bad", bad), ("other seed", other)], 200)
    assert set(zip(table["first"], table["second"], strict=True)) == {("good", "bad")}
    row = table[(table["metric"] == "accuracy") & (table["target"] == "gender")].iloc[0]
    assert row["difference"] > 0.6
    assert row["p_adjusted"] < 0.05
    assert (table["p_adjusted"] >= table["p"]).all()
    assert set(table["metric"]) == {"accuracy", "background_ms_ssim", "judge_score"}


def test_systems_that_are_the_same_do_not_differ():
    table = compare_systems([("one", scores_of(9)), ("two", scores_of(9))], 50)
    assert (table["difference"] == 0).all()
    assert (table["p"] == 1).all()


def test_one_system_has_nothing_to_be_compared_with():
    assert compare_systems([("one", scores_of(9))], 50).empty


def test_a_share_that_every_image_has_or_none_has_an_exact_interval():
    for accuracy, ends in ((1.1, (0.025 ** (1 / NUM), 1.0)), (-1.0, (0.0, 1 - 0.025 ** (1 / NUM)))):
        records = make_records(scores_of(0, accuracy=accuracy))
        (own,) = [
            r
            for r in records
            if (r.target, r.measured_on, r.metric, r.direction) == ("gender", "gender", "accuracy", ALL)
        ]
        assert own.value == float(accuracy > 1)
        assert own.num_images == NUM
        assert (own.low, own.high) == pytest.approx(ends)
