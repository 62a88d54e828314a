"""Names of folders that stand in files of a run folder: each is one component of a path, or the file is refused."""

import json
from dataclasses import asdict, replace
from math import nan

import pytest

from sgbench.commands.regress import main as regress
from sgbench.commands.verify import main as verify
from sgbench.results.checksums import CHECKSUMS, check_files, write_checksums
from sgbench.results.description import Description, ReportedSystem, ShownFaces
from sgbench.results.records import Record, read_records, write_records
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder, StudyPlan
from sgbench.support.errors import BrokenFile, UserError

NAMES = ["../../elsewhere", "a/b", "/tmp/x", "..", "", ".hidden", "a\\b", "a\x1b", "half \ud83d"]
SYSTEM = ReportedSystem("sggan-500", "sggan", "SG-GAN")
DESCRIPTION = Description(
    "quick", {"smile": "Smile"}, ("real-x",), (SYSTEM,), {"job-1": "job"}, (("a", "b"),), 0.3, "IS", "", {}, (),
    ShownFaces(("a",), 1, (("b",),)), 10, 1,
)  # fmt: skip
PLAN = StudyPlan(1, 1, "abc", {"job-1": {}}, {"sggan-500": ["job-1"]}, ["real-x"])
ROW = Record("sggan-500", "sggan", "", "500", 0, "faces", 32, "smile", "all", "smile", "accuracy", "argmax", 0.5, nan,
             nan, 9, "share", "measured")  # fmt: skip


def changed(plain, *place, name):
    """A copy of a JSON value with another name in one place; the name of a key if the place ends in ``keys``."""
    plain = json.loads(json.dumps(plain))
    *path, last = place
    at = plain
    for step in path:
        at = at[step]
    if last == "keys":
        (value,) = at.values()
        at.clear()
        at[name] = value
    else:
        at[last] = name
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *((place, name) for place in (("controls", 0), ("systems", 0, "folder")) for name in [*NAMES, 3, None]),
        *((("jobs", "keys"), name) for name in NAMES),
    ],
)
def test_a_description_with_another_kind_of_name_is_refused(tmp_path, place, name):
    (tmp_path / "study.json").write_text(changed(asdict(DESCRIPTION), *place, name=name), encoding="utf-8")
    with pytest.raises(BrokenFile, match=r"study.json: is broken"):
        StudyFolder(tmp_path).read_description()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", [("controls", 0), ("systems", "keys"), ("systems", "sggan-500", 0), ("jobs", "keys")])
def test_so_is_a_plan(tmp_path, name, place):
    (tmp_path / "plan.json").write_text(changed(asdict(PLAN), *place, name=name), encoding="utf-8")
    with pytest.raises(BrokenFile, match=r"plan.json: is broken"):
        StudyFolder(tmp_path).read_plan()


def test_what_was_written_is_read(tmp_path):
    study = StudyFolder(tmp_path)
    study.write_plan(PLAN)
    for description in (DESCRIPTION, replace(DESCRIPTION, items=("table1",), paper_levels={"50": "500"})):
        study.write_description(description)
        assert (study.read_plan(), study.read_description()) == (PLAN, description)


@pytest.mark.parametrize(
    "command", [verify, lambda a: regress([*a, "ref"]), lambda a: regress(["ref", *a, "--update"])]
)
def test_commands_say_so_in_one_line_and_write_nothing(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "runs" / "quick"
    StudyFolder(study).write_description(replace(DESCRIPTION, systems=(replace(SYSTEM, folder="../../away"),)))
    write_records(tmp_path / "away" / "records.csv", [ROW])
    before = sorted(tmp_path.rglob("*"))
    assert command([str(study)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "study.json" in error
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../x", "a/b", "a\x1b", ""])
def test_records_of_a_system_with_another_kind_of_name_are_refused(tmp_path, name):
    write_records(tmp_path / "records.csv", [replace(ROW, system=name)])
    with pytest.raises(BrokenFile, match=r"records.csv: not a table of records"):
        read_records(tmp_path / "records.csv")


@pytest.mark.parametrize("records", [[], [replace(ROW, system="other")], [ROW, replace(ROW, system="other")]])
def test_records_in_another_systems_folder_are_refused(tmp_path, records):
    system = RunFolder(tmp_path).system(ROW.system)
    system.write_records(records)
    with pytest.raises(BrokenFile, match=r"records.csv: has records of (other|no system), not of sggan-500 alone"):
        system.read_records()


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+60", "-1", "@x", "'=x", 'a,b"c', "NA", "60+"])
def test_no_text_of_records_is_a_formula_and_all_are_read_back(tmp_path, text):
    row = replace(ROW, direction=text, note=text, value=-0.25)
    write_records(tmp_path / "records.csv", [row])
    assert repr(read_records(tmp_path / "records.csv")) == repr([row])
    written = (tmp_path / "records.csv").read_text()
    assert ",-0.25," in written
    assert not any(f"{sep}{sign}{rest}" in written for sep in ',"' for sign in "=+@" for rest in ("cmd", "6", "x"))


@pytest.fixture
def summed(tmp_path):
    """A study and a system beside it with their checksums."""
    study, system = tmp_path / "runs" / "quick", tmp_path / "runs" / "systems" / "a"
    for path in (study / "report" / "page", system / "records", tmp_path / "runs" / "systems" / "b" / "secret"):
        path.parent.mkdir(parents=True)
        path.write_text(path.name)
    write_checksums(study, [system])
    assert list(check_files(study, [system])) == []
    return study, system


@pytest.mark.parametrize(
    "name",
    ["../../secret", "/etc/passwd", "../systems/b/secret", "../systems/a/../b/secret", "report/../../x", "", "."],
)
def test_checksums_of_files_elsewhere_are_not_followed(summed, name):
    study, system = summed
    with (study / CHECKSUMS).open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    assert list(check_files(study, [system])) == [
        (study / CHECKSUMS, f"names {name!r}, which is no file of this report")
    ]


@pytest.mark.parametrize("name", ["jobs", "systems", "cache", "Jobs", "SYSTEMS", "cAche"])
def test_a_study_cannot_be_called_like_a_folder_of_every_run_in_any_case(tmp_path, name):
    with pytest.raises(UserError, match="is the name of a folder of every run"):
        RunFolder(tmp_path).study(name)


WRONG = {
    "no controls": ("controls", [], "controls: there is none"),
    "controls as a text": ("controls", "", "controls: Input should be a valid "),
    "controls as an object": ("controls", {}, "controls: Input should be a valid "),
    "a control twice": ("controls", ["real-x", "real-x"], "controls: 'real-x' is there twice"),
    "a system that is a control": ("controls", ["real-x", "sggan-500"], "systems: 'sggan-500' is one of the controls"),
    "a system twice": ("systems", [asdict(SYSTEM)] * 2, "systems: 'sggan-500' is there twice"),
    "a system with more": ("systems", [asdict(SYSTEM) | {"x": 1}], "systems.0.x: Unexpected keyword argument"),
    "no attributes": ("attributes", {}, "attributes: there is none"),
    "a number as a title": ("title", 3, "title: Input should be a valid string"),
    "a text as a number": ("num_resamples", "10", "num_resamples: Input should be a valid integer"),
    "no resamples": ("num_resamples", -1, "num_resamples: Input should be greater than or equal to 1"),
    "a huge number": ("num_seeds", 10**30, "num_seeds: Input should be less than or equal to 2147483647"),
    "true as a number": ("num_seeds", True, "num_seeds: Input should be a valid integer"),
    "not finite": ("correlated_above", float("inf"), "correlated_above: Input should be a finite number"),
    "a pair of one": ("correlated", [["a"]], "correlated.0.1: Field required"),
    "an unknown reference": ("reference", "none", "reference: 'none' is none of the systems"),
    "two levels for one": ("paper_levels", {"50": "500", "60": "500"}, "paper_levels: '500' is there twice"),
    "too few values": ("shown", {"headings": ["a"], "num_single": 1, "asked": [[]]}, "shown.asked: a person has not 1"),
    "an unknown key": ("more", 3, "more: Unexpected keyword argument"),
}


@pytest.mark.parametrize(("key", "value", "says"), WRONG.values(), ids=WRONG)
def test_a_description_says_which_key_is_wrong(tmp_path, key, value, says):
    (tmp_path / "study.json").write_text(json.dumps(asdict(DESCRIPTION) | {key: value}))
    with pytest.raises(BrokenFile) as caught:
        StudyFolder(tmp_path).read_description()
    assert str(caught.value).startswith(f"{tmp_path / 'study.json'}: is broken ({says}")
    assert str(caught.value).endswith("; run the study's command again")


OPTIONAL = {"manifests", "provenance", "reference", "items", "paper_levels", "gallery", "jobs_without_losses"}


@pytest.mark.parametrize("key", sorted(set(asdict(DESCRIPTION)) - OPTIONAL))
def test_a_description_without_a_key_says_so(tmp_path, key):
    (tmp_path / "study.json").write_text(json.dumps({k: v for k, v in asdict(DESCRIPTION).items() if k != key}))
    with pytest.raises(BrokenFile, match=rf"study.json: is broken \({key}: Field required\)"):
        StudyFolder(tmp_path).read_description()


WRONG_PLAN = {
    "no controls": ("controls", [], "controls: there is none"),
    "a control twice": ("controls", ["real-x", "real-x"], "controls: 'real-x' is there twice"),
    "a system that is a control": ("controls", ["sggan-500"], "systems: 'sggan-500' is one of the controls"),
    "a job twice": ("systems", {"sggan-500": ["job-1"] * 2}, "systems.sggan-500: 'job-1' is there twice"),
    "an unknown job": ("systems", {"sggan-500": ["job-2"]}, "systems.sggan-500: 'job-2' is none of the jobs"),
    "a text of jobs": ("systems", {"sggan-500": "job-1"}, "systems.sggan-500: Input should be a valid "),
    "a list of jobs": ("jobs", ["job-1"], "jobs: Input should be "),
    "a number as a protocol": ("protocol", 3, "protocol: Input should be a valid string"),
    "fewer than no images": ("test", -1, "test: Input should be greater than or equal to 0"),
    "an unknown key": ("more", 3, "more: Unexpected keyword argument"),
}


@pytest.mark.parametrize(("key", "value", "says"), WRONG_PLAN.values(), ids=WRONG_PLAN)
def test_a_plan_says_which_key_is_wrong(tmp_path, key, value, says):
    (tmp_path / "plan.json").write_text(json.dumps(asdict(PLAN) | {key: value}))
    with pytest.raises(BrokenFile) as caught:
        StudyFolder(tmp_path).read_plan()
    assert str(caught.value).startswith(f"{tmp_path / 'plan.json'}: is broken ({says}")
