"""What a study would do, in lines and for programs: the same jobs and systems, and nothing that is done."""

import json

import pytest

from sgbench.launching.told_plans import tell_plan
from sgbench.run import main
from sgbench.support.screen import Screen


@pytest.fixture
def told(trained, capsys):
    """Tells the plan of a study with seeds 0 and 1, whose jobs of seed 1 are trained; returns what was printed."""

    def told(for_programs):
        tell_plan([trained], Screen(), for_programs)
        return capsys.readouterr().out

    return told


def test_a_program_reads_what_is_left_of_each_job_and_of_all(told, trained):
    plan = json.loads(told(for_programs=True))
    (study,), total = plan["studies"], plan["total"]
    iterations = {job.name: job.entry.settings.iterations * (job.seed == 0) for job in trained.plan.jobs}
    assert {job["name"]: job["iterations_left"] for job in study["jobs"]} == iterations
    assert all((job["seconds_left"] > 0) == (job["iterations_left"] > 0) for job in study["jobs"])
    assert (study["images"], study["attributes"]) == (
        len(trained.plan.train) + len(trained.plan.test),
        [attribute.name for attribute in trained.plan.attributes],
    )
    assert [(s["system"], s["level"], s["seed"], s["scored"]) for s in study["systems"]] == [
        (s.entry.slug, s.level, s.seed, False) for s in trained.plan.systems
    ]
    assert (total["models"], total["trained"]) == (len(iterations), sum(not left for left in iterations.values()))
    assert total["seconds"] == pytest.approx(sum(job["seconds_left"] for job in study["jobs"]) / total["workers"])


def test_lines_say_the_same(told, trained):
    head, *lines, last = told(for_programs=False).splitlines()
    assert head.startswith(f"{trained.folder.path}: faces, ")
    assert sum(" trained  " in line for line in lines) == sum(job.seed == 1 for job in trained.plan.jobs)
    assert sum(" left  " in line for line in lines) == sum(job.seed == 0 for job in trained.plan.jobs)
    assert sum("to be scored" in line for line in lines) == len(trained.plan.systems)
    assert last.startswith(f"{len(trained.plan.jobs)} models in {len(trained.plan.systems)} systems, ")


def test_an_object_is_of_a_plan_alone(capsys):
    assert main(["--json"]) == 2
    assert capsys.readouterr().err.endswith("it goes with --plan alone\n")
