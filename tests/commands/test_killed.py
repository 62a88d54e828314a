"""SIGKILL anywhere: what is left is gone on with, and ends in the same bytes as if nothing had happened."""

import datetime
import random
import shutil

import killing
import pytest
import torch
import yaml

CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 50, "num_test": 12, "image_size": 32, "attributes": ["gender"]},
    "levels": [2],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 1, "composition": 0},
    "methods": {"sggan": {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}},
}
CHAINS, KILLS = 10, 5
TODAYS = datetime.date.today().toordinal() % CHAINS
TIMED = {
    "cost.json",
    "cost.csv",
    "cost.tex",
    "runtime.json",
    "SHA256SUMS",
    "checkpoint.pt",
    "report.md",
    "index.html",
    "report",
}
TIMED |= {f".{name}.sha256" for name in TIMED}
"""Files that hold times, or checksums of those that do."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def command(config, out):
    return ["--config", str(config), "--out", str(out)]


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    """A finished folder of all runs, and the numbers of operations that making it took, and making its report again."""
    out = tmp_path_factory.mktemp("undisturbed")
    status, whole = killing.run(command(config, out), out)
    assert status == 0
    shutil.copytree(out, out / "copy")
    status, again = killing.run(command(config, out / "copy"), out / "copy")
    assert status == 0
    shutil.rmtree(out / "copy")
    return out, whole, again


def contents(out):
    """What must not differ of every file below a folder: its bytes, the page without costs, the trained parameters."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.suffix != ".holder":
            found[str(path.relative_to(out))] = path.read_bytes() if path.name not in TIMED else b""
            if path.name == "report.md":
                before, _, rest = path.read_text().partition("## Cost")
                found[path.name] = before + rest.partition("\n## ")[2]
            elif path.name == "index.html":
                before, rest = path.read_text().split("<h2>Cost</h2>")
                found[path.name] = before + rest.partition("</section>")[2]
            elif path.name == "checkpoint.pt":
                method = torch.load(path, weights_only=True)["method"]
                found[path.name] = {name: value.tolist() for name, value in method.items()}
    return found


@pytest.mark.parametrize(
    "chain", [pytest.param(c, marks=() if c == TODAYS else pytest.mark.slow) for c in range(CHAINS)]
)
def test_killed_at_any_operation_the_same_command_ends_in_the_same_bytes(undisturbed, config, tmp_path, chain):
    finished, whole, again = undisturbed
    points = sorted(random.Random(chain).sample(range(1, whole), KILLS))
    done, numbers = False, []
    for before, point in zip([0, *points], points, strict=False):
        number = point % again + 1 if done else point - before
        status, reached = killing.run(command(config, tmp_path), tmp_path, number)
        done |= status == 0
        numbers.append(reached)
        assert status in (0, -9), numbers
    assert killing.run(command(config, tmp_path), tmp_path)[0] == 0, numbers
    ours, theirs = contents(tmp_path), contents(finished)
    assert ours.keys() == theirs.keys(), numbers
    assert [name for name in ours if ours[name] != theirs[name]] == [], numbers
