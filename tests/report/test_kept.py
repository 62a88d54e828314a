"""A report whose systems are not beside it is verified as far as its records go, and the command says how far."""

import json
import shutil
from dataclasses import replace

import pytest
from many import many

from sgbench.commands.regress import main as regress
from sgbench.commands.verify import main as verify
from sgbench.report.making import make_report
from sgbench.results.records import read_records, write_records
from sgbench.results.study_folder import StudyFolder, StudyPlan


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished report over two systems."""
    study = many(tmp_path_factory.mktemp("finished"), 2, facts={"data": "faces"}, notes=("A note.",))
    make_report(study, pictures=False)
    study.write_checksums()
    return study


@pytest.fixture(params=["as written", "in one folder"])
def kept(request, finished, tmp_path):
    """The study's folder without its systems: as it was written, or with the report's files beside the description."""
    folder = tmp_path / "reports" / "quick"
    shutil.copytree(finished.path, folder)
    if request.param == "in one folder":
        for path in (folder / "report").iterdir():
            path.rename(folder / path.name)
        (folder / "report").rmdir()
    return StudyFolder(folder)


def told(kept, capsys):
    """The status, the problems and the verdict of a verification."""
    status = verify([str(kept.path)])
    *problems, verdict = capsys.readouterr().out.splitlines()
    return status, problems, verdict


def changed(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_report_without_its_systems_is_right_and_says_what_was_not_checked(kept, capsys):
    status, problems, verdict = told(kept, capsys)
    assert (status, problems) == (0, [])
    number = len(read_records(kept.kept_report().records_file))
    assert f"files made again from {number} records: all the same. Not checked, for the per-image scores" in verdict
    assert "tables made of scores (comparisons, cost, judges" in verdict


def test_for_programs_the_outcome_is_an_object(kept, capsys):
    assert verify([str(kept.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["same"], told["problems"]) == (str(kept.path), True, [])
    assert set(told) == {"run", "same", "about", "num_records", "num_files", "problems", "unchecked"}
    assert ": all the same. Not checked, " in told["about"]
    changed(kept.kept_report().page, "Method 00", "Method 0")
    assert verify([str(kept.path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False
    assert told["problems"]


def test_a_plan_of_another_protocol_is_found(kept, capsys):
    """Leaderboards put reports into one table by it."""
    (kept.path / "SHA256SUMS").unlink()
    description = kept.read_description()
    protocol = "0123456789abcdef" * 4
    kept.write_plan(StudyPlan(1, 1, protocol, {}, {}, list(description.controls)))
    kept.write_description(replace(description, provenance=description.provenance | {"protocol": protocol[:16]}))
    assert not kept.other_protocol()
    kept.write_plan(StudyPlan(1, 1, "f" + protocol[1:], {}, {}, list(description.controls)))
    status, problems, _ = told(kept, capsys)
    assert status == 1
    assert any("plan.json: protocol: is f" in problem for problem in problems)


def test_without_checksums_it_is_checked_against_its_records(kept, capsys):
    (kept.path / "SHA256SUMS").unlink()
    assert told(kept, capsys)[:2] == (0, [])


@pytest.mark.slow
def test_a_figure_that_was_changed_in_records_table_or_page_is_found(kept, capsys):
    (kept.path / "SHA256SUMS").unlink()
    report = kept.kept_report()
    table, _ = report.table_files("jury_target_accuracy")
    row = next(line for line in report.page.read_text().splitlines() if line.startswith("| Method 00"))
    for path, old, new in (
        (report.records_file, ",0.", ",0.9"),
        (table, ",0.", ",0.9"),
        (report.page, row, f"{row}\n{row}"),
    ):
        before = path.read_bytes()
        changed(path, old, new)
        status, problems, verdict = told(kept, capsys)
        assert status == 1
        assert any(str(path if path != report.records_file else table) in problem for problem in problems)
        assert f"{len(problems)} differ" in verdict
        path.write_bytes(before)
    table.unlink()
    assert told(kept, capsys)[:2] == (1, [f"{table}: is missing"])


def test_what_does_not_come_of_records_is_held_against_its_checksum(kept, capsys):
    costs, _ = kept.kept_report().table_files("cost")
    costs.write_text("none\n")
    assert told(kept, capsys)[:2] == (1, [f"{costs}: is not the file that was written"])
    costs.unlink()
    assert told(kept, capsys)[:2] == (1, [f"{costs}: is missing"])


def test_checksums_of_files_elsewhere_are_passed_over(kept, capsys):
    with (kept.path / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../../secret\n{'0' * 64}  /etc/passwd\n{'0' * 64}  report/../../secret\n")
    assert told(kept, capsys)[:2] == (0, [])


def test_records_of_other_systems_are_one_line(kept, capsys):
    path = kept.kept_report().records_file
    write_records(path, [r for r in read_records(path) if r.system != "m01-s0"])
    (kept.path / "SHA256SUMS").unlink()
    status, problems, _ = told(kept, capsys)
    assert status == 1
    (problem,) = problems
    assert problem.endswith("or of their methods; the first that differs is m01-s0")


@pytest.mark.parametrize(("name", "content"), [("records.csv", "a,b\n"), ("records.csv", None), ("study.json", "{}")])
def test_what_cannot_be_read_is_one_line_and_status_2(kept, capsys, name, content):
    report = kept.kept_report().path
    path = kept.path / name if name == "study.json" else report / name
    path.unlink() if content is None else path.write_text(content)
    assert verify([str(kept.path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_report_alone_says_what_lacks(finished, tmp_path, capsys):
    alone = shutil.copytree(finished.path / "report", tmp_path / "alone")
    assert verify([str(alone)]) == 2
    told = capsys.readouterr().err
    assert "is a report alone" in told
    assert "put plan.json, settings.yaml, study.json of the study's folder beside its files" in told


def test_a_report_in_its_study_stands_for_the_study(finished, capsys):
    assert verify([str(finished.path / "report")]) == 0
    assert "made again from per-image scores" in capsys.readouterr().out


def test_a_system_beside_it_is_no_kept_report(finished, tmp_path, capsys):
    root = tmp_path / "runs"
    shutil.copytree(finished.runs.root, root)
    study = StudyFolder(root / finished.path.name)
    assert study.kept_report() is None
    shutil.rmtree(study.members()[-1].path)
    assert verify([str(study.path)]) == 2
    assert "not a finished study with its per-image scores" in capsys.readouterr().err


def test_a_kept_report_is_compared_by_its_folder(finished, kept, tmp_path, capsys):
    assert regress([str(kept.path), str(finished.path)]) == 0
    assert regress([str(finished.path), str(kept.kept_report().path)]) == 0
    assert regress([str(kept.path.parent), str(kept.path)]) == 0
    path = kept.kept_report().records_file
    rows = read_records(path)
    write_records(path, [*rows[:-1]])
    capsys.readouterr()
    assert regress([str(finished.path), str(kept.path)]) == 1
    assert f"{len(rows)} rows against {len(rows) - 1} new: 1 figures differ" in capsys.readouterr().out
    assert regress([str(kept.path), str(finished.path), "--update"]) == 2
    assert regress([str(kept.kept_report().path), str(finished.path), "--update"]) == 2
    assert "is a study's folder or a report's; keep references in another folder" in capsys.readouterr().err
    assert regress([str(tmp_path / "reference"), str(kept.path), "--update"]) == 0
    assert [p.name for p in (tmp_path / "reference").iterdir()] == ["records.csv"]


def test_no_page_of_a_kept_report_is_written_over(kept, capsys):
    page = kept.kept_report().page
    before = page.read_bytes()
    assert regress([str(kept.path), str(kept.path), "--summary", str(page)]) == 2
    assert "would be written over a file of what is compared" in capsys.readouterr().err
    assert page.read_bytes() == before
