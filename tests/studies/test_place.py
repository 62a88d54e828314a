"""A study's place: one process at a time, and no other study in it without a word. Nothing is trained here."""

import os
import platform
import time
from dataclasses import replace
from functools import cache

import pytest
import yaml

from sgbench.commands import evaluate
from sgbench.plan.study import open_study
from sgbench.results.description import ReportedSystem
from sgbench.results.run_folder import RunFolder
from sgbench.run import main
from sgbench.settings.reading import read_settings
from sgbench.studies.description import describe, trained_systems, write_intent
from sgbench.studies.place import taken
from sgbench.studies.provenance import data_facts
from sgbench.support.atomic import partial_name
from sgbench.support.errors import UserError
from sgbench.support.locks import locked
from sgbench.support.screen import Screen

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 60, "num_test": 20, "image_size": 32, "attributes": ["gender", "smile"]},
    "levels": [2],
    "workers": 1,
    "methods": {"sggan": SMALL | {"n_critic": 1}},
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Opens the study with some settings replaced, given as YAML, once for all tests."""

    @cache
    def opened(text):
        path = tmp_path_factory.mktemp("config") / "tiny.yaml"
        path.write_text(text)
        return open_study(read_settings(path, {}, {}), path.parent, Screen())

    return opened


@pytest.fixture
def study(tmp_path, opened):
    """The study with some settings replaced, in the runs of a test."""

    def study(**replaced):
        text = yaml.safe_dump(CONFIG | replaced)
        (tmp_path / "tiny.yaml").write_text(text)
        return replace(opened(text), runs=RunFolder(tmp_path / "runs"), screen=Screen())

    return study


def report(study, systems=None):
    """What a finished study leaves in its folder, as far as its place is concerned."""
    write_intent(study)
    study.folder.write_description(describe(study, trained_systems(study) if systems is None else systems))


def other_methods(**own):
    return {"methods": {"sggan": SMALL | {"n_critic": 1} | own}}


SAME = {
    "the same": {},
    "more methods": {"methods": CONFIG["methods"] | {"stargan": SMALL | {"n_critic": 1}}},
    "another seed": {"seeds": [0, 1]},
    "trained elsewhere": {"workers": 2, "threads": 2, "device": "cpu", "about": "another text"},
    "another reference": {"scoring": {"reference": "sggan"}},
    "levels of a method": {"levels": [4], "methods": {"sggan": CONFIG["methods"]["sggan"] | {"levels": [2]}}},
}
OTHER = {
    "iterations": (other_methods(iterations=3), "methods.sggan.iterations was 2 and is 3"),
    "images": ({"data": CONFIG["data"] | {"num_test": 21}}, "data.num_test was 20 and is 21"),
    "judges": ({"jury": {"epochs": 1}}, "jury.epochs was "),
    "faces": ({"scoring": {"figure_people": 0}}, "scoring.figure_people was 4 and is 0"),
    "a level of the experiments": (
        {"experiments": {"levels": {100: 2}}},
        "experiments.levels.100 was not given and is 2",
    ),
    "labels of one method": (
        other_methods(balanced=["smile"]),
        "methods.sggan.balanced was not given and is ['smile']",
    ),
    "another kind of setting": ({"scoring": {"embedder": "math:sqrt"}}, "scoring.embedder was None and is math:sqrt"),
}


@pytest.mark.parametrize("replaced", SAME.values(), ids=SAME)
def test_a_larger_question_takes_the_place_of_the_same_study(study, replaced):
    report(study())
    now = study(**replaced)
    assert now.folder == study().folder
    with taken(now):
        write_intent(now)
    with taken(study()):
        pass


@pytest.mark.parametrize(("replaced", "told"), OTHER.values(), ids=OTHER)
def test_another_study_does_not_unless_it_is_told_to(study, replaced, told):
    report(study())
    now = study(**replaced)
    with pytest.raises(UserError) as caught, taken(now):
        pass
    line = str(caught.value)
    assert line.startswith(f"{now.folder.path}: holds a study with other settings ({told}")
    assert line.endswith("; choose another name with --study, or give --replace to put this one in its place")
    with taken(now, replace=True):
        pass


def test_settings_that_an_earlier_version_had_not_were_as_by_default(study):
    for replaced, told in (({}, ""), ({"scoring": {"composition": 7}}, "scoring.composition was 200 and is 7)")):
        report(study(**replaced), [])
        own = study(**replaced)
        kept = own.folder.read_settings()
        for part, key in (("scoring", "composition"), ("jury", "floor"), ("data", "scored_on")):
            del kept[part][key]
        del kept["methods"]["sggan"]["weight_init"], kept["experiments"]
        kept["judge"]["gone"] = 3
        own.folder.write_settings(yaml.safe_dump(kept))
        if not told:
            with taken(own, systems=["sggan-2"]):
                continue
        with pytest.raises(UserError) as caught, taken(own):
            pass
        assert told in str(caught.value)


def test_a_report_of_other_data_is_not_replaced_without_a_line(study, capsys):
    def taken_with(**data):
        with taken(own):
            own.folder.write_runtime({"data": data_facts(own.plan.source) | data})
        return capsys.readouterr().err

    own = study()
    report(own)
    assert taken_with(**{"labels sha256": "1" * 64, "sha256": "2" * 64}) == ""  # nothing was said of earlier data
    told = f"faces: the data are not those of the report that stands in {own.folder.path} (other "
    assert f"{told}labels); it is made anew" in taken_with(sha256="2" * 64).replace("\n", " ")
    assert f"{told}images, or another way of reading them)" in taken_with().replace("\n", " ")
    assert taken_with() == ""
    own.folder.write_runtime({"data": "nothing"})
    assert taken_with() == ""


LOST = {
    "another method": {"methods": {"stargan": SMALL | {"n_critic": 1}}},
    "another seed": {"seeds": [1]},
}


@pytest.mark.parametrize("replaced", LOST.values(), ids=LOST)
def test_a_report_is_not_replaced_by_one_that_lacks_its_systems(study, replaced):
    report(study())
    now = study(**replaced)
    with pytest.raises(UserError) as caught, taken(now):
        pass
    line = str(caught.value)
    assert line.startswith(
        f"{now.folder.path}: holds a report that has sggan-2-s0 too, and this one would not; ask for "
    )
    assert line.endswith(
        "; ask for them as well, choose another name with --study, or give --replace to put this one in its place"
    )
    with taken(now, replace=True):
        pass


def test_a_smaller_report_takes_the_place_of_a_larger_one_only_when_it_is_told_to(study):
    larger = study(methods=CONFIG["methods"] | {"stargan": SMALL | {"n_critic": 1}})
    report(larger)
    with pytest.raises(UserError, match="that has stargan-2-s0 too"), taken(study()):
        pass
    with taken(larger):
        pass


def test_an_evaluation_does_not_lose_what_it_was_compared_with(study):
    own = study(methods={}, study="tiny-2", levels=[2])
    report(own, [ReportedSystem("mine-01234567-89abcdef", "mine", "Mine"), ReportedSystem("b-5-0-1", "b", "B")])
    with pytest.raises(UserError, match=r"has b-5 too.* another name with --name"), taken(own, systems=["mine"]):
        pass
    with taken(own, systems=["mine", "b-5", "c"]):
        pass


def test_of_many_differences_the_first_are_told(study):
    report(study())
    data = CONFIG["data"] | {"num_images": 61, "num_test": 21}
    with pytest.raises(UserError, match=r"\(.* and is .*, .* and is .*, .* and is .* and 2 more\); "):
        taken(study(data=data, **other_methods(iterations=3, constant_iterations=2), precision="bfloat16")).__enter__()


def test_what_has_no_report_and_no_trained_job_may_be_changed(study):
    begun, now = study(), study(**other_methods(iterations=3))
    write_intent(begun)
    with taken(now):
        pass
    job = begun.runs.job(begun.plan.jobs[0].name)
    job.prepare()
    job.mark_done({})
    with pytest.raises(UserError, match="other settings"), taken(now):
        pass


def test_an_evaluation_is_not_replaced_by_a_study(study):
    own = study()
    report(study(methods={}, study="tiny-2", levels=[2]), [ReportedSystem("mine-0123", "mine", "Mine")])
    with pytest.raises(UserError, match="tiny-2: holds an evaluation; choose another name with --study"), taken(own):
        pass


@pytest.mark.parametrize("name", ["settings.yaml", "plan.json", "study.json"])
def test_a_study_whose_files_are_broken_is_made_again(study, name):
    own = study()
    report(own)
    (own.folder.path / name).write_text("{")
    with taken(own):
        pass


def test_the_second_process_says_who_is_first(study, tmp_path, capsys):
    own = study()
    with taken(own):
        assert main(["--config", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "runs")]) == 2
    line = f"{own.folder.path}: process {os.getpid()} on {platform.node()} is at this study; wait for it to end, or "
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {line}give --wait"


def test_an_evaluation_has_one_process_too(study, tmp_path, capsys):
    config, out = str(tmp_path / "tiny.yaml"), str(tmp_path / "runs")
    with locked(study().runs.study_lock("tiny-mine"), str):
        assert evaluate.main(["math:sqrt", "--name", "mine", "--config", config, "--out", out]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {tmp_path / 'runs' / 'tiny-mine'}: process {os.getpid()} on ")


def test_waiting_is_said_and_ends_with_the_first_process(study, capsys):
    own = study()
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        with taken(own):
            os.write(send, b"x")
            time.sleep(0.3)
        os._exit(0)
    os.read(receive, 1)
    with taken(own, wait=True):
        assert os.waitpid(child, 0) == (child, 0)
    out, err = capsys.readouterr()
    assert f"{own.folder.path}: process {child} on {platform.node()} is at this study; waiting" in out + err


def test_what_a_killed_process_left_is_removed_and_the_users_files_stay(study):
    own = study()
    report = own.folder.report.path
    report.mkdir(parents=True)
    left = [partial_name(path) for path in (own.folder.path / "plan.json", report / "a.png")]
    for path in (*left, report / "mine.csv"):
        path.write_text("")
    partial_name(report).mkdir()
    with taken(own):
        assert list(own.folder.path.rglob("*")) == [report, report / "mine.csv"]


def test_another_error_frees_the_place(study):
    own = study()
    with pytest.raises(KeyError), taken(own):
        raise KeyError
    with taken(own):
        pass
