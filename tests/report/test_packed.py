"""A reference that was packed: compared with at once, replaced as a whole, never put where something else lies."""

import shutil

import pytest
from many import many

from sgbench.commands.reference import main as reference
from sgbench.commands.regress import main as regress
from sgbench.commands.verify import main as verify
from sgbench.regression import packing
from sgbench.regression.tolerances import load_tolerances
from sgbench.results.records import read_records, write_records
from sgbench.results.study_folder import StudyFolder
from sgbench.support.strict import read_json


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study of two systems and two controls."""
    study = many(tmp_path_factory.mktemp("finished"), 2)
    study.write_settings("study: quick\n")
    study.write_runtime({"commit": "1a2b"})
    return study


@pytest.fixture
def study(finished, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(finished.runs.root, tmp_path / "runs")
    return StudyFolder(tmp_path / "runs" / finished.path.name)


@pytest.fixture
def packed(finished, tmp_path):
    """A reference of it."""
    to = tmp_path / "reference"
    assert reference([str(finished.path), "-o", str(to)]) == 0
    return to


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_packed_is_told_and_compares_as_equal(finished, tmp_path, capsys):
    to = tmp_path / "reference"
    assert reference([str(finished.path), "-o", str(to)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{to}: 4 systems and controls, ")
    assert "per-image scores of 4 (" in out
    assert out.endswith(f"sgbench regress {to} {finished.path}\n")
    texts = {"README.md", "reference.json", "settings.yaml", "tolerances.yaml"}
    files = {f"{member.name}/{name}" for member in finished.members() for name in ("records.csv", "scores.npz")}
    assert contents(to).keys() == texts | files
    assert regress([str(to), str(finished.path)]) == 0
    assert "compared image by image, 0 figures differ, 0 fail" in capsys.readouterr().out
    assert f"sgbench regress {to} {finished.path}" in (to / "README.md").read_text()
    assert read_json(to / "reference.json") == {"study": finished.path.name, "made": {"commit": "1a2b"}}
    assert (to / "settings.yaml").read_text() == "study: quick\n"


def test_tolerances_have_a_line_for_each_metric_that_says_what_it_means(finished, packed):
    records = [record for member in finished.members() for record in read_records(member.records_file)]
    tolerances = load_tolerances(packed)
    assert tolerances.keys() == {"default", *(record.metric for record in records)}
    assert (tolerances["jury_accuracy"].absolute, tolerances["change"].absolute) == (0.001, 0.01)
    assert "jury_accuracy: {absolute: 0.001}  # Accuracy, shown to 0.1 %\n" in (packed / "tolerances.yaml").read_text()


def test_without_scores_all_goes_by_tolerances(finished, study, tmp_path, capsys):
    to = tmp_path / "reference"
    assert reference([str(finished.path), "-o", str(to), "--no-scores"]) == 0
    assert "no scores" in capsys.readouterr().out
    assert not list(to.rglob("*.npz"))
    assert regress([str(to), str(finished.path)]) == 0
    assert "image by image" not in capsys.readouterr().out
    assert verify([str(to)]) == 2
    assert "without per-image scores" in capsys.readouterr().err


def test_records_that_are_not_what_their_scores_give_are_found(packed, capsys):
    assert verify([str(packed)]) == 0
    assert "of 4 systems made again from per-image scores: all the same" in capsys.readouterr().out
    file = packed / "m00-s0" / "records.csv"
    rows = read_records(file)
    write_records(file, [type(rows[0])(**vars(rows[0]) | {"value": 0.123}), *rows[1:]])
    assert verify([str(packed)]) == 1
    assert f"{file}: 1 lines differ" in capsys.readouterr().out


def test_another_pack_replaces_all_but_what_people_wrote(study, packed, capsys):
    (packed / "tolerances.yaml").write_text("default: {absolute: 1}\n")
    (packed / "README.md").write_text("ours\n")
    (packed / "notes").mkdir()
    (packed / "notes" / "mine.md").write_text("mine\n")
    (packed / "gone").mkdir()
    shutil.copy(packed / "copy" / "records.csv", packed / "gone" / "records.csv")
    study.write_settings("study: other\n")
    assert reference([str(study.path), "-o", str(packed), "--no-scores"]) == 0
    assert contents(packed).keys() == {
        *("README.md", "reference.json", "settings.yaml", "tolerances.yaml", "notes/mine.md"),
        *(f"{member.name}/records.csv" for member in study.members()),
    }
    assert (packed / "tolerances.yaml").read_text() == "default: {absolute: 1}\n"
    assert (packed / "README.md").read_text() == "ours\n"
    assert (packed / "settings.yaml").read_text() == "study: other\n"
    assert sorted(path.name for path in packed.parent.iterdir()) == ["reference", "runs"]


@pytest.mark.parametrize("what", ["notes", "records", "file", "study", "system"])
def test_a_place_that_is_no_reference_is_refused_and_stays(study, tmp_path, capsys, what):
    to = {"study": study.path, "system": study.members()[0].path}.get(what, tmp_path / "place")
    if what == "file":
        to.write_text("mine")
    elif what in ("notes", "records"):
        to.mkdir()
        source = study.members()[0].records_file
        (to / "notes.md").write_text("mine") if what == "notes" else shutil.copy(source, to / "records.csv")
    before = contents(tmp_path)
    assert reference([str(study.path), "-o", str(to)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{to}: is there, and no reference that was packed; choose another folder" in error
    assert contents(tmp_path) == before


def test_an_empty_folder_takes_a_reference(finished, tmp_path):
    (tmp_path / "reference").mkdir()
    assert reference([str(finished.path), "-o", str(tmp_path / "reference")]) == 0


def test_a_pack_that_fails_leaves_nothing_or_the_earlier_reference(finished, packed, monkeypatch, tmp_path, capsys):
    before = contents(packed)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "write_text", full)
    (packed / "tolerances.yaml").unlink()
    del before["tolerances.yaml"]
    for to in (packed, tmp_path / "another"):
        assert reference([str(finished.path), "-o", str(to)]) == 2
        assert f"{to}: No space left on device; an earlier reference is as it was" in capsys.readouterr().err
    assert contents(packed) == before
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]


@pytest.mark.parametrize(("lost", "says"), [("study.json", "not the folder of a study"), ("records.csv", "cannot be")])
def test_a_study_that_is_not_finished_is_one_line_and_nothing_is_made(study, tmp_path, capsys, lost, says):
    (study.path / lost if lost == "study.json" else study.members()[-1].records_file).unlink()
    assert reference([str(study.path), "-o", str(tmp_path / "reference")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert not (tmp_path / "reference").exists()


def test_an_accepted_run_is_the_one_that_the_reference_tells_of(study, packed, tmp_path, capsys):
    (packed / "tolerances.yaml").write_text("default: {absolute: 1}\n")
    other = study.path.rename(study.path.with_name("other"))
    StudyFolder(other).write_settings("study: other\n")
    StudyFolder(other).write_runtime({"commit": "5e6f"})
    page = (packed / "README.md").read_text()
    assert regress([str(packed), str(other), "--update"]) == 0
    assert "no longer" not in capsys.readouterr().out
    assert read_json(packed / "reference.json") == {"study": "other", "made": {"commit": "5e6f"}}
    assert (packed / "settings.yaml").read_text() == "study: other\n"
    assert (packed / "tolerances.yaml").read_text() == "default: {absolute: 1}\n"
    assert (packed / "README.md").read_text() == page
    again = tmp_path / "again"
    assert reference([str(other), "-o", str(again)]) == 0
    (again / "tolerances.yaml").unlink()
    (again / "reference.json").write_text('{"study": "third", "made": {}}\n')
    (again / "settings.yaml").unlink()
    assert regress([str(packed), str(again), "--update"]) == 0  # which says itself what it was packed from
    assert read_json(packed / "reference.json")["study"] == "third"
    assert not (packed / "settings.yaml").exists()


def test_of_records_from_nowhere_a_reference_tells_nothing(study, packed, tmp_path, capsys):
    plain = tmp_path / "plain"
    for member in study.members():
        shutil.copytree(member.path, plain / member.name)
    assert regress([str(packed), str(plain), "--update"]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "reference.json and settings.yaml told of the former records and no longer do" in said
    assert read_json(packed / "reference.json") == {"study": None, "made": {}}
    assert not (packed / "settings.yaml").exists()
    assert verify([str(packed)]) == 0
    assert reference([str(study.path), "-o", str(packed)]) == 0  # it still is one
