"""Chains of edits, by editors whose chains are known: half the way, there and back, and no way back."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute, Group
from sgbench.data.requests import make_requests
from sgbench.data.store.references import References
from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.spec import RESULT, SOURCE, Place
from sgbench.report.beyond import chain_table
from sgbench.report.comparisons import compare_systems
from sgbench.report.layout import Layout
from sgbench.report.text import shown
from sgbench.results.records import ALL, Record, to_frame
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict, read_scores, write_scores
from sgbench.scoring.chain_figures import chain_figures
from sgbench.scoring.chains import num_edits, score_chains
from sgbench.scoring.evaluation_set import everything_asked
from sgbench.scoring.figures import make_records
from sgbench.support.errors import BrokenFile

SIZE, NAN = 32, math.nan
ATTRIBUTES = (Attribute("age", ("young", "middle", "old")), Attribute("hat", ("no", "yes"), exhaustive=False))
LABELS = torch.tensor([[0, 0], [1, -2], [2, 1], [1, 1], [0, 0], [2, 0]], dtype=torch.int8)
LEVELS = torch.tensor([0, 100, 200, 100, 0, 200], dtype=torch.uint8)
IMAGES = LEVELS[:, None, None, None].expand(-1, 3, SIZE, SIZE).contiguous()
"""An image's level says its age: 0, 100, 200."""
BASE = Record("a", "a", "", "5", 0, "faces", SIZE, "", ALL, "", "", "", NAN, NAN, NAN, 0, "", "measured")


class LevelJudge:
    """Sees the age nearest to the level of an image, and a hat on each."""

    def posteriors(self, images):
        level = images.double().mean((1, 2, 3))
        nearest = (level[:, None] - torch.tensor([0.0, 100, 200]).double()).abs().argmin(1)
        return [torch.eye(3).double()[nearest], torch.tensor([[0.2, 0.8]]).double().expand(len(images), -1)]


def asked_for():
    requests = make_requests(LABELS, ATTRIBUTES)
    return everything_asked(IMAGES, LABELS, requests, References(None, None))


def chains_of(edit, num_images=200, batch_size=4, judges=4):
    """Chains by kind and target."""
    made = score_chains(edit, asked_for(), [LevelJudge()] * judges, num_images, batch_size)
    return {(chain.kind, chain.request.target): chain for chain in made}


def half_way(images, labels, groups, seed):
    """Half the way to white, rounded down."""
    return ((images.int() + 255) // 2).to(torch.uint8)


def ages(images, labels, groups, seed):
    """Takes off what the age told had put on, and puts on what the age asked for has: right only with right labels."""
    (group,) = groups
    if group.attribute == 1:
        return images
    return (images.int() + 100 * (group.value - labels[:, 0].int())[:, None, None, None]).to(torch.uint8)


def forgetful(images, labels, groups, seed):
    """Every image becomes young, whatever is asked for."""
    return torch.zeros_like(images)


def test_composition_is_measured_after_one_and_after_ten_rounds():
    chain = chains_of(half_way)["composition", 0]
    assert chain.request.positions.tolist() == [0, 4, 1, 3, 2, 5]
    assert chain.request.values.tolist() == [0, 0, 1, 1, 2, 2]
    once, often = (chain.terms["composition_change", f"{n}"].flatten().tolist() for n in ("1 round", "10 rounds"))
    assert once == [127, 127, 77, 77, 27, 27]
    assert often == [254, 254, 154, 154, 54, 54]  # 255 is never reached: halves are rounded down
    psnr = chain.terms["composition_psnr", "1 round"].flatten()
    assert psnr.tolist() == pytest.approx([20 * math.log10(255 / change) for change in once])
    assert {key for key, terms in chain.terms.items() if terms.shape == (6, 1)} == {
        (f"composition_{name}", place) for name in ("change", "psnr", "ssim") for place in ("1 round", "10 rounds")
    }
    assert chain.posteriors == ()


def test_an_editor_that_can_go_back_does_and_one_that_cannot_does_not():
    back, lost = (chains_of(edit)["reversal", 0] for edit in (ages, forgetful))
    assert back.terms["reversal_change", "image"].tolist() == [[0.0]] * 12
    asked = list(zip(lost.request.positions.tolist(), lost.request.values.tolist(), strict=True))
    assert sorted(asked) == [(k, v) for k in range(6) for v in range(3) if v != LABELS[k, 0]]
    levels = LEVELS[lost.request.positions].tolist()
    assert lost.terms["reversal_change", "image"].flatten().tolist() == levels
    seen = [posterior.argmax(1).tolist() for posterior in lost.posteriors]
    assert seen == [[0] * 12] * 4
    assert [p.argmax(1).tolist() for p in back.posteriors] == [LABELS[back.request.positions, 0].tolist()] * 4


def test_labels_are_true_but_for_the_target_on_the_way_back():
    told = []

    def edit(images, labels, groups, seed):
        told.append((labels.tolist(), groups[0]))
        return images

    score_chains(edit, asked_for(), [LevelJudge()] * 2, 1, 10)
    to_own, there, back = [0, 0], [0, 0], [[1, 0], [2, 0]]
    assert told[:10] == [([to_own], Group(0, 0))] * 10
    assert told[10:14] == [
        ([there], Group(0, 1)),
        ([back[0]], Group(0, 0)),
        ([there], Group(0, 2)),
        ([back[1]], Group(0, 0)),
    ]
    assert LABELS[0].tolist() == [0, 0]


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_the_first_images_with_a_value_are_edited_whatever_the_batch(batch_size):
    done = []
    chains = score_chains(half_way, asked_for(), [LevelJudge()] * 2, 3, batch_size, done.append)
    positions = {(c.kind, c.request.target): sorted(set(c.request.positions.tolist())) for c in chains}
    kinds = ("composition", "reversal")
    assert positions == {(kind, k): own for kind in kinds for k, own in enumerate(([0, 1, 2], [0, 2, 3]))}
    assert sum(done) == num_edits(asked_for(), 3) == 10 * 3 + 2 * 6 + 10 * 3 + 2 * 3
    whole = score_chains(half_way, asked_for(), [LevelJudge()] * 2, 3, 50)
    for one, other in zip(chains, whole, strict=True):
        assert all(torch.equal(terms, other.terms[key]) for key, terms in one.terms.items())


def scores_of(edit, chained=True, name="a", chains=None):
    """Scores with chains, and single edits that a judge says nothing of."""
    verdicts = (Verdict(0.9, 0.5),) * 2
    judges = tuple(Panelist("compact_vgg", verdicts, k) for k in range(4))
    requests = make_requests(LABELS, ATTRIBUTES)
    targets = tuple(
        TargetScores((tuple(torch.full((len(r.positions), n), 1 / n).double() for n in (3, 2)),) * 4) for r in requests
    )
    definitions = {"inception": "not scored: no weights"}
    if chained:
        definitions["chains"] = "first 200 test images that have a value of the target"
    made = tuple(chains_of(edit).values()) if edit else ()
    base = replace(BASE, system=name, method=name)
    ids = tuple(map(str, range(6)))
    return Scores(base, ATTRIBUTES, judges, definitions, 50, ids, LABELS, requests, (0, 0), targets, made)


def of_chains(scores):
    """Records of chains, by target, metric and place."""
    names = {spec.name for spec in METRICS.values() if spec.table == "chains"}
    return {(r.target, r.metric, r.measured_on): r for r in make_records(scores) if r.metric in names}


@pytest.mark.parametrize("needs", [(RESULT, SOURCE), (SOURCE, SOURCE)])
def test_a_metric_of_single_results_in_the_chains_table_is_not_one_of_chains(monkeypatch, needs):
    place = Place("image", needs)
    spec = replace(METRICS["reversal_change"], name="own", places=(place,))
    monkeypatch.setitem(METRICS, "own", spec)
    scores = scores_of(forgetful)
    assert not any(("own", "image") in chain.terms for chain in scores.chains)
    figures = [*chain_figures(scores, 0, lambda *_: True)]
    assert figures
    assert "own" not in {getattr(figure, "record", figure).metric for figure in figures}


def test_records_have_means_and_intervals_over_images():
    records = of_chains(scores_of(forgetful))
    change = records["age", "composition_change", "1 round"]
    assert (change.value, change.num_images, change.unit) == (100, 6, "levels")
    assert 0 < change.low < 100 < change.high < 200
    assert change.definition == "mean |result - source|, first 200 test images that have a value of the target"
    assert records["age", "reversal_change", "image"].value == 100
    seen = records["age", "reversal_accuracy", "age"]
    assert seen.value == pytest.approx(1 / 3)
    assert seen.definition.startswith("most probable value, mean over a jury (compact_vgg, seed 1; ")
    assert seen.variance_images > seen.variance_judges == 0
    whole = of_chains(scores_of(ages))
    assert [whole["age", "reversal_accuracy", "age"].value, whole["age", "reversal_change", "image"].value] == [1, 0]
    assert whole["age", "composition_psnr", "10 rounds"].value == 100


def test_chains_are_kept_and_read_again(tmp_path):
    scores = scores_of(forgetful)
    write_scores(tmp_path / "scores.npz", scores)
    again = read_scores(tmp_path / "scores.npz")
    assert to_frame(make_records(again)).equals(to_frame(make_records(scores)))
    assert [(c.kind, c.request.target) for c in again.chains] == [(c.kind, c.request.target) for c in scores.chains]


def test_a_file_with_wrong_chains_is_broken(tmp_path):
    path = tmp_path / "scores.npz"
    write_scores(path, scores_of(forgetful))
    with np.load(path) as file:
        good = dict(file)
    chains = json.loads(str(good["about"]))["chains"]
    assert chains == [["composition", 0], ["reversal", 0], ["composition", 1], ["reversal", 1]]

    def refused(change):
        np.savez_compressed(path, **good | change)
        with pytest.raises(BrokenFile, match=r"scores\.npz: not a file of scores: ") as caught:
            read_scores(path)
        return str(caught.value)

    def told(listed):
        return {"about": np.array(json.dumps(json.loads(str(good["about"])) | {"chains": listed}))}

    assert "which is none of a file of scores" in refused(told(chains[:3]))
    assert "a chain of the kind 'detour' and the target 0" in refused(told([*chains, ["detour", 0]]))
    assert "a chain of the kind 'reversal' and the target 2" in refused(told([*chains, ["reversal", 2]]))
    name = "reversal/0/posterior/1"
    assert f"{name} is float64 [12, 2], not float64 [12, 3]" in refused({name: good[name][:, :2]})
    assert "composition/0/positions has 2,000 entries" in refused({"composition/0/positions": np.zeros(2000, np.int64)})


def test_results_that_cannot_be_edited_again_are_said_to_be_missing():
    records = of_chains(scores_of(None))
    assert records.keys() == of_chains(scores_of(ages)).keys()
    assert {r.note for r in records.values()} == {"not scored: results that are kept as files cannot be edited again"}
    assert all(math.isnan(r.value) and r.num_images == 0 for r in records.values())


def test_without_chains_in_the_protocol_nothing_is_recorded_or_kept(tmp_path):
    scores = scores_of(None, chained=False)
    assert of_chains(scores) == {}
    write_scores(tmp_path / "scores.npz", scores)
    with np.load(tmp_path / "scores.npz") as arrays:
        assert not [name for name in arrays if "reversal" in name or "composition" in name]
        assert "chains" not in str(arrays["about"])


def test_the_table_shows_who_changes_what_he_should_leave_alone():
    records = [
        r
        for name, edit in (("a", ages), ("b", forgetful), ("c", None))
        for r in make_records(scores_of(edit, name=name))
    ]
    layout = Layout({"a": "A", "b": "B", "c": "C"}, {"age": "Age", "hat": "Hat"})
    table = chain_table(to_frame(records), layout)
    wide = shown(table)[0]["Target: Age"]
    assert list(wide.columns) == [
        "Change after 1 round",
        "Change after 10 rounds",
        "PSNR after 1 round (dB)",
        "PSNR after 10 rounds (dB)",
        "SSIM after 1 round",
        "SSIM after 10 rounds",
        "Change there and back",
        "Own value seen again",
    ]
    assert wide.loc["A (5)", "Change there and back"].best
    assert wide.loc["B (5)", "Change after 1 round"].value == "100.00"
    assert wide.loc["C (5)", "Own value seen again"].value == "not scored"


def test_systems_are_compared_by_a_metric_of_chains_that_is_marked_for_it(monkeypatch):
    def tested():
        tests = compare_systems([(name, scores_of(e, name=name)) for name, e in (("a", ages), ("b", forgetful))], 20)
        return tests[tests["metric"] == "reversal_change"]

    assert tested().empty
    monkeypatch.setitem(METRICS, "reversal_change", replace(METRICS["reversal_change"], compared=True))
    by_age = tested().iloc[0]
    assert (by_age["target"], by_age["difference"], by_age["num_images"]) == ("age", -100, 12)
