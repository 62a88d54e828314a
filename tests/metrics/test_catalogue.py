"""The catalogue: one entry and one file are all that a metric needs to be in records, tables, tests, the regression."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import make_requests
from sgbench.data.store.references import References
from sgbench.judges.judge import Judge
from sgbench.metrics.catalogue import METRICS, columns_of, spec_of
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.implementations import build, version_of
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place
from sgbench.regression.holding import hold
from sgbench.report.beyond import beyond_table
from sgbench.report.comparisons import compare_systems
from sgbench.report.layout import Layout
from sgbench.report.text import shown
from sgbench.results.records import ALL, Record, to_frame
from sgbench.results.run_folder import RunFolder
from sgbench.results.scores import Panelist, Scores, Verdict, read_scores, write_scores
from sgbench.scoring.evaluation_set import everything_asked
from sgbench.scoring.figures import cells, make_records
from sgbench.scoring.panel import Panel
from sgbench.scoring.scorer import score

FILE = '''
"""How much warmer a result is than its source: red less blue."""

import torch

from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.implementations import build, version_of


class Warmth(ImageMetric):
    definition = "mean of red less blue, result less source"

    def terms(self, results, sources):
        warmth = [(x[:, 0].double() - x[:, 2].double()).mean((1, 2)) for x in (results, sources)]
        return (warmth[0] - warmth[1]).unsqueeze(1)
'''
ENTRY = MetricSpec(
    "warmth",
    "Warmth",
    "higher",
    unit="levels",
    bounds=(-255.0, 255.0),
    decimals=1,
    implementation="warmth_metric:Warmth",
    places=(Place("image", (RESULT, SOURCE)),),
    compared=True,
    table="beyond",
)
ATTRIBUTES = (Attribute("gender", ("female", "male")),)
NUM = 40
IMAGES = torch.from_numpy(np.random.default_rng(0).integers(60, 190, (NUM, 3, 32, 32), dtype=np.uint8))
LABELS = (torch.arange(NUM) % 2).to(torch.int8).unsqueeze(1)
JURY = (("resnet18", 0), ("compact_vgg", 0), ("compact_resnet", 0), ("compact_vgg", 1))
BASE = Record("s", "mine", "", "5", 0, "faces", 32, "", ALL, "", "", "", *(math.nan,) * 3, 0, "", "measured")


@pytest.fixture
def warmth(tmp_path, monkeypatch):
    """A metric that somebody adds: one file, one entry."""
    (tmp_path / "warmth_metric.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METRICS, "warmth", ENTRY)
    yield
    sys.modules.pop("warmth_metric", None)


def scores_of(name, warmer):
    """Scores of a system that makes red ``warmer`` levels brighter, a little more in every second image."""

    def translate(positions, groups):
        results = IMAGES[positions].clone()
        results[:, 0] += (warmer + positions % 2).to(torch.uint8)[:, None, None]
        return results

    requests = make_requests(LABELS, ATTRIBUTES)
    torch.manual_seed(0)
    panel = Panel(tuple(Judge(ATTRIBUTES, architecture).eval() for architecture, _ in JURY))
    test = everything_asked(IMAGES, LABELS, requests, References(None, None))
    return Scores(
        base=replace(BASE, system=name, method=name),
        attributes=ATTRIBUTES,
        judges=tuple(Panelist(architecture, (Verdict(1.0, 0.5),), seed) for architecture, seed in JURY),
        definitions={"inception": "not scored: no weights"},
        num_resamples=50,
        ids=tuple(map(str, range(NUM))),
        labels=LABELS,
        requests=requests,
        left_out=(0,),
        targets=score(translate, test, ATTRIBUTES, panel, batch_size=16),
    )


def keep(root, scores):
    folder = RunFolder(root).system(scores.base.system)
    write_scores(folder.scores_file, scores)
    folder.write_records(make_records(scores))
    return root


def test_the_code_of_a_metric_from_elsewhere_counts_as_its_version(warmth, tmp_path):
    before = version_of(ENTRY)
    assert version_of(ENTRY) == before
    (tmp_path / "warmth_metric.py").write_text(FILE + "\nCONSTANT = 2\n")
    assert version_of(ENTRY) != before
    assert version_of(METRICS["psnr"]) == METRICS["psnr"].version


@pytest.mark.slow
def test_a_new_metric_is_one_file_and_one_entry(warmth, tmp_path):
    warm, cool = scores_of("warm", 30), scores_of("cool", 10)
    write_scores(tmp_path / "scores.npz", warm)
    assert ("warmth", "image") in read_scores(tmp_path / "scores.npz").targets[0].terms
    (record,) = [r for r in make_records(warm) if r.metric == "warmth"]
    assert record.value == pytest.approx(30.5)
    assert (record.unit, record.measured_on, record.num_images) == ("levels", "image", NUM)
    assert record.low < record.value < record.high <= 255

    layout = Layout({"warm": "Warm", "cool": "Cool"}, {"gender": "Gender"})
    table = beyond_table(to_frame([*make_records(warm), *make_records(cool)]), layout)
    assert "Higher is better: Corner PSNR (dB), Warmth." in table.caption
    column = shown(table)[0]["Target: Gender"]["Warmth"]
    assert (column["Warm (5)"].value, column["Warm (5)"].best) == ("30.5", True)
    assert (column["Cool (5)"].value, column["Cool (5)"].best) == ("10.5", False)

    tests = compare_systems([("Warm", warm), ("Cool", cool)], 50)
    (row,) = tests[tests["metric"] == "warmth"].to_dict("records")
    assert row["difference"] == pytest.approx(20)
    assert row["p_adjusted"] < 0.01

    old, new = keep(tmp_path / "old", warm), keep(tmp_path / "new", replace(cool, base=warm.base))
    (loss,) = [d for d in hold(old, new, 0.01).failures if d.row.metric == "warmth"]
    assert (loss.verdict, loss.new - loss.reference) == ("worse", pytest.approx(-20))
    (gain,) = [d for d in hold(new, old, 0.01).failures if d.row.metric == "warmth"]
    assert gain.verdict == "better"


@pytest.mark.slow
def test_a_metric_without_a_direction_has_no_best_and_only_moves(warmth, tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "warmth", replace(ENTRY, direction=""))
    warm, cool = scores_of("warm", 30), scores_of("cool", 10)
    table = beyond_table(to_frame([*make_records(warm), *make_records(cool)]), Layout({}, {"gender": "Gender"}))
    assert "Neither good nor bad: Change, Warmth." in table.caption
    assert not any(cell.best for cell in shown(table)[0]["Target: Gender"]["Warmth"])
    old, new = keep(tmp_path / "old", warm), keep(tmp_path / "new", replace(cool, base=warm.base))
    (difference,) = [d for d in hold(old, new, 0.01).failures if d.row.metric == "warmth"]
    assert difference.verdict == "moved"


@pytest.mark.parametrize(
    "name", ["psnr", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ssim", "background_psnr"))]
)
def test_a_significant_loss_of_likeness_is_worse(name, tmp_path):
    """PSNR, SSIM and MS-SSIM had a direction in tables and none in the regression, where a loss was called moved."""
    near, far = scores_of("near", 2), scores_of("near", 40)
    failures = hold(keep(tmp_path / "old", near), keep(tmp_path / "new", far), 0.01).failures
    (loss,) = [d for d in failures if d.row.metric == name]
    assert loss.verdict == "worse"


@pytest.mark.parametrize("spec", METRICS.values(), ids=METRICS)
def test_an_entry_agrees_with_itself_and_with_its_class(spec):
    assert spec.bounds[0] < spec.bounds[1]
    assert spec.direction in ("higher", "lower", "")
    assert spec.version >= 1
    assert not spec.describes or (spec.describes in METRICS and not spec.direction and not spec.compared)
    assert not spec.reduces or METRICS[spec.reduces].places
    assert not spec.implementation or spec.places or spec.reduces
    for place in spec.places or METRICS[spec.reduces].places if spec.implementation else ():
        metric = build(spec, place.name, 64, {"lpips": "LPIPS", "identity": "cosine"})
        assert isinstance(metric, ImageMetric)
        assert metric.definition
    if spec.table:
        assert {place.name for s, place in columns_of(spec.table) if s == spec} == {p.name for p in spec.places}


def test_headings_are_told_apart_within_a_table():
    for table in ("beyond", "likeness", "chains", "distributions"):
        headings = [spec.heading(place.name) for spec, place in columns_of(table)]
        assert len(set(headings)) == len(headings) > 1


def test_every_record_of_a_system_is_in_the_catalogue():
    assert {record.metric for record in make_records(scores_of("any", 5))} <= METRICS.keys()
    assert {cell.record.metric for cell in cells(scores_of("any", 5))} <= METRICS.keys()


@pytest.mark.slow
def test_the_jury_decides_between_systems_and_the_papers_judge_does_not():
    assert METRICS["jury_accuracy"].compared
    assert not METRICS["accuracy"].compared
    assert not METRICS["jury_agreement"].compared
    compared = {cell.record.metric for cell in cells(scores_of("any", 5)) if spec_of(cell.record.metric).compared}
    assert {"jury_accuracy", "judge_score", "background_ms_ssim"} <= compared
    tests = compare_systems([("one", scores_of("one", 5)), ("two", scores_of("two", 6))], 20)
    assert "jury_accuracy" in set(tests["metric"])
    assert not {"accuracy", "jury_agreement"} & set(tests["metric"])


def test_an_unknown_metric_claims_nothing():
    spec = spec_of("first_loss")
    assert (spec.direction, spec.bounds, spec.compared) == ("", (-math.inf, math.inf), False)
    assert spec.is_better(2, 1) is None
