"""Parts that one page joins, of other settings, versions or definitions."""

import pytest
import yaml

from sgbench.report.unlike_parts import unlike
from sgbench.results.run_folder import RunFolder
from sgbench.results.study_folder import StudyFolder, StudyPlan

SETTINGS = {
    "study": "paper-main",
    "levels": [5],
    "precision": "float32",
    "judge": {"epochs": 1, "floor": None},
    "jury": {"architectures": ["a", "b"]},
    "scoring": {"num_resamples": 10, "people": []},
    "data": {"class": "faces", "num_images": 60, "attributes": ["gender"]},
    "methods": {"sggan": {"levels": [5], "balanced": [], "iterations": 2}},
}
JOB = {"method": "sggan", "version": 2, "loop": 1}
RUNTIME = {"sgbench": "0.1.0", "protocol": {"version": 6}, "packages": {"torch": "2.11", "rich": "13"}}


@pytest.fixture
def part(tmp_path):
    def make(name, train=44, test=16, job=None, runtime=None, **settings):
        study = StudyFolder(RunFolder(tmp_path).study(name))
        study.write_plan(StudyPlan(train, test, "p", {"j": JOB | (job or {})}, {"s": ["j"]}, ["real"]))
        study.write_settings(yaml.safe_dump(SETTINGS | {"study": name} | settings))
        study.write_runtime(RUNTIME | (runtime or {}))
        return study

    return make


def test_parts_that_differ_as_parts_do_are_alike(part):
    other = part(
        "figure5",
        levels=[7],
        seeds=[1],
        data=SETTINGS["data"] | {"attributes": ["pale"]},
        methods={"sggan": {"levels": ["all"], "balanced": ["pale"], "iterations": 2}, "stargan": {"iterations": 9}},
        scoring={"num_resamples": 10, "people": ["a"]},
        runtime={"packages": {"torch": "2.11", "rich": "14"}},
    )
    assert unlike([part("main"), other]) == ""
    assert unlike([other]) == unlike([]) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"precision": "bfloat16"}, "precision is float32 in main, bfloat16 in figure5"),
        ({"data": SETTINGS["data"] | {"num_images": 400}}, "data.num_images is 60 in main, 400 in figure5"),
        ({"methods": {"sggan": {"iterations": 4}}}, "methods.sggan.iterations is 2 in main, 4 in figure5"),
        ({"judge": {"epochs": 1, "floor": 0.5}}, "judge.floor is – in main, 0.5 in figure5"),
        ({"jury": {"architectures": ["a"]}}, "jury.architectures is a b in main, a in figure5"),
        ({"scoring": {"num_resamples": 20}}, "scoring.num_resamples is 10 in main, 20 in figure5"),
        ({"test": 200}, "number of test images is 16 in main, 200 in figure5"),
        ({"train": 2000}, "number of training images is 44 in main, 2,000 in figure5"),
        ({"job": {"version": 3}}, "version of sggan is 2 in main, 3 in figure5"),
        ({"job": {"loop": 2}}, "version of the loop is 1 in main, 2 in figure5"),
        ({"runtime": {"protocol": {"version": 7}}}, "version of the protocol is 6 in main, 7 in figure5"),
        ({"runtime": {"packages": {"torch": "2.12"}}}, "version of torch is 2.11 in main, 2.12 in figure5"),
    ],
)
def test_what_parts_do_not_share_is_named(part, change, told):
    sentence = unlike([part("main"), part("third"), part("figure5", **change)])
    told = told.replace("in main", "in main and third")
    assert (
        sentence == f"These parts were not made alike, so figures of one are not to be held against another's: {told}."
    )


def test_a_metric_that_is_defined_otherwise_is_named(part):
    main, other, third = part("main"), part("figure5"), part("third")
    head = (
        "system,method,variant,level,seed,dataset,image_size,target,direction,measured_on,metric,definition,value,low,"
    )
    head += "high,num_images,unit,origin,note,variance_images,variance_judges,freedom\n"
    for study, definitions in ((main, ("one", "two")), (other, ("two", "three")), (third, ("three",))):
        study.report.path.mkdir()
        rows = [
            f"s,sggan,,5,0,faces,32,gender,all,image,change,{d},1,1,1,16,levels,measured,,,,\n" for d in definitions
        ]
        study.report.records_file.write_text(head + "".join(rows))
    assert unlike([main, other]) == ""
    assert unlike([main, third]).endswith("another's: change is defined otherwise.")
