"""Figures of one report are of the same judges and the same images, or it is said and mended."""

import shutil

import pytest
import torch
import yaml

from sgbench.commands.verify import main as verify
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.judges import cache
from sgbench.judges.training import train_judge
from sgbench.results.run_folder import RunFolder
from sgbench.run import main
from sgbench.support.environment import decoders
from sgbench.support.errors import UserError

SMALL = {"iterations": 2, "constant_iterations": 1, "batch_size": 2, "base_width": 2}
CONFIG = {
    "study": "tiny",
    "data": {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ["gender"]},
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 10, "figure_people": 0, "composition": 0},
    "methods": {"sggan": SMALL | {"n_critic": 1}, "residualgan": SMALL},
}


def run(tmp_path, methods):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    return main(["--config", str(config), "--methods", methods, "--out", str(tmp_path / "runs"), "--unscored"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study of one method."""
    root = tmp_path_factory.mktemp("finished")
    assert run(root, "sggan") == 0
    return root


@pytest.fixture
def place(finished, tmp_path):
    """A copy of it, to go on with."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    return tmp_path


def scored_with(place):
    folders = [folder for folder in RunFolder(place / "runs").systems() if folder.is_scored()]
    return {folder.name: folder.scored_with() for folder in folders}


def other_judges(monkeypatch):
    """Judges are trained as on another machine: with other digits."""

    def trained(*given, **named):
        judge = train_judge(*given, **named)
        with torch.no_grad():
            next(judge.parameters()).mul_(1 + 1e-6)
        return judge

    monkeypatch.setattr(cache, "train_judge", trained)


@pytest.mark.slow
def test_what_other_judges_scored_is_scored_again_when_judges_are_trained_anew(place, monkeypatch, capsys):
    before = scored_with(place)
    shutil.rmtree(place / "runs/cache/judge")
    other_judges(monkeypatch)
    assert run(place, "sggan,residualgan") == 0
    told = capsys.readouterr().err
    assert told.count("was scored with other judges or test images: scored again") == len(before)
    after = scored_with(place)
    assert len(after) == len(before) + 1
    assert len({str(found) for found in after.values()}) == 1
    assert set(map(str, before.values())).isdisjoint(map(str, after.values()))
    assert verify([str(place / "runs/tiny-5")]) == 0


@pytest.mark.slow
def test_judges_that_were_exchanged_score_everything_again(place, monkeypatch, capsys):
    """As when folders of two machines are put together: the judges that are kept are not those of the systems."""
    other = place / "other"
    other.mkdir()
    with monkeypatch.context() as patched:
        other_judges(patched)
        assert run(other, "sggan") == 0
    shutil.rmtree(place / "runs/cache/judge")
    shutil.copytree(other / "runs/cache/judge", place / "runs/cache/judge")
    capsys.readouterr()
    assert run(place, "sggan") == 0
    assert "was scored with other judges or test images: scored again" in capsys.readouterr().err
    assert scored_with(place) == scored_with(other)


@pytest.mark.slow
def test_a_system_of_other_judges_in_a_report_is_found_by_verification(place, monkeypatch, capsys):
    other = place / "other"
    other.mkdir()
    other_judges(monkeypatch)
    assert run(other, "sggan") == 0
    (name,) = [name for name in scored_with(other) if name.startswith("sggan")]
    shutil.rmtree(place / "runs/systems" / name)
    shutil.copytree(other / "runs/systems" / name, place / "runs/systems" / name)
    capsys.readouterr()
    assert verify([str(place / "runs/tiny-5")]) == 1
    assert "was scored with other judges than" in capsys.readouterr().out


def test_other_images_under_one_fingerprint_are_refused_without_the_cache(tmp_path):
    runs = RunFolder(tmp_path)
    runs.prepare()
    assert runs.check_images("a" * 64, "2-one", "Pillow 1") == ""
    assert runs.check_images("b" * 64, "2-other", "Pillow 1") == ""
    assert runs.check_images("a" * 64, "2-one", "Pillow 1") == ""
    with pytest.raises(UserError, match="is of other images, although their names, sizes and a sample are the same"):
        runs.check_images("a" * 64, "2-other", "Pillow 1")
    assert runs.check_images("a" * 64, "2-one", "Pillow 2") == ""  # the same pixels
    told = runs.check_images("a" * 64, "2-other", "Pillow 2")
    assert told.startswith("images are decoded by Pillow 2 now, before by Pillow 1: their pixels differ")
    assert runs.check_images("a" * 64, "3-other", "Pillow 2") == ""  # of another format, nothing can be said
    with pytest.raises(UserError, match="other images"):
        runs.check_images("a" * 64, "3-one", "Pillow 2")


@pytest.mark.slow
def test_a_run_on_files_keeps_what_its_images_are_outside_the_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(EmbeddedFaces, "drawn", False)  # as if they were photographs
    assert run(tmp_path, "residualgan") == 0
    (kept,) = (tmp_path / "runs/.images").iterdir()
    shutil.rmtree(tmp_path / "runs/cache")
    kept.write_text(f"2-{'0' * 64} by {decoders()}\n")
    assert run(tmp_path, "sggan,residualgan") == 2
    assert "is of other images" in capsys.readouterr().err
