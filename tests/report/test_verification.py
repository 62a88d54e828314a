"""Verification tells figures that differ by rounding from figures that were changed."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from galleries import with_gallery
from many import many

from sgbench.commands.verify import main as verify
from sgbench.report import comparisons, making, verification
from sgbench.report.beyond import COMPARISONS
from sgbench.report.making import make_report
from sgbench.results.checkpoints import Checkpoint, write_checkpoint
from sgbench.results.description import ReportedSystem
from sgbench.results.records import to_frame
from sgbench.results.report_folder import ReportFolder
from sgbench.results.rounding import same_but_for_rounding
from sgbench.results.study_folder import StudyFolder, StudyPlan
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.locks import locked
from sgbench.support.sealed import seal


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished report over two systems."""
    study = many(tmp_path_factory.mktemp("finished"), 2)
    make_report(study, pictures=False)
    study.write_checksums()
    return study


@pytest.fixture
def study(finished, tmp_path):
    """A copy of it, to be changed."""
    root = tmp_path / "runs"
    shutil.copytree(finished.runs.root, root)
    return StudyFolder(root / finished.path.name)


@pytest.mark.slow
def test_stale_files_in_a_report_are_neither_signed_nor_removed_and_are_named(study):
    """A run folder that was copied without its hidden files, then a report with fewer figures, and the user's notes."""
    stale = {study.report.figure("losses"), study.report.path / "mine/notes.md"}
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text("of another time")
    (study.report.path / ".report.sha256").unlink()
    make_report(study, pictures=False)
    assert study.report.others() == stale | {study.report.path / ".report.sha256"}
    study.write_checksums()
    assert all(path.is_file() for path in stale)
    assert set(verification.verify(study.path).problems) == {f"{path}: is no part of the report" for path in stale}
    for path in stale:
        path.unlink()
    assert verification.verify(study.path).problems == ()


@pytest.mark.slow
def test_a_report_of_an_earlier_version_that_signed_them_is_verified_as_before(study):
    (study.report.path / ".report.sha256").unlink()
    (study.report.path / "stale.csv").write_text("of another time")
    study.write_checksums()
    assert verification.verify(study.path).problems == ()


def moved(records, relative, metric="jury_accuracy"):
    """Records whose figures of a metric are other by a share of themselves."""
    frame = to_frame(records)
    chosen = frame["metric"] == metric
    assert chosen.any()
    for figure in ("value", "low", "high", "variance_images"):
        frame.loc[chosen, figure] *= 1 + relative
    return [type(records[0])(**row) for row in frame.to_dict("records")]


def rewrite(study, relative, folder="m00-s0"):
    """Put moved figures in a system's records, and make the report and its checksums from them."""
    system = study.runs.system(folder)
    system.write_records(moved(system.read_records(), relative))
    make_report(study, pictures=False)
    study.write_checksums()


@pytest.mark.slow
def test_an_honest_report_from_sums_in_another_order_is_the_same(study, monkeypatch):
    remade, pairing = verification.make_records, comparisons.paired_differences

    def rounded(pairs, *arguments, **named):
        found = pairing(pairs, *arguments, **named)
        return [type(d)(d.difference * (1 + 3e-13), d.low, d.high * (1 - 2e-13), d.p, d.num_images) for d in found]

    monkeypatch.setattr(verification, "make_records", lambda scores: moved(remade(scores), 4e-13))
    monkeypatch.setattr(comparisons, "paired_differences", rounded)
    assert verification.verify(study.path).problems == ()


@pytest.mark.slow
def test_the_judges_at_hand_are_those_that_the_report_was_made_with(study):
    judge = study.runs.judge("a" * 64)
    judge.weights.parent.mkdir(parents=True)
    judge.weights.write_bytes(b"weights")
    seal(judge.weights)
    judge.write_facts({"seed": 1}, {}, judge.weights)
    study.write_runtime({"judges": [judge.facts(), 3, {"judge": "../x"}, {"judge": "b" * 64, "sha256": "c" * 64}]})
    study.write_checksums()
    assert verification.verify(study.path).problems == ()
    judge.weights.write_bytes(b"Weights")
    assert [p.partition(": ")[2] for p in verification.verify(study.path).problems] == [
        "is not as it was written; the judge is trained again when it is needed"
    ]
    seal(judge.weights)
    assert "is another judge's" in verification.verify(study.path).problems[0]
    judge.write_facts({"seed": 1}, {}, judge.weights)
    (problem,) = verification.verify(study.path).problems
    assert problem == f"{judge.weights}: is another judge than the one that the report was made with"


@pytest.mark.parametrize("judges", [3, None, "a", {"judge": "a" * 64}])
def test_what_no_report_says_of_judges_is_no_judge(study, judges):
    study.write_runtime({"judges": judges})
    assert study.changed_judges() == []


def test_a_report_that_may_only_be_read_is_made_again_where_it_may_be_written(study, monkeypatch):
    seen, same = [], verification.same_records
    monkeypatch.setattr(
        verification, "same_records", lambda old, new: seen.append(new.parent.stat().st_mode & 0o777) or same(old, new)
    )
    for member in study.members():
        member.path.chmod(0o555)
    assert verification.verify(study.path).problems == ()
    for member in study.members():
        member.path.chmod(0o755)
    assert set(seen) == {0o700}


def test_what_cannot_be_copied_to_make_the_report_again_is_one_line_that_names_it(study):
    pipe = study.members()[0].path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match=rf"^{re.escape(str(pipe))}: cannot be copied .*is a named pipe"):
        verification.verify(study.path)


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 3])
def test_reports_are_made_and_made_again_with_the_same_threads(study, monkeypatch, cores):
    seen = []

    def noting(call):
        return lambda *arguments: seen.append(torch.get_num_threads()) or call(*arguments)

    for module, name in ((verification, "make_records"), (making, "compare_systems")):
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    with torch_threads(cores):
        verification.verify(study.path)
    assert seen == [LOOKING] * 5  # two controls and two systems, then the tests


def test_a_consistent_forgery_is_found_though_no_table_shows_it(study):
    rewrite(study, 1e-6)
    problems = verification.verify(study.path).problems
    assert any("m00-s0/records.csv" in problem for problem in problems)


def test_a_figure_of_a_paired_test_moved_by_more_than_rounding_is_found(study):
    file, _ = study.report.table_files(COMPARISONS)
    table = pd.read_csv(file)
    table.loc[0, "value"] *= 1 + 1e-6
    table.to_csv(file, index=False, float_format="%.17g", lineterminator="\n")
    study.write_checksums()
    assert any(file.name in problem for problem in verification.verify(study.path).problems)


def test_a_shown_figure_moved_in_its_last_digit_is_found_in_tables_and_on_the_page(study):
    files = [study.report.table_files(COMPARISONS)[1], study.report.page]
    for file in files:
        text = file.read_text(encoding="utf-8")
        row = next(line for line in text.splitlines() if line.lstrip("| ").startswith("Method 00") and "[" in line)
        place = max(k for k in range(row.index("[")) if row[k].isdigit())
        changed = row[:place] + str((int(row[place]) + 1) % 10) + row[place + 1 :]
        file.write_text(text.replace(row, changed, 1), encoding="utf-8")
    study.write_checksums()
    problems = verification.verify(study.path).problems
    assert [file.name for file in files if not any(file.name in problem for problem in problems)] == []


def test_tests_without_a_table_that_can_be_read_stay_as_they_were_made(study, tmp_path):
    tests = pd.DataFrame({name: ["x"] for name in ("target", "measured_on", "metric", "unit", "first", "second")})
    tests = tests.assign(difference=0.1, low=0.0, high=0.2, p=0.5, p_adjusted=1.0, low_adjusted=-0.1, high_adjusted=0.3)
    broken = tmp_path / "comparisons.csv"
    for text in ("", "a,b\n1,2\n", study.report.records_file.read_text(encoding="utf-8")):
        broken.write_text(text, encoding="utf-8")
        assert verification._recorded(COMPARISONS, tests, ReportFolder(tmp_path)).equals(tests)
    assert verification._recorded(COMPARISONS, tests, ReportFolder(tmp_path / "missing")).equals(tests)


def test_rounding_is_relative_and_nan_is_nan():
    nan, infinite = float("nan"), float("inf")
    same = same_but_for_rounding(
        [1.0, 250.0, nan, infinite, 1e-17, 1.0, nan, 0.5],
        [1 + 1e-12, 250 + 1e-9, nan, infinite, 0, 1.0001, 1, infinite],
    )
    assert same.tolist() == [True, True, True, True, True, False, False, False]


def described(study, **changed):
    """The study with another description."""
    study.write_description(replace(study.read_description(), **changed))
    return study.path


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"controls": ()}, "controls: there is none"),
        ({"controls": ("real", "copy", "real")}, "controls: 'real' is there twice"),
        ({"systems": (ReportedSystem("m00-s0", "m00", "Zero"),) * 2}, "systems: 'm00-s0' is there twice"),
        ({"systems": (ReportedSystem("real", "real", "Real"),)}, "systems: 'real' is one of the controls too"),
    ],
)
def test_a_description_of_no_study_is_one_line_and_status_2(study, capsys, changed, says):
    assert verify([str(described(study, **changed))]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{study.description_file}: is broken ({says}); run the study's command again" in error


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"controls": ("real", "m00-s0"), "systems": ()}, "controls: 'm00-s0' has records of m00)"),
        ({"systems": (ReportedSystem("m00-s0", "m01", "One"),)}, "systems: 'm00-s0' has records of m00, not of m01)"),
    ],
)
def test_a_description_that_calls_systems_otherwise_than_their_records_differs(study, changed, says):
    (problem,) = verification.verify(described(study, **changed)).problems
    assert problem.startswith(f"{study.description_file}: is broken ({says}")


@pytest.fixture
def trained(study):
    """The study, with one job that it planned and one whose losses it shows."""
    jobs = {name: study.runs.job(name) for name in ("planned-1", "shown-2")}
    study.write_plan(StudyPlan(1, 1, "x", {"planned-1": {}}, {"m00-s0": ["planned-1"]}, ["real", "copy"]))
    study.write_description(replace(study.read_description(), jobs={"shown-2": "Shown", "elsewhere-3": "Gone"}))
    for job in jobs.values():
        job.add_losses([{"iteration": 1, "loss": 0.5}])
        write_checkpoint(job, Checkpoint(1, None, {}, {}))
        job.mark_done({})
    make_report(study, pictures=False)
    study.write_checksums()
    return study, jobs


@pytest.mark.slow
def test_models_at_hand_are_held_against_their_hashes(trained):
    study, jobs = trained
    assert verification.verify(study.path).problems == ()
    jobs["planned-1"].checkpoint.write_bytes(b"weighty")
    jobs["shown-2"].add_losses([{"iteration": 2, "loss": 0.1}])
    weights, losses = verification.verify(study.path).problems
    assert weights == f"{jobs['planned-1'].checkpoint}: is not as it was written; {jobs['planned-1'].remedy}"
    assert losses.startswith(f"{jobs['shown-2'].path / 'stats.jsonl'}: is not as it was written; the study's command")


@pytest.mark.slow
def test_another_jobs_checkpoint_is_found_though_its_hash_came_with_it(trained):
    study, jobs = trained
    ours, theirs = (jobs[name].checkpoint for name in ("planned-1", "shown-2"))
    shutil.copyfile(theirs, ours)
    seal(ours)
    (problem,) = verification.verify(study.path).problems
    assert problem == f"{ours}: is the checkpoint of the job 'shown-2'; {jobs['planned-1'].remedy}"
    ours.write_bytes(b"weights")
    seal(ours)
    (problem,) = verification.verify(study.path).problems
    assert problem.startswith(f"{ours}: cannot be read (")


@pytest.mark.slow
def test_nothing_is_said_of_models_that_are_not_at_hand(trained):
    study, jobs = trained
    jobs["planned-1"].checkpoint.unlink()
    shutil.rmtree(jobs["shown-2"].path)
    assert verification.verify(study.path).problems == ()


@pytest.mark.slow
def test_a_report_that_is_being_written_is_not_called_another_one(study):
    lock = study.runs.study_lock(study.path.name)
    verify = verification.verify
    with locked(lock, str), pytest.raises(UserError, match=r"process \d+ on .* is at this study and may be writing it"):
        verify(study.path)
    assert verify(study.path).problems == ()


@pytest.mark.slow
def test_a_report_without_locks_is_verified_without_making_any(study):
    verification.verify(study.path)
    assert not study.runs.study_lock(study.path.name).parent.exists()


@pytest.mark.slow
def test_a_report_is_verified_by_whatever_name_it_has(study, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(study.path)
    assert verification.verify(link).problems == ()
    monkeypatch.chdir(study.path)
    assert verification.verify(Path()).problems == ()


def losses(study, job, seed=0):
    """Ten rows of losses of a job."""
    folder = study.runs.job(job)
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.add_losses([{"iteration": k, "gan": seed + 1 / k} for k in range(1, 11)])
    seal(folder.path / "stats.jsonl")


@pytest.mark.slow
def test_losses_on_the_page_are_compared_where_the_jobs_are_at_hand(tmp_path):
    study = with_gallery(tmp_path / "runs", jobs={"job": "m00 (all, seed 0)"})
    losses(study, "job")
    make_report(study, pictures=False)
    study.write_checksums()
    assert verification.verify(study.path).problems == ()
    losses(study, "job", seed=5)
    (problem,) = verification.verify(study.path).problems
    assert problem.startswith(f"{study.report.index}: ")
    shutil.rmtree(study.runs.job("job").path)
    assert verification.verify(study.path).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [("Not known", "Known"), ("iVBOR", "iVBOS")], ids=["words", "a picture"])
def test_a_page_that_was_changed_is_found_and_one_that_is_missing_is_missed(tmp_path, old, new):
    study = with_gallery(tmp_path / "runs")
    make_report(study, pictures=False)
    page = study.report.index.read_text(encoding="utf-8")
    assert old in page
    study.report.index.write_text(page.replace(old, new, 1), encoding="utf-8")
    study.write_checksums()
    (problem,) = verification.verify(study.path).problems
    assert problem.startswith(f"{study.report.index}: 1 lines differ")
    study.report.index.unlink()
    study.write_checksums()
    assert verification.verify(study.path).problems == (f"{study.report.index}: is missing",)
