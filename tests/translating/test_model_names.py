"""Models by the names that users give them, and what is said of wrong ones."""

import pytest
from trained import refusal

from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import UserError
from sgbench.translating.naming import find_model


def names_of(model):
    return [job.path.name for job in model.jobs]


def jobs_of(study, method, seed):
    return [job.name for s in study.plan.systems if (s.entry.name, s.seed) == (method, seed) for job in s.jobs]


@pytest.mark.parametrize("method", ["sggan", "stargan", "residualgan", "semistargan", "attgan", "stgan"])
def test_a_study_and_a_method_are_all_jobs_of_one_system(trained, method):
    model = find_model(f"tiny-5:{method}@5/1", trained.runs)
    assert names_of(model) == jobs_of(trained, method, 1)
    assert model.name == f"tiny-5:{method}@5/1"


def test_a_study_is_named_by_a_path_and_a_job_by_its_folder(trained, tmp_path, monkeypatch):
    nowhere = RunFolder(tmp_path)
    assert names_of(find_model(f"{trained.folder.path}:sggan@5/0", nowhere)) == jobs_of(trained, "sggan", 0)
    (first, _) = jobs_of(trained, "residualgan", 1)
    model = find_model(str(trained.runs.job(first).path), nowhere)
    assert names_of(model) == [model.name] == [first]
    monkeypatch.chdir(trained.runs.job(first).path)
    assert find_model(".", nowhere).name == first


WRONG = {
    "tiny-5:sggan": "is several models; say which by level and seed: sggan@5/0, sggan@5/1",
    "tiny-5:sggan@5": "is several models; say which",
    "tiny-5:sggan@5/2": "is none of its models; say which by level and seed: sggan@5/0, sggan@5/1",
    "tiny-5:sggn": "has no method 'sggn'; did you mean sggan? the methods there are sggan, stargan, residualgan,",
    "tiny-6:sggan": "tiny-6: no study there; did you mean tiny-5? the studies there are tiny-5",
    "tiny-5:": "no model there; give STUDY:METHOD",
    "nothing": "no model there; give STUDY:METHOD",
    "jobs:sggan": "'jobs' is the name of a folder of every run",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_name_says_which_there_are(trained, name):
    assert WRONG[name] in refusal(lambda: find_model(name, trained.runs))


def test_a_study_without_a_method_is_told_apart(trained):
    message = refusal(lambda: find_model(str(trained.folder.path), trained.runs))
    assert "is a study; name the method too, such as" in message
    assert message.endswith("tiny-5:sggan")


def test_a_broken_plan_is_refused_in_a_line(trained, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "plan.json").write_text("{}")
    with pytest.raises(UserError, match=r"plan\.json: is broken"):
        find_model("broken:sggan", RunFolder(tmp_path))
