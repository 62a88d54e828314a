"""How far studies and models are, from files alone: whole, broken, held by a process; nothing is written."""

import json
import shutil
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
import torch

from sgbench.commands.door import main
from sgbench.results.checkpoints import Checkpoint, write_checkpoint
from sgbench.results.records import read_records, write_records
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder
from sgbench.studies.watching import look
from sgbench.studies.watching_lines import lines_of
from sgbench.support.locks import locked

COMMITTED = Path(__file__).parents[2] / "reports" / "quick-500"


@pytest.fixture
def runs(tmp_path):
    """A run folder with a study that has a report, and no job."""
    study = tmp_path / "runs" / "quick-500"
    (study / "report").mkdir(parents=True)
    for name in ("plan.json", "study.json"):
        shutil.copy(COMMITTED / name, study)
    for name in ("records.csv", "report.md"):
        shutil.copy(COMMITTED / name, study / "report")
    return RunFolder(tmp_path / "runs")


def begun(runs, name="sggan-smile-500-s0-12345678", iterations=30, seconds=60.0):
    """A job of 40 iterations with a checkpoint."""
    folder = runs.job(name)
    folder.prepare()
    folder.write_identity({"settings": {"iterations": 40}}, {}, "sgbench.methods.sggan:SGGAN", "faces", {}, {})
    write_checkpoint(folder, Checkpoint(iterations, seconds, {"weight": torch.zeros(1)}, {}))
    folder.sample(10).parent.mkdir(exist_ok=True)
    for done in (10, 20):
        folder.sample(done).write_bytes(b"picture")
    return folder


def files(runs):
    return {path: path.stat().st_mtime_ns for path in runs.root.rglob("*")}


def test_a_study_is_told_with_its_report_and_results(runs):
    before = files(runs)
    found = look(runs)
    assert files(runs) == before
    (study,) = found.studies
    assert (study.name, study.state, study.process) == ("quick-500", "interrupted", "")
    assert study.jobs[1] == study.systems[1] == 0 < study.systems[0]
    assert study.report == str(runs.root / "quick-500" / "report" / "report.md")
    assert {title.partition(" (")[0] for title in study.accuracy} == {"SG-GAN", "StarGAN", "ResidualGAN"}
    assert all(0.5 < value <= 1 for value in study.accuracy.values())
    assert study.problem == ""


def test_a_mean_over_some_of_the_attributes_says_so(runs):
    def of(record):
        return record.metric == "jury_accuracy" and record.direction == "all" and record.method == "sggan"

    file = StudyFolder(runs.study("quick-500")).report.records_file
    records = read_records(file)
    write_records(file, [replace(r, value=nan) if of(r) and r.target == "smile" else r for r in records])
    own = [r.value for r in records if of(r) and r.target == r.measured_on != "smile"]
    (study,) = look(runs).studies
    assert study.accuracy["SG-GAN (500), 3 of 4 attributes"] == pytest.approx(sum(own) / len(own), abs=1e-12)
    assert "StarGAN (500)" in study.accuracy


def test_a_model_is_running_interrupted_or_done(runs):
    folder = begun(runs)
    before = files(runs)
    (job,) = look(runs).jobs
    assert files(runs) == before
    assert (job.state, job.process, job.iterations, job.planned) == ("interrupted", "", 30, 40)
    assert job.seconds_left == pytest.approx(20)
    assert (job.samples, job.sample) == (2, str(folder.sample(20)))
    assert job.bytes >= folder.checkpoint.stat().st_size
    with locked(folder.lock, folder.busy):
        (job,) = look(runs).jobs
        assert job.state == "running"
        assert job.process.startswith("process ")
    folder.mark_done({})
    (job,) = look(runs).jobs
    assert (job.state, job.seconds_left) == ("done", None)


def test_a_study_that_a_process_is_at_is_running(runs):
    with locked(runs.study_lock("quick-500"), str) as tell:
        tell("stage 2/5: train judges")
        found = look(runs)
    (study,) = found.studies
    assert study.state == "running"
    assert study.process.startswith("process ")
    assert " (stage 2/5: train judges) is at it; " in list(lines_of(found))[1]


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe", b"[]"])
def test_what_cannot_be_read_is_a_line_and_the_rest_is_told(runs, broken):
    folder = begun(runs)
    begun(runs, "stargan-smile-500-s0-12345678")
    (runs.root / "quick-500" / "plan.json").write_bytes(broken)
    (runs.root / "quick-500" / "report" / "records.csv").write_bytes(broken)
    folder.checkpoint.write_bytes(broken)
    folder.identity_file.write_bytes(broken)
    found = look(runs)
    assert [study.state for study in found.studies] == ["broken"]
    assert [job.state for job in found.jobs] == ["broken", "interrupted"]
    lines = list(lines_of(found))
    assert len(lines) == 1 + 1 + 1 + 2 + 1
    assert not any("\n" in line for line in lines)
    assert "plan.json: is broken" in lines[1]
    assert "records.csv" in lines[1]
    assert "checkpoint.pt: cannot be read" in lines[3]


def test_other_folders_and_files_are_no_studies(runs):
    (runs.root / "notes").mkdir()
    (runs.root / "jobs").mkdir()
    (runs.root / "jobs" / "a file").write_text("")
    found = look(runs)
    assert [study.name for study in found.studies] == ["quick-500"]
    assert found.jobs == ()


def test_lines_for_people_and_an_object_for_programs(runs, capsys):
    begun(runs)
    assert main(["status", str(runs.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "studies: 1"
    assert lines[1].startswith("  interrupted  quick-500: 0 of ")
    assert " %; " in lines[1]
    assert "30 of 40 iterations, about 20 s left; " in lines[3]
    assert "2 grids of samples, the last " in lines[3]
    assert lines[-1].startswith("disk: jobs ")
    assert main(["status", str(runs.root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"][0]["iterations"] == 30
    assert told["studies"][0]["name"] == "quick-500"


def test_a_folder_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["status", str(tmp_path / "none")]) == 2
    assert "none: no such folder; name the one that --out" in capsys.readouterr().err
