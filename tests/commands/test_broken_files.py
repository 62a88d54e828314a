"""Every file of a finished run folder, cut, emptied, changed or lost: the same records, or one line that helps."""

import os
import re
import shutil
import sys
from itertools import product

import pytest
import yaml

from sgbench.run import main

MINE = """
from sgbench.methods.sggan import SGGAN


class Mine(SGGAN):
    display_name = "Mine"
    key = "mine"
"""
SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ["gender"]},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 1, "composition": 0},
    "methods": {"mine": {"class": "mine:Mine"} | SMALL},
}
DAMAGES = {
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
    "deleted": lambda path: path.unlink(),
}
SCORED = {
    "records": "systems/mine-*/records.csv",
    "scores": "systems/mine-*/scores.npz",
    "samples": "systems/mine-*/samples.npz",
    "gallery": "systems/mine-*/gallery.npz",
    "cost": "systems/mine-*/cost.json",
    "scored by": "systems/mine-*/origin.json",
    "hash of records": "systems/mine-*/.records.csv.sha256",
    "hash of scores": "systems/mine-*/.scores.npz.sha256",
    "records of a control": "systems/real-*/records.csv",
    "scores of a control": "systems/oracle-*/scores.npz",
    "settings": "tiny-5/settings.yaml",
    "plan": "tiny-5/plan.json",
    "description": "tiny-5/study.json",
    "runtime": "tiny-5/runtime.json",
    "checksums": "tiny-5/SHA256SUMS",
    "page": "tiny-5/report/report.md",
    "page in HTML": "tiny-5/report/index.html",
    "table": "tiny-5/report/cost.csv",
}
"""Files that a finished study reads or writes again."""
NEEDED = {
    "checkpoint": "jobs/*/checkpoint.pt",
    "hash of a checkpoint": "jobs/*/.checkpoint.pt.sha256",
    "losses": "jobs/*/stats.jsonl",
    "hash of losses": "jobs/*/.stats.jsonl.sha256",
    "identity": "jobs/*/job.json",
    "done": "jobs/*/done",
    "grid of samples": "jobs/*/samples/000002.png",
    "judge": "cache/judge/*.pt",
    "hash of a judge": "cache/judge/.*.pt.sha256",
    "facts of a judge": "cache/judge/????????????????.json",
    "hash of facts": "cache/judge/.????????????????.json.sha256",
    "origin of a judge": "cache/judge/*.origin.json",
    "index of images": "cache/store/faces-32-*/index.json",
    "packed images": "cache/store/faces-32-*/shard-00000.npy",
    "backgrounds": "cache/store/faces-32-references-*/background.npy",
    "counterfactuals": "cache/store/faces-32-references-*/gender.npy",
    "hash of counterfactuals": "cache/store/faces-32-references-*/.gender.npy.sha256",
}
"""Files that are opened when a system is scored again."""
QUICK = {("checkpoint", "flipped", False), ("plan", "half", True), ("done", "empty", True)}
CASES = [
    pytest.param(name, damage, scored, marks=() if (name, damage, scored) in QUICK else pytest.mark.slow)
    for (name, damage), scored in product(product(SCORED | NEEDED, DAMAGES), (True, False))
    if scored or name in NEEDED
]


def _flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    (folder / "mine.py").write_text(MINE)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    sys.path.insert(0, str(folder))
    yield folder / "tiny.yaml"
    sys.path.remove(str(folder))
    sys.modules.pop("mine", None)


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    assert main(["--config", str(config), "--out", str(out)]) == 0
    return out


@pytest.fixture
def runs(finished, tmp_path, monkeypatch):
    """A copy of the finished run folder; pictures, which take longest, are not drawn."""
    monkeypatch.setattr("sgbench.report.making.drawings", lambda *_: [])
    return shutil.copytree(finished, tmp_path / "runs")


@pytest.fixture
def run(config, runs, capsys):
    """Runs the command on the copy; returns its status and what it said last."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["--config", str(config), "--out", str(runs), *arguments])
        err = capsys.readouterr().err
        assert "Traceback" not in err
        return status, err

    return run


def all_records(runs):
    return {path.parent.name: path.read_text() for path in runs.glob("systems/*/records.csv")}


def file_of(runs, pattern):
    return sorted(runs.glob(pattern))[0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "damage", "scored"), CASES)
def test_a_broken_file_changes_no_figure(finished, runs, run, name, damage, scored):
    path = file_of(runs, (SCORED | NEEDED)[name])
    DAMAGES[damage](path)
    if not scored:
        file_of(runs, SCORED["records"]).unlink()
    status, err = run()
    if status:
        line = err.splitlines()[-1]
        assert status == 2
        assert line.startswith("error: ")
        shown = path.name.removeprefix(".").removesuffix(".sha256")
        assert shown in line
        if "--retrain" in line:
            assert run("--retrain")[0] == 0
        else:
            place = re.search(r"delete the (?:folder|file)", line)
            assert place
            shutil.rmtree(path.parent) if "folder" in place.group() else path.unlink()
            assert run()[0] == 0
    assert all_records(runs) == all_records(finished)


@pytest.mark.slow
def test_every_file_is_among_them(finished):
    named = {path for pattern in (SCORED | NEEDED).values() for path in finished.glob(pattern)}
    kinds = {path.name for path in named} | {path.suffix for path in named if path.parent.name in ("judge", "report")}
    rest = {path for path in finished.rglob("*") if path.is_file() and path.suffix not in (".lock", ".png", ".tex")}
    rest = {path for path in rest if path.parent.name != ".images"}  # a broken one is as good as none
    left = {path.name for path in rest if path.name not in kinds and path.suffix not in kinds} - {"lock"}
    sealed = ("samples.npz", "gallery.npz", "job.json", "labels.npz", "cost.json", "origin.json", "background.npy")
    hashes = {f".{name}.sha256" for name in sealed}
    assert left <= {
        ".code.json",
        "labels.npz",
        *hashes,
    }  # what a run reads no more: code is asked about, labels exported


@pytest.mark.slow
def test_what_was_broken_is_said_in_one_line(runs, run):
    scores, judge = file_of(runs, SCORED["scores"]), file_of(runs, NEEDED["judge"])
    DAMAGES["flipped"](scores)
    DAMAGES["flipped"](judge)
    status, err = run()
    assert status == 0
    said = [line for line in err.splitlines() if "not as it was written" in line]
    assert len(said) == 2
    assert said[0].startswith(f"{scores}: is not as it was written")
    assert said[0].endswith(": scored again")
    assert said[1] == f"{judge}: is not as it was written; the judge is trained again when it is needed"
    assert run() == (0, run()[1])


@pytest.mark.slow
@pytest.mark.parametrize("option", [pytest.param("--retrain", marks=pytest.mark.slow), "--keep"])
@pytest.mark.parametrize("done", ["trained", "scored"])
def test_a_method_whose_file_changed_stops_until_the_user_says_what_is_wanted(
    config, finished, runs, run, monkeypatch, option, done
):
    place = file_of(runs, "jobs/*" if done == "trained" else "systems/mine-*")
    if done == "scored":  # jobs were deleted to free space, or not copied
        shutil.rmtree(runs / "jobs")
    edited = MINE + "\n    def edit(self, *given):\n        return -super().edit(*given)\n"
    file = config.parent / "mine.py"
    try:
        file.write_text(edited)
        sys.modules.pop("mine")
        status, err = run()
        assert status == 2
        assert err.splitlines()[-1] == (
            f"error: mine.py has changed since this was {done}: --retrain or --keep ({place})"
        )
        assert all_records(runs) == all_records(finished)
        assert run(option)[0] == 0
        same = all_records(runs) == all_records(finished)
        assert same == (option == "--keep")
        after = all_records(runs)
        assert run()[0] == 0  # nothing more is asked
        assert all_records(runs) == after
    finally:
        file.write_text(MINE)
        sys.modules.pop("mine", None)
    status, err = run()
    assert status == (0 if option == "--keep" else 2)


@pytest.mark.slow
def test_a_broken_note_of_a_systems_code_is_asked_about_and_a_lost_one_is_made_again(config, runs, run):
    shutil.rmtree(runs / "jobs")
    note = file_of(runs, "systems/mine-*/.code.json")
    kept = note.read_text()
    note.write_text(kept[:-9])
    status, err = run()
    assert status == 2
    assert err.splitlines()[-1].startswith(f"error: {note} is broken, so nobody knows whether mine.py has changed")
    note.unlink()
    assert run()[0] == 0
    assert note.read_text() == kept


@pytest.mark.slow
def test_the_two_options_exclude_each_other(run):
    assert "not allowed with argument" in run("--retrain", "--keep")[1]


@pytest.mark.slow
def test_a_run_folder_of_an_earlier_version_is_read_and_gets_hashes(finished, runs, run):
    hashes = sorted(path.relative_to(finished) for path in finished.rglob(".*.sha256"))
    for path in runs.rglob(".*.sha256"):
        path.unlink()
    assert run()[0] == 0
    assert all_records(runs) == all_records(finished)
    there = {path.relative_to(runs) for path in runs.rglob(".*.sha256")}
    assert {path for path in hashes if path.parts[0] == "systems"} <= there


@pytest.mark.slow
def test_a_checkpoint_that_is_not_of_the_last_iteration_is_not_scored(config, runs, run):
    file_of(runs, SCORED["records"]).unlink()
    file_of(runs, NEEDED["hash of a checkpoint"]).unlink()
    path = file_of(runs, NEEDED["checkpoint"])
    import torch

    torch.save(torch.load(path, weights_only=True) | {"iteration": 1}, path)
    status, err = run()
    assert status == 2
    assert f"{path}: is of iteration 1, not of the last; train it again with --retrain, or delete" in err
