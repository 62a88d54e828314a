"""The regression command: what moved, and the exit status."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import yaml
from rows import ANY as ROW

from sgbench.commands.regress import PRINTED, main
from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.regression.comparison import Comparison
from sgbench.regression.differences import compare, differing
from sgbench.regression.junit import error_to_junit, to_junit
from sgbench.regression.summary import SHOWN, error_to_markdown, to_markdown
from sgbench.regression.tolerances import Tolerance, load_tolerances
from sgbench.results.description import Description, ReportedSystem, ShownFaces
from sgbench.results.records import COLUMNS, read_records, to_frame, write_records
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict, write_scores
from sgbench.results.set_figure import SetFigure
from sgbench.results.study_folder import StudyFolder
from sgbench.scoring.figures import make_records
from sgbench.support.text import printable

SCORE = replace(ROW, metric="judge_score", measured_on="image", value=4.0, low=math.nan, high=math.nan, unit="score")
TOLERANCES = {"accuracy": Tolerance(absolute=0.02), "judge_score": Tolerance(relative=0.05)}
YAML = "accuracy: {absolute: 0.02}\njudge_score: {relative: 5e-2}\n"
OF_JURY = ("variance_images", "variance_judges", "freedom")
BEFORE_THE_JURY = to_frame([ROW, SCORE]).drop(columns=list(OF_JURY)).to_csv(index=False)
"""Records as they were written before a jury took the place of one judge."""


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "reference" / "quick.csv"
    write_records(path, [ROW, SCORE])
    (path.parent / "tolerances.yaml").write_text(YAML)
    return path


def _run(reference, tmp_path, records):
    new = tmp_path / "new.csv"
    write_records(new, records)
    return main([str(reference), str(new)])


def test_records_without_scores_are_compared_without_torch(reference, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sgbench.regression.by_images", None)  # importing it is an error
    assert _run(reference, tmp_path, [ROW, SCORE]) == 0
    assert _run(reference, tmp_path, [replace(ROW, value=0.5), SCORE]) == 1


def _verdicts(new, reference=(ROW, SCORE), tolerances=TOLERANCES):
    return [(d.row.metric, d.quantity, d.verdict) for d in compare(reference, new, tolerances)]


def test_equal_records_differ_in_nothing():
    assert compare([ROW, SCORE], [SCORE, ROW], TOLERANCES) == []


@pytest.mark.parametrize(
    ("row", "value", "verdict"),
    [(ROW, 0.915, "within"), (ROW, 0.925, "moved"), (SCORE, 4.19, "within"), (SCORE, 3.79, "moved")],
)
def test_absolute_and_relative_tolerance(row, value, verdict):
    (difference,) = compare([row], [replace(row, value=value)], TOLERANCES)
    assert (difference.reference, difference.new, difference.verdict) == (row.value, value, verdict)
    assert difference.failed == (verdict == "moved")


@pytest.mark.parametrize(("old", "new"), [(0.9, 0.901), (0.901, 0.9), (0.3, 0.301), (0.701, 0.7)])
def test_what_is_exactly_the_tolerance_off_is_within_it(old, new):
    tolerance = Tolerance(absolute=0.001)
    (difference,) = differing(replace(ROW, value=old), replace(ROW, value=new), tolerance)
    assert difference.verdict == "within"
    (beyond,) = differing(replace(ROW, value=old), replace(ROW, value=new + 1e-9 * (1 if new > old else -1)), tolerance)
    assert beyond.verdict == "moved"


def test_nan_equals_nan_and_nothing_else():
    hole = replace(ROW, value=math.nan)
    assert compare([hole], [hole], TOLERANCES) == []
    assert _verdicts([ROW], [hole]) == [("accuracy", "value", "moved")]
    assert _verdicts([hole], [ROW]) == [("accuracy", "value", "moved")]


def test_interval_and_number_of_images_are_compared():
    assert _verdicts([replace(ROW, low=0.8)], [ROW]) == [("accuracy", "low", "moved")]
    assert _verdicts([replace(ROW, num_images=1999)], [ROW]) == [("accuracy", "num_images", "moved")]


JURY = replace(ROW, metric="jury_accuracy", variance_images=1e-4, variance_judges=3e-4, freedom=10.0)
"""The deviation of the whole variance is 0.02."""


@pytest.mark.parametrize("quantity", ["variance_images", "variance_judges", "freedom"])
@pytest.mark.parametrize(
    ("tolerance", "within", "passed", "beyond"),
    [
        (Tolerance(relative=0.05), 1.1, "within", 1.11),
        (Tolerance(relative=0.05), 1 + 1e-10, "rounding", 1.11),
        (Tolerance(absolute=1e-12, relative=1e-9), 1 + 1e-9, "rounding", 1 + 1e-8),
        (Tolerance(), 1.0, "", 1.0001),
        (None, 1.0, "", 1 + 1e-15),
    ],
)
def test_parts_of_a_variance_may_differ_as_far_as_their_roots_may(quantity, tolerance, within, passed, beyond):
    for share, verdict in ((within, passed), (2 - within, passed), (beyond, "moved"), (math.nan, "moved")):
        new = replace(JURY, **{quantity: share * getattr(JURY, quantity)})
        told = _verdicts([new], [JURY], tolerance and {"jury_accuracy": tolerance})
        assert told == ([("jury_accuracy", quantity, verdict)] if share != 1 else [])


def test_an_absolute_tolerance_holds_for_the_root_of_a_variance():
    tolerances = {"default": Tolerance(absolute=0.01)}  # a deviation of 0.01 may be 0.02, a whole one of 0.02 0.03
    near, far = replace(JURY, variance_images=3.9e-4), replace(JURY, variance_images=4.1e-4)
    assert [_verdicts([new], [JURY], tolerances)[0][2] for new in (near, far)] == ["within", "moved"]
    near, far = replace(JURY, freedom=10 * 9 / 4), replace(JURY, freedom=23.0)
    assert [_verdicts([new], [JURY], tolerances)[0][2] for new in (near, far)] == ["within", "moved"]
    huge = replace(JURY, variance_images=1e308)
    assert _verdicts([JURY], [huge], {"default": Tolerance(absolute=1e300)}) == [
        ("jury_accuracy", "variance_images", "within")
    ]


def test_no_variance_has_no_leeway_for_freedom():
    sure = replace(JURY, variance_images=0.0, variance_judges=0.0)
    assert _verdicts([replace(sure, freedom=11.0)], [sure], {"default": Tolerance(relative=1)}) == [
        ("jury_accuracy", "freedom", "moved")
    ]


def test_a_note_that_differs_is_told_everywhere(reference, tmp_path, capsys):
    noted, other = replace(SCORE, note="10 of 12 results are *alike*"), replace(SCORE, note="")
    write_records(reference, [ROW, noted])
    page, xml = tmp_path / "page.md", tmp_path / "regress.xml"
    write_records(tmp_path / "new.csv", [ROW, other])
    files = ["--summary", str(page), "--junit", str(xml)]
    assert main([str(reference), str(tmp_path / "new.csv"), *files]) == 1
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "1 figures differ, 1 fail" in printed
    assert "nan" not in printed
    assert ", note '10 of 12 results are \\*alike\\*' -> '' |  |  |  |  | **moved** |" in page.read_text()
    (failure,) = ElementTree.parse(xml).getroot().iter("failure")
    assert failure.text.startswith("moved: sggan-500-s0 faces 32: gender -> all, judge_score of image")
    assert failure.text.endswith(", note '10 of 12 results are *alike*' -> ''")
    assert _verdicts([noted], [noted]) == []
    assert _verdicts([noted], [other], None) == [("judge_score", "note", "moved")]


def test_rows_missing_and_added():
    assert _verdicts([ROW]) == [("judge_score", "value", "missing")]
    assert _verdicts([ROW, SCORE, replace(ROW, seed=1)]) == [("accuracy", "value", "added")]
    redefined = replace(ROW, definition="another")
    assert _verdicts([redefined], [ROW]) == [("accuracy", "value", "missing"), ("accuracy", "value", "added")]


def test_every_metric_needs_a_tolerance():
    with pytest.raises(ValueError, match="no tolerance for judge_score"):
        compare([ROW, SCORE], [ROW, SCORE], {"accuracy": Tolerance()})
    assert _verdicts([ROW, replace(SCORE, value=5)], tolerances={"default": Tolerance(absolute=1)}) == [
        ("judge_score", "value", "within")
    ]


def test_one_key_twice_is_an_error():
    with pytest.raises(ValueError, match="the new records hold two rows"):
        compare([ROW], [ROW, ROW], TOLERANCES)


def test_within_tolerance_passes(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [replace(ROW, value=0.91), SCORE]) == 0
    assert "within" in capsys.readouterr().out


def test_for_programs_all_that_differs_is_an_object(reference, tmp_path, capsys):
    write_records(tmp_path / "new.csv", [replace(ROW, value=0.95)])
    assert main([str(reference), str(tmp_path / "new.csv"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["failed"] is True
    assert "2 figures differ, 2 fail" in told["outcome"]
    assert told["redefined"] == []
    by_verdict = {d["verdict"]: d["figures"] for d in told["differences"]}
    assert by_verdict["moved"] == pytest.approx([0.9, 0.95, 0.05])
    assert by_verdict["missing"][1:] == [None, None]
    assert main([str(reference), str(reference), "--json", "--update"]) == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_equal_prints_no_table(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [ROW, SCORE]) == 0
    assert capsys.readouterr().out == "2 rows against 2 new: 0 figures differ, 0 fail\n"


def test_doctored_record_fails(reference, tmp_path, capsys):
    assert _run(reference, tmp_path, [replace(ROW, value=0.95), SCORE]) == 1
    out = capsys.readouterr().out
    assert all(word in out for word in ("0.9 ", "0.95", "0.05", "0.02", "moved", "sggan-500-s0"))


@pytest.mark.parametrize("records", [[ROW], [ROW, SCORE, replace(SCORE, seed=1)]])
def test_missing_or_added_row_fails(reference, tmp_path, records):
    assert _run(reference, tmp_path, records) == 1


def test_folders_of_records(reference, tmp_path):
    write_records(tmp_path / "new" / "a" / "records.csv", [ROW])
    write_records(tmp_path / "new" / "b" / "records.csv", [SCORE])
    assert main([str(reference.parent), str(tmp_path / "new")]) == 0


def test_hidden_files_are_no_records(reference, tmp_path):
    write_records(tmp_path / "new" / "records.csv", [ROW, SCORE])
    (tmp_path / "new" / "._records.csv").write_bytes(b"\x00\x05\x16\x07\xff")  # as a Mac leaves beside a file
    assert main([str(reference.parent), str(tmp_path / "new")]) == 0


@pytest.mark.parametrize("of_folder", [False, True])
def test_own_tolerances_come_before_the_shared(reference, of_folder):
    path = reference.parent if of_folder else reference
    path.with_name(f"{path.stem}.tolerances.yaml").write_text("default: {absolute: 1}\n")
    assert load_tolerances(path) == {"default": Tolerance(absolute=1)}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("quick.csv", None, "No such file"),
        ("quick.csv", "a,b\n1,2\n", "not a table of records"),
        ("quick.csv", "", "not a table of records"),
        ("quick.csv", BEFORE_THE_JURY, "line 1: columns missing or unknown: freedom, variance_images, variance_judges"),
        ("tolerances.yaml", "accuracy: {absolut: 1}", "accuracy.absolut: Extra inputs are not permitted"),
        ("tolerances.yaml", "accuracy: {absolute: -1}", "accuracy.absolute"),
        ("tolerances.yaml", "accuracy: [", "cannot be read as YAML"),
        ("tolerances.yaml", "", "not tolerances"),
        ("tolerances.yaml", "accuracy: {}", "no tolerance for judge_score"),
    ],
)
def test_unreadable_input_is_one_line_and_status_2(reference, tmp_path, capsys, name, content, says):
    path = reference.parent / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert _run(reference, tmp_path, [ROW, SCORE]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert str(reference) in captured.err
    assert name in captured.err or "tolerances file" in captured.err


def test_records_from_before_the_jury_on_the_new_side_are_one_line_and_status_2(reference, tmp_path, capsys):
    (tmp_path / "new.csv").write_text(BEFORE_THE_JURY)
    for update in ([], ["--update"]):
        assert main([str(reference), str(tmp_path / "new.csv"), *update]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "new.csv: not a table of records: line 1: columns missing or unknown: freedom, variance_images" in error
    assert list(to_frame(read_records(reference)).columns) == list(COLUMNS)


def test_update_replaces_a_reference_from_before_the_jury(reference, tmp_path):
    reference.write_text(BEFORE_THE_JURY)
    write_records(tmp_path / "new.csv", [ROW, SCORE])
    assert main([str(reference), str(tmp_path / "new.csv"), "--update"]) == 0
    assert repr(read_records(reference)) == repr([ROW, SCORE])


def test_empty_folder_is_status_2(reference, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main([str(reference), str(tmp_path / "empty")]) == 2
    assert "no records" in capsys.readouterr().err


NUM = 400
SMILE, HAT = Attribute("smile", ("no", "yes"), True), Attribute("hat", ("no", "yes"), True)
SURE, UNSURE = Verdict(0.99, 0.9), Verdict(0.5, 0.9)
BASE = replace(
    ROW, system="sggan-500-s0-1a2b", target="", measured_on="", metric="", definition="", unit="", num_images=0
)


def hits_of(wrong):
    """Posteriors of NUM results asked to smile, of which the first ``wrong`` do not."""
    sure = torch.linspace(0.7, 0.99, NUM, dtype=torch.float64)
    smiling = torch.where(torch.arange(NUM) < wrong, 1 - sure, sure)
    return torch.stack([1 - smiling, smiling], 1)


def scores_of(posterior, errors=None, fid=20.0, system=BASE.system, order=None, verdicts=(SURE, UNSURE), jury=None):
    """One system's scores: ``posterior`` of smile by all judges, per-image background errors, a set figure.

    No judge knows a hat from none, so that neither hats nor the Judge Score are scored unless they are said to.
    ``jury``: posteriors of smile by the two judges of the jury, where they are not those of the paper's judge.
    """
    order = torch.arange(len(posterior)) if order is None else order
    errors = torch.linspace(1, 9, NUM, dtype=torch.float64) if errors is None else errors
    hats = torch.full((len(order), 2), 0.5, dtype=torch.float64)
    own = TargetScores(
        posteriors=tuple((smiles[order], hats) for smiles in (posterior, *(jury or (posterior, posterior)))),
        terms={("background_mae", "background"): errors[order].unsqueeze(1)},
        figures=(SetFigure("fid", "all", "Inception features", fid, math.nan, NUM),),
    )
    return Scores(
        base=replace(BASE, system=system),
        attributes=(SMILE, HAT),
        judges=tuple(Panelist(name, tuple(verdicts)) for name in ("resnet18", "compact_vgg", "compact_resnet")),
        definitions={"inception": "not scored: no weights"},
        num_resamples=20,
        ids=tuple(f"{i:06d}.jpg" for i in range(NUM)),
        labels=torch.zeros(NUM, 2, dtype=torch.int8),
        requests=(Requests(0, order, torch.ones(len(posterior), dtype=torch.int8)),),
        left_out=(0,),
        targets=(own,),
    )


def keep(folder, scores):
    """A folder of systems, as a run leaves it."""
    folder = folder / scores.base.system
    write_records(folder / "records.csv", make_records(scores))
    write_scores(folder / "scores.npz", scores)
    return folder.parent


@pytest.fixture
def scored(tmp_path):
    """A reference of one system with its scores and no tolerances."""
    return keep(tmp_path / "scored", scores_of(hits_of(20)))


def _hold(reference, new, alpha=0.01):
    from sgbench.regression.holding import hold

    return hold(reference, new, alpha)


BY_JUDGES = ("accuracy", "jury_accuracy", "jury_agreement")


def _told(comparison, metric="jury_accuracy"):
    return {(d.row.direction, d.quantity, d.verdict) for d in comparison.differences if d.row.metric == metric}


def test_a_loss_of_images_is_found_whatever_the_tolerances(scored, tmp_path):
    (scored / "tolerances.yaml").write_text("default: {absolute: 1000}\n")
    comparison = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(45))))
    for metric in BY_JUDGES:
        assert _told(comparison, metric) == {("all", "value", "worse"), ("yes", "value", "worse")}
    assert all(d.p <= 0.01 for d in comparison.failures)


def test_what_the_jury_alone_loses_is_found_and_the_papers_judge_has_lost_nothing(scored, tmp_path):
    lost = hits_of(45)
    comparison = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(20), jury=(lost, lost))))
    for metric in ("jury_accuracy", "jury_agreement"):
        assert _told(comparison, metric) == {("all", "value", "worse"), ("yes", "value", "worse")}
    assert {d.row.metric for d in comparison.differences} == {"jury_accuracy", "jury_agreement"}
    assert {(d.reference, d.new) for d in comparison.differences} == {(0.95, 0.8875)}


def test_what_one_judge_of_the_jury_loses_is_half_a_loss_and_no_agreement(scored, tmp_path):
    comparison = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(20), jury=(hits_of(20), hits_of(45)))))
    (jury, _) = [d for d in comparison.differences if d.row.metric == "jury_accuracy"]
    (agreed, _) = [d for d in comparison.differences if d.row.metric == "jury_agreement"]
    assert (jury.new, agreed.new) == (pytest.approx(1 - 32.5 / NUM), pytest.approx(1 - 45 / NUM))
    assert jury.verdict == agreed.verdict == "worse"
    assert _told(comparison, "accuracy") == set()


def test_what_the_papers_judge_alone_loses_is_not_the_jurys(scored, tmp_path):
    kept = hits_of(20)
    comparison = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(45), jury=(kept, kept))))
    assert _told(comparison, "accuracy") == {("all", "value", "worse"), ("yes", "value", "worse")}
    assert {d.row.metric for d in comparison.differences} == {"accuracy"}


def test_a_gain_fails_too_and_is_called_better(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(0)))
    for metric in BY_JUDGES:
        assert ("all", "value", "better") in _told(_hold(scored, new), metric)
    assert main([str(scored), str(new)]) == 1


def test_lower_errors_are_better_and_higher_worse(scored, tmp_path):
    errors = torch.linspace(1, 9, NUM, dtype=torch.float64)
    for shift, verdict in ((-0.5, "better"), (0.5, "worse")):
        new = keep(tmp_path / verdict, scores_of(hits_of(20), errors + shift))
        assert _told(_hold(scored, new), "background_mae") == {("all", "value", verdict)}


def test_an_equal_run_differs_in_nothing(scored, tmp_path, capsys):
    assert main([str(scored), str(keep(tmp_path / "new", scores_of(hits_of(20))))]) == 0
    out = capsys.readouterr().out
    assert "0 figures differ, 0 fail" in out
    assert "compared image by image" in out


def varied():
    """Scores of a system whose judges differ, with enough figures by the jury that they steady each other's."""
    generator = np.random.default_rng(0)
    order, base = torch.arange(NUM), scores_of(hits_of(20), verdicts=(SURE, SURE))
    values = (order >= NUM // 2).to(torch.int8)
    requests = tuple(Requests(target, order, values) for target in (0, 1))
    labels = torch.from_numpy(generator.integers(0, 2, (NUM, 2)).astype(np.int8))
    targets = []
    for request in requests:
        posteriors = []
        for judge in range(4):
            heads = []
            for j in (0, 1):
                right = (values if j == request.target else labels[:, j]).long()
                seen = torch.where(torch.from_numpy(generator.random(NUM) < 0.95 - 0.03 * judge), right, 1 - right)
                heads.append(torch.nn.functional.one_hot(seen, 2).double() * 0.8 + 0.1)
            posteriors.append(tuple(heads))
        targets.append(TargetScores(posteriors=tuple(posteriors), terms={}))
    panel = tuple(Panelist("compact_vgg" if k else "resnet18", (SURE, SURE), k) for k in range(4))
    return replace(base, labels=labels, requests=requests, left_out=(0, 0), targets=tuple(targets), judges=panel)


def test_a_figure_by_the_jury_that_did_not_change_passes_though_others_did(tmp_path):
    """An interval by the jury is steadied by the system's other figures, so it may move where no verdict changed."""
    before = varied()
    first, second = before.targets
    seen = first.posteriors[1][1].clone()
    seen[:2] = seen[:2].flip(1)
    after = replace(first, posteriors=(first.posteriors[0], (first.posteriors[1][0], seen), *first.posteriors[2:]))
    old, new = keep(tmp_path / "old", before), keep(tmp_path / "new", replace(before, targets=(after, second)))
    intervals = [
        {
            (r.target, r.direction, r.measured_on): r.low
            for r in read_records(side / BASE.system / "records.csv")
            if r.metric == "jury_accuracy"
        }
        for side in (old, new)
    ]
    assert intervals[0]["hat", "all", "hat"] != intervals[1]["hat", "all", "hat"]
    comparison = _hold(old, new)
    assert not comparison.failures
    assert {(d.row.target, d.row.measured_on, d.quantity) for d in comparison.differences} == {
        ("smile", "hat", "value")
    }


@pytest.mark.parametrize("quantity", ["variance_images", "variance_judges", "freedom"])
def test_variances_must_be_the_same_where_no_verdict_changed(tmp_path, quantity):
    old, new = keep(tmp_path / "old", varied()), keep(tmp_path / "new", varied())
    path = new / BASE.system / "records.csv"
    records = read_records(path)
    of_jury = [r for r in records if r.metric == "jury_accuracy"]
    write_records(path, [replace(r, **{quantity: 1.001 * getattr(r, quantity)}) for r in records])
    failures = _hold(old, new).failures
    assert {(d.row.metric, d.quantity, d.verdict) for d in failures} == {("jury_accuracy", quantity, "moved")}
    assert len(failures) == sum(getattr(r, quantity) > 0 for r in of_jury) > 0


def test_what_a_record_has_otherwise_than_its_scores_is_told_though_the_images_differ(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(21)))
    path = new / BASE.system / "records.csv"
    write_records(
        path, [replace(r, note="a", num_images=3) if r.metric == "accuracy" else r for r in read_records(path)]
    )
    told = {d.quantity for d in _hold(scored, new).failures if d.row.value > 0}
    assert told == {"num_images by the new scores", "note by the new scores"}


@pytest.mark.parametrize("metric", BY_JUDGES)
def test_an_interval_must_be_the_same_where_no_verdict_changed(tmp_path, metric):
    old, new = keep(tmp_path / "old", varied()), keep(tmp_path / "new", varied())
    assert not _hold(old, new).differences
    path = new / BASE.system / "records.csv"
    write_records(path, [replace(r, high=r.high + 1e-6) if r.metric == metric else r for r in read_records(path)])
    failures = _hold(old, new).failures
    assert {(d.row.metric, d.quantity, d.verdict) for d in failures} == {(metric, "high", "moved")}
    assert len(failures) == 12  # two targets, two attributes, all and either value


def test_one_image_that_changed_passes_where_a_tolerance_would_fail(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(21)))
    comparison = _hold(scored, new)
    for metric in BY_JUDGES:
        assert _told(comparison, metric) == {("all", "value", "within"), ("yes", "value", "within")}
    assert not comparison.failures
    (scored / "tolerances.yaml").write_text("default: {absolute: 0.000001}\n")
    assert main([str(scored), str(new)]) == 0
    for folder in (scored, new):
        (folder / BASE.system / "scores.npz").unlink()
    assert main([str(scored), str(new)]) == 1


def test_many_images_that_changed_both_ways_pass(scored, tmp_path):
    posterior = hits_of(20)
    other = posterior.clone()
    other[:12], other[-12:] = posterior[:12].flip(1), posterior[-12:].flip(1)
    same = _hold(scored, keep(tmp_path / "new", scores_of(other)))
    other[-3:] = posterior[-3:]
    moved = _hold(scored, keep(tmp_path / "other", scores_of(other)))
    for metric in BY_JUDGES:
        assert _told(same, metric) == set()
        assert _told(moved, metric) == {("all", "value", "within"), ("yes", "value", "within")}


def test_many_tests_are_adjusted_for(scored, tmp_path):
    """Six images lost are significant at 5 % alone (p = 2 / 2^6), not as one of two figures, and less as one of six."""
    same = hits_of(20)
    for number, jury in ((2, (same, same)), (6, None)):
        new = keep(tmp_path / str(number), scores_of(hits_of(26), jury=jury))
        comparison = _hold(scored, new, alpha=0.05)
        assert [d.p for d in comparison.differences] == pytest.approx([number * 2 / 2**6] * number, rel=0.3)
        assert not comparison.failures


def test_a_judge_score_is_compared_image_by_image(tmp_path):
    half = hits_of(NUM // 2)
    reference = keep(tmp_path / "scored", scores_of(half, verdicts=(SURE, SURE)))
    surer = torch.where(half > 0.5, half * 0.02 + 0.98, half * 0.02)
    comparison = _hold(reference, keep(tmp_path / "new", scores_of(surer, verdicts=(SURE, SURE))))
    assert _told(comparison, "judge_score") == {("all", "value", "better")}
    assert _told(comparison, "judge_score_std") == {("all", "value", "unjudged")}


def test_rows_are_matched_by_image_not_by_place(scored, tmp_path):
    order = torch.from_numpy(np.random.default_rng(0).permutation(NUM))
    new = keep(tmp_path / "new", scores_of(hits_of(20), order=order))
    comparison = _hold(scored, new)
    assert comparison.num_paired == 7  # in all and of those asked to smile: three figures by judges; background_mae
    assert not comparison.failures


def test_systems_are_the_same_whatever_their_hash(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(20), system="sggan-500-s0-ffff"))
    assert not _hold(scored, new).differences
    keep(tmp_path / "new", scores_of(hits_of(20), system="sggan-500-s0-eeee"))
    verdicts = {(d.row.system, d.verdict) for d in _hold(scored, new).differences}
    assert verdicts == {
        ("sggan-500-s0-1a2b", "missing"),
        ("sggan-500-s0-ffff", "added"),
        ("sggan-500-s0-eeee", "added"),
    }


def test_figures_of_sets_go_by_tolerance_and_without_one_must_be_equal(scored, tmp_path, capsys):
    new = keep(tmp_path / "new", scores_of(hits_of(20), fid=25.0))
    assert _told(_hold(scored, new), "fid") == {("all", "value", "moved")}
    assert main([str(scored), str(new)]) == 1
    assert "1 had to be equal, for no tolerance is stated" in capsys.readouterr().out
    (scored / "tolerances.yaml").write_text("default: {}\nfid: {absolute: 4}\n")
    assert _told(_hold(scored, new), "fid") == {("all", "value", "moved")}
    (scored / "tolerances.yaml").write_text("default: {}\nfid: {absolute: 6}\n")
    assert _told(_hold(scored, new), "fid") == {("all", "value", "within")}


@pytest.mark.parametrize(("value", "status"), [(ROW.value, 0), (ROW.value + 1e-12, 1)])
def test_records_without_scores_and_tolerances_must_be_equal(reference, tmp_path, value, status):
    (reference.parent / "tolerances.yaml").unlink()
    assert _run(reference, tmp_path, [replace(ROW, value=value), SCORE]) == status


def test_differences_by_rounding_are_counted_and_not_listed(reference, tmp_path, capsys):
    seeds = [replace(ROW, seed=seed) for seed in range(3)]
    write_records(reference, [*seeds, SCORE])
    rounded = [replace(row, value=row.value + 1e-13, low=row.low - 1e-12) for row in seeds]
    new, page = tmp_path / "new.csv", tmp_path / "page.md"
    write_records(new, [*rounded, replace(SCORE, value=4 + 1e-10)])
    assert main([str(reference), str(new), "--summary", str(page)]) == 0
    assert capsys.readouterr().out == (
        "4 rows against 4 new: 0 figures differ, 0 fail, 7 more differ by rounding alone\n"
    )
    assert "|" not in page.read_text()
    assert "7 more differ by rounding alone" in page.read_text()
    write_records(new, [*rounded, replace(SCORE, value=4.1)])
    assert main([str(reference), str(new), "--summary", str(page)]) == 0
    assert "1 figures differ, 0 fail, 6 more differ by rounding alone" in capsys.readouterr().out
    assert "1 difference that did not fail (1 within)" in page.read_text()


def test_what_must_be_equal_may_not_differ_by_rounding(reference, tmp_path, capsys):
    (reference.parent / "tolerances.yaml").write_text("default: {}\n")
    assert _run(reference, tmp_path, [replace(ROW, value=ROW.value + 1e-13), SCORE]) == 1
    assert "1 figures differ, 1 fail" in capsys.readouterr().out


def test_scores_of_every_image_that_differ_by_rounding_alone_are_no_loss(scored, tmp_path):
    errors = torch.linspace(1, 9, NUM, dtype=torch.float64)
    comparison = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(20), errors + 1e-13)))
    assert (comparison.differences, comparison.num_rounded, comparison.failed) == ((), 1, False)


def test_other_translations_need_a_tolerance(scored, tmp_path, capsys):
    fewer = keep(tmp_path / "new", scores_of(hits_of(20)[: NUM - 1]))
    assert main([str(scored), str(fewer)]) == 1
    assert "had to be equal, for no tolerance is stated" in capsys.readouterr().out
    (scored / "tolerances.yaml").write_text("default: {absolute: 9}\n")
    assert ("all", "num_images", "moved") in _told(_hold(scored, fewer))


def test_both_ways_of_comparing_in_one_run(scored, tmp_path):
    plain = replace(ROW, system="plain", method="stargan")
    write_records(scored / "plain.csv", [plain])
    new = keep(tmp_path / "new", scores_of(hits_of(45)))
    write_records(new / "plain.csv", [replace(plain, value=0.95)])
    told = {(d.row.system, d.verdict) for d in _hold(scored, new).differences if d.row.metric == "accuracy"}
    assert ("plain", "moved") in told
    (scored / "tolerances.yaml").write_text("default: {absolute: 0.1}\n")
    comparison = _hold(scored, new)
    assert {(d.row.system, d.verdict) for d in comparison.differences if d.row.metric == "accuracy"} == {
        (BASE.system, "worse"),
        ("plain", "within"),
    }


def test_records_that_are_not_what_their_scores_give_fail(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(20)))
    path = new / BASE.system / "records.csv"
    doctored = [replace(r, value=r.value - 0.01) if r.metric in BY_JUDGES else r for r in read_records(path)]
    write_records(path, doctored)
    for metric in BY_JUDGES:
        assert ("all", "value by the new scores", "moved") in _told(_hold(scored, new), metric)
        assert ("all", "value by the reference's scores", "moved") in _told(_hold(new, scored), metric)


def test_a_figure_scored_on_one_side_only_fails(scored, tmp_path):
    refused = _hold(scored, keep(tmp_path / "new", scores_of(hits_of(20), verdicts=(UNSURE, UNSURE))))
    for metric in BY_JUDGES:
        assert ("all", "value", "moved") in _told(refused, metric)


def test_a_judge_that_no_longer_sits_makes_another_figure(scored, tmp_path):
    """Who sits is in the definition, so that no mean over two judges is compared with one over three."""
    three = scores_of(hits_of(20))
    third = replace(three.judges[1], seed=1)
    posteriors = (*three.targets[0].posteriors, three.targets[0].posteriors[0])
    three = replace(three, targets=(replace(three.targets[0], posteriors=posteriors),), judges=(*three.judges, third))
    gated = replace(third, verdicts=(replace(SURE, counterfactual=0.5, bound=0.6, gate=0.98), UNSURE))
    two = replace(three, judges=(*three.judges[:3], gated))
    reference, new = keep(tmp_path / "three", three), keep(tmp_path / "two", two)
    comparison = _hold(reference, new)
    changes = {change.metric: change for change in comparison.redefined}
    assert changes.keys() == {"jury_accuracy", "jury_agreement"}
    assert {row.direction for row in changes["jury_accuracy"].rows} == {"all", "no", "yes"}
    assert [d for d in comparison.differences if d.row.metric in BY_JUDGES] == []
    alike = _hold(scored, new)
    assert not [d for d in alike.differences if d.row.metric in BY_JUDGES and d.row.measured_on == "smile"]


@pytest.mark.parametrize("content", [b"", b"nonsense", "half"])
def test_unreadable_scores_are_one_line_and_status_2(scored, tmp_path, capsys, content):
    path = keep(tmp_path / "new", scores_of(hits_of(20))) / BASE.system / "scores.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    for update in ([], ["--update"]):
        assert main([str(scored), str(tmp_path / "new"), *update]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert str(path) in error


@pytest.mark.parametrize("alpha", ["0", "1", "x", "nan", "-0.01"])
def test_alpha_is_a_small_probability(reference, capsys, alpha):
    assert main([str(reference), str(reference), f"--alpha={alpha}"]) == 2
    assert f"'{alpha}' must be a number from 0.0001 to 0.1" in capsys.readouterr().err


def test_update_of_a_folder_takes_records_and_scores_and_leaves_the_rest(scored, tmp_path, capsys):
    (scored / "tolerances.yaml").write_text("default: {absolute: 0.5}\n")
    new = keep(tmp_path / "new", scores_of(hits_of(45), system="sggan-500-s0-ffff"))
    (new / "sggan-500-s0-ffff" / "samples.npz").write_bytes(b"large")
    assert main([str(scored), str(new)]) == 1
    assert main([str(scored), str(new), "--update"]) == 0
    assert "worse" in capsys.readouterr().out
    files = {p.relative_to(scored).as_posix() for p in scored.rglob("*") if p.is_file()}
    assert files == {"tolerances.yaml", "sggan-500-s0-ffff/records.csv", "sggan-500-s0-ffff/scores.npz"}
    assert main([str(scored), str(new)]) == 0
    assert not _hold(scored, new).differences
    assert {p.name for p in tmp_path.iterdir()} == {"scored", "new"}


def test_update_of_a_file_and_its_scores(tmp_path):
    old = keep(tmp_path / "old", scores_of(hits_of(20))) / BASE.system / "records.csv"
    new = keep(tmp_path / "new", scores_of(hits_of(45))) / BASE.system / "records.csv"
    assert main([str(old), str(new), "--update"]) == 0
    assert old.read_bytes() == new.read_bytes()
    assert old.with_name("scores.npz").read_bytes() == new.with_name("scores.npz").read_bytes()
    new.with_name("scores.npz").unlink()
    assert main([str(old), str(new), "--update"]) == 0
    assert not old.with_name("scores.npz").exists()


@pytest.mark.parametrize("what", ["absent", "nonsense", "without tolerances"])
def test_update_makes_a_reference_of_what_none_could_be_compared_with(tmp_path, what):
    new = tmp_path / "new.csv"
    write_records(new, [ROW])
    reference = tmp_path / "deep" / "reference.csv"
    if what != "absent":
        reference.parent.mkdir()
        reference.write_text("nonsense\n") if what == "nonsense" else write_records(reference, [SCORE])
    assert main([str(reference), str(new), "--update"]) == 0
    assert repr(read_records(reference)) == repr([ROW])


def test_update_leaves_the_reference_alone_when_the_new_side_is_no_good(reference, tmp_path, capsys):
    before = reference.read_bytes()
    (tmp_path / "new.csv").write_text("a,b\n1,2\n")
    write_records(tmp_path / "folder" / "a.csv", [ROW])
    for new, says in (
        ("new.csv", "not a table"),
        ("gone.csv", "No such file"),
        ("folder", "two CSV files or two folders"),
    ):
        assert main([str(reference), str(tmp_path / new), "--update"]) == 2
        assert says in capsys.readouterr().err
    assert main([str(reference.parent), str(tmp_path), "--update"]) == 2
    assert reference.read_bytes() == before


def test_update_that_runs_out_of_space_leaves_the_reference_whole(scored, tmp_path, monkeypatch, capsys):
    before = {p: p.read_bytes() for p in scored.rglob("*") if p.is_file()}
    new = keep(tmp_path / "new", scores_of(hits_of(45)))

    def full(source, target):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sgbench.regression.update.shutil.copyfile", full)
    assert main([str(scored), str(new), "--update"]) == 2
    assert "No space left on device; the reference is as it was" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in scored.rglob("*") if p.is_file()} == before
    assert {p.name for p in tmp_path.iterdir()} == {"scored", "new"}


@pytest.mark.parametrize("existed", [True, False])
def test_update_that_cannot_put_the_new_folder_in_place_puts_the_old_one_back(scored, tmp_path, monkeypatch, existed):
    reference = scored if existed else tmp_path / "never"
    before = {p: p.read_bytes() for p in reference.rglob("*") if p.is_file()}
    new = keep(tmp_path / "new", scores_of(hits_of(45)))
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        assert main([str(reference), str(new), "--update"]) == 2
    assert {p: p.read_bytes() for p in reference.rglob("*") if p.is_file()} == before
    assert {p.name for p in tmp_path.iterdir()} == {"scored", "new"}
    assert main([str(reference), str(new), "--update"]) == 0
    assert not _hold(reference, new).differences


def test_junit_has_a_case_for_each_system_target_and_metric(scored, tmp_path):
    new = keep(tmp_path / "new", scores_of(hits_of(45)))
    assert main([str(scored), str(new), "--junit", str(tmp_path / "out" / "regress.xml")]) == 1
    root = ElementTree.parse(tmp_path / "out" / "regress.xml").getroot()
    (suite,) = root
    cases = {c.get("name"): c for c in suite}
    assert (root.tag, suite.tag, {c.tag for c in suite}) == ("testsuites", "testsuite", {"testcase"})
    assert suite.get("name") == BASE.system
    assert {c.get("classname") for c in suite} == {BASE.system}
    expected = {f"smile: {r.metric}" for r in read_records(new / BASE.system / "records.csv")}
    assert cases.keys() == expected
    failed = [c for c in suite if c.find("failure") is not None]
    for element in (root, suite):
        assert (element.get("tests"), element.get("failures")) == (str(len(cases)), str(len(failed)))
        assert float(element.get("time")) == 0
    for metric in BY_JUDGES:
        failure = cases[f"smile: {metric}"].find("failure")
        assert failure.get("type") == "worse"
        assert failure.get("message").startswith("worse: 0.95 -> 0.8875, p ")
        assert len(failure.text.splitlines()) == 2  # in all, and of those asked to smile
    assert cases["smile: background_mae"].find("failure") is None


def test_junit_skips_what_only_describes_others(tmp_path):
    half = hits_of(NUM // 2)
    reference = keep(tmp_path / "scored", scores_of(half, verdicts=(SURE, SURE)))
    surer = torch.where(half > 0.5, half * 0.02 + 0.98, half * 0.02)
    new = keep(tmp_path / "new", scores_of(surer, verdicts=(SURE, SURE)))
    root = ElementTree.fromstring(to_junit(_hold(reference, new)).partition("\n")[2])
    skipped = [c.get("name") for c in root.iter("testcase") if c.find("skipped") is not None]
    assert skipped == ["smile: judge_score_std"]
    assert root.get("skipped") == root[0].get("skipped") == "1"


def test_what_cannot_be_compared_is_an_error_in_junit_and_summary(scored, tmp_path):
    files = [str(tmp_path / "regress.xml"), str(tmp_path / "page.md")]
    assert main([str(scored), str(scored), "--junit", files[0], "--summary", files[1]]) == 0
    arguments = [str(scored), str(tmp_path / "gone"), "--junit", files[0], "--summary", files[1]]
    assert main(arguments) == 2
    error = ElementTree.parse(files[0]).getroot().find(".//error")
    assert "gone" in error.get("message")
    assert Path(files[1]).read_text().startswith("## Not compared\n")


def study_of(runs, scores, name="quick-500"):
    """A study's folder with a control and a system beside it, among systems of others."""
    keep(runs / "systems", scores)
    write_records(runs / "systems" / "real-1" / "records.csv", [replace(ROW, system="real-1", origin="control")])
    keep(runs / "systems", scores_of(hits_of(1), system="other-500-s0-9999"))
    study = runs / name
    systems = (ReportedSystem(scores.base.system, scores.base.method, "SG-GAN"),)
    faces = ShownFaces((), 1, ())
    StudyFolder(study).write_description(
        Description("quick", {"smile": "Smile"}, ("real-1",), systems, {}, (), 0.3, "IS", "", {}, (), faces, 10, 1)
    )
    return study


def test_a_studys_folder_stands_for_its_systems(tmp_path, capsys):
    old = study_of(tmp_path / "old", scores_of(hits_of(20)))
    new = study_of(tmp_path / "new", scores_of(hits_of(45), system="sggan-500-s0-ffff"))
    comparison = _hold(old, new)
    assert comparison.num_paired == 7
    assert {d.verdict for d in comparison.failures} == {"worse"}
    assert main([str(old), str(new), "--update"]) == 2
    assert "is a study's folder" in capsys.readouterr().err
    assert main([str(tmp_path / "reference"), str(new), "--update"]) == 0
    kept = {p.relative_to(tmp_path / "reference").as_posix() for p in (tmp_path / "reference").rglob("*.*")}
    assert kept == {"real-1/records.csv", "sggan-500-s0-ffff/records.csv", "sggan-500-s0-ffff/scores.npz"}
    (old / "study.json").write_text("{}")
    assert main([str(old), str(new)]) == 2
    assert "study.json: is broken" in capsys.readouterr().err


def _comparison(new, reference=(ROW, SCORE)):
    differences = compare(reference, new, TOLERANCES)
    return Comparison(tuple(reference), len(new), tuple(differences), 0, 0.01)


def test_junit_and_summary_hold_any_text():
    row = replace(ROW, system='a|b<c>&"d', definition="mean |result - source| < 2")
    comparison = _comparison([replace(row, value=0.5)], [row])
    root = ElementTree.fromstring(to_junit(comparison).partition("\n")[2])
    assert root[0].get("name") == row.system
    assert row.definition not in root.find(".//failure").text  # it is the same on both sides
    missing = to_junit(Comparison((row,), 0, tuple(compare([row], [], TOLERANCES)), 0, 0.01))
    assert row.definition in ElementTree.fromstring(missing.partition("\n")[2]).find(".//failure").text
    lines = to_markdown(comparison).splitlines()
    (line,) = [line for line in lines if "0.5" in line]
    assert line.replace("\\|", "").count("|") == 9
    assert "<c" not in line


@pytest.mark.parametrize("name", ["a\x1b[1m", "a\x00", "a\ufffe", "half \ud83d", "\u202eb", "]]>", "性别"])
def test_junit_summary_and_screen_hold_characters_that_xml_and_terminals_do_not(name):
    row = replace(ROW, system=name, target=name, direction=name)
    comparison = _comparison([replace(row, value=0.5)], [row])
    document = ElementTree.fromstring(to_junit(comparison).encode())
    assert document[0].get("name") == printable(name)
    assert printable(name) in document.find(".//failure").text
    text = to_markdown(comparison)
    text.encode()
    assert name.isprintable() or name not in text
    error = ElementTree.fromstring(error_to_junit(f"{name}: is broken").encode()).find(".//error")
    assert error.get("message") == f"{printable(name)}: is broken"


def test_a_message_in_a_summary_is_text():
    assert error_to_markdown("<b>[a](b): is\nbroken") == "## Not compared\n\n&lt;b>\\[a\\](b): is broken\n"


def test_differences_on_the_screen_are_text(reference, tmp_path, capsys):
    row = replace(ROW, direction="[red]:smile:\x1b[2J")
    write_records(reference, [row, SCORE])
    assert _run(reference, tmp_path, [replace(row, value=0.5), SCORE]) == 1
    out = capsys.readouterr().out
    assert "[red]:smile:\\x1b[2J" in "".join(line.split("  ")[0].strip() for line in out.splitlines())
    assert "\x1b" not in out


def test_summary_says_what_failed_first_and_folds_the_rest(tmp_path, reference):
    new, page = tmp_path / "new.csv", tmp_path / "out" / "summary.md"
    write_records(new, [replace(ROW, value=0.95), replace(SCORE, value=4.1)])
    assert main([str(reference), str(new), "--summary", str(page)]) == 1
    opened, folded = page.read_text().split("<details>")
    assert opened.startswith("## 1 figure moved\n")
    assert "| 0.9 | 0.95 | 0.05 | ± 0.02 | **moved** |" in opened
    assert "judge_score" not in opened
    assert "1 difference that did not fail (1 within)" in folded
    assert "| 4 | 4.1 |" in folded


def test_summary_shows_the_first_failures_only():
    rows = [replace(ROW, seed=s) for s in range(SHOWN + 5)]
    opened, folded = to_markdown(_comparison([replace(r, value=0.5) for r in rows], rows)).split("<details>")
    assert (opened.count("**moved**"), folded.count("**moved**")) == (SHOWN, 5)
    assert "5 more that failed" in folded


def test_summary_of_an_equal_run():
    assert to_markdown(_comparison([ROW, SCORE])).startswith("## No metric moved\n")


def test_output_that_cannot_be_written_is_one_line_and_status_2(reference, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(reference), str(reference), "--junit", str(tmp_path / "file" / "a.xml")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a.xml" in error


@pytest.mark.parametrize("arguments", [[], ["one"], ["one", "two", "--upd"], ["one", "two", "--alpha"]])
def test_wrong_use_is_one_line_and_status_2(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_workflow_runs_commands_of_the_makefile():
    root = Path(__file__).parents[2]
    workflow = yaml.safe_load((root / ".github" / "workflows" / "metrics.yml").read_text(encoding="utf-8"))
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert "pull_request" in workflow[True]  # YAML 1.1 reads the key 'on' as true
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    made = [line.split()[1] for run in commands for line in run.splitlines() if line.startswith("make ")]
    assert made == ["test", "docs", "regress"]
    assert all(f"\n{target}:" in makefile for target in made)
    outputs = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert any("build/regress.xml" in paths for paths in outputs)
    assert any("build/regress.md" in run and "$GITHUB_STEP_SUMMARY" in run for run in commands)
    regress = makefile.partition("\nregress:")[2].partition("\n\n")[0]
    assert "--junit build/regress.xml" in regress
    assert "--summary build/regress.md" in regress
    always = [step for step in job["steps"] if "always()" in str(step.get("if"))]
    assert len(always) == 2


def test_the_screen_shows_the_first_of_many_differences_and_the_summary_all(tmp_path, capsys):
    number = PRINTED + 3
    old = [replace(ROW, measured_on=f"a{k}", low=math.nan, high=math.nan) for k in range(number)]
    for name, rows in (("old", old), ("new", [replace(row, value=0.5) for row in old])):
        write_records(tmp_path / f"{name}.csv", rows)
    summary = tmp_path / "summary.md"
    assert main([str(tmp_path / "old.csv"), str(tmp_path / "new.csv"), "--summary", str(summary)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("accuracy of a") == PRINTED
    assert "3 more differ; --summary FILE writes all of them" in printed
    assert summary.read_text(encoding="utf-8").count("accuracy of a") == number


@pytest.mark.parametrize("outputs", [("--junit", "ref"), ("--summary", "new"), ("--junit", "out", "--summary", "out")])
def test_nothing_that_is_given_is_written_over(reference, tmp_path, capsys, outputs):
    new = tmp_path / "new.csv"
    write_records(new, [ROW, SCORE])
    places = {"ref": reference, "new": new, "out": tmp_path / "out"}
    before = reference.read_bytes(), new.read_bytes()
    assert main([str(reference), str(new), *(str(places.get(word, word)) for word in outputs)]) == 2
    assert "would be written over another of the files given" in capsys.readouterr().err
    assert (reference.read_bytes(), new.read_bytes()) == before


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_no_file_of_what_is_compared_is_written_over(tmp_path, capsys, option):
    for side in ("ref", "new"):
        (tmp_path / side).mkdir()
        write_records(tmp_path / side / "records.csv", [ROW, SCORE])
    written = tmp_path / "new" / "records.csv"
    before = written.read_bytes()
    assert main([str(tmp_path / "ref"), str(tmp_path / "new"), option, str(written)]) == 2
    assert "would be written over a file of what is compared" in capsys.readouterr().err
    assert written.read_bytes() == before
    assert main([str(tmp_path / "ref"), str(tmp_path / "new"), option, str(tmp_path / "new" / "outcome.md")]) == 0


def test_a_tolerance_of_no_metric_is_refused(reference, tmp_path, capsys):
    (reference.parent / "tolerances.yaml").write_text("default: {absolute: 100}\nacuracy: {absolute: 0}\n")
    assert _run(reference, tmp_path, [ROW, SCORE]) == 2
    assert "tolerances.yaml: 'acuracy' is no metric" in capsys.readouterr().err
