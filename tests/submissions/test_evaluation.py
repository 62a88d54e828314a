"""Translations made elsewhere, scored by the whole command: every way the same scores, missing ones counted."""

import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import ExifTags, Image
from safetensors.torch import save_file

from sgbench import run
from sgbench.commands.evaluate import main
from sgbench.commands.verify import main as verify
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.metrics.catalogue import METRICS
from sgbench.results.scores import read_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.results.system_folder import SystemFolder
from sgbench.submissions.evaluation import STAGES, evaluate, open_evaluation
from sgbench.support.errors import UserError
from sgbench.support.global_state import foreign

ATTRIBUTES = ["gender", "hair_color"]
DATA = {"class": "faces", "num_images": 120, "num_test": 40, "image_size": 32, "attributes": ATTRIBUTES}
SMALL = {"iterations": 1, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}
CONFIG = {
    "data": DATA,
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "figure_people": 1, "composition": 0},
    "methods": {"sggan": SMALL},
}
OWN = ["metric", "target", "direction", "measured_on", "definition", "value", "low", "high", "num_images", "note"]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


@pytest.mark.parametrize(("given", "used"), [(None, "cpu"), ("auto", "auto")])
def test_the_configs_device_holds_unless_another_is_given(given, used, tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text(yaml.safe_dump(CONFIG | {"device": "cpu"}))
    study = open_evaluation(str(own), "any", None, None, None, given, tmp_path / "runs")
    assert study.settings.device == used


@pytest.fixture(scope="module")
def out(config, tmp_path_factory):
    """The folder of all runs with a trained study in it."""
    out = tmp_path_factory.mktemp("runs")
    assert run.main(["--config", str(config), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def asked(config, out, tmp_path_factory):
    """A folder with what is asked for, each result the source darkened by a value's own amount."""
    folder = tmp_path_factory.mktemp("elsewhere")
    assert main(["--config", str(config), "--out", str(out), "--write-requests", str(folder)]) == 0
    table = pd.read_csv(folder / "requests.csv")
    for row in table.to_dict("records"):
        with Image.open(folder / row["image"]) as image:
            pixels = np.asarray(image).astype(np.int16)
        path = folder / row["result"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dimmed(pixels, row["groups"])).save(path)
    (folder / "requests.csv").rename(folder / "results.csv")
    return folder


def dimmed(pixels, groups):
    """The source, darker by 9 levels for each letter of the groups asked for."""
    return (pixels - 9 * len(groups)).clip(0, 255).astype(np.uint8)


def darker(images, labels, groups):
    """The same as a model: float images in, float results out."""
    names = {(0, 0): "gender=female", (0, 1): "gender=male", (1, 0): "hair_color=black", (1, 1): "hair_color=blond"}
    text = "+".join(names[tuple(group)] for group in groups)
    levels = ((images + 1) * 127.5).round() - 9 * len(text)
    return levels.clamp(0, 255) / 127.5 - 1


def pixels_and_places(folder):
    table = pd.read_csv(folder / "results.csv")
    return table, np.stack([np.asarray(Image.open(folder / result)) for result in table["result"]])


def as_zip(folder, target):
    path = target / "results.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def as_npz(folder, target):
    table, pixels = pixels_and_places(folder)
    path = target / "results.npz"
    np.savez(path, results=pixels, sources=table["source"].to_numpy(str), groups=table["groups"].to_numpy(str))
    return path


def as_safetensors(folder, target):
    table, pixels = pixels_and_places(folder)
    path = target / "results.safetensors"
    lists = {name: json.dumps(table[name].tolist()) for name in ("sources", "groups") if name in table}
    lists["sources"] = json.dumps(table["source"].tolist())
    save_file({"results": torch.from_numpy(pixels)}, path, metadata=lists)
    return path


def as_folder(folder, target):
    return folder


def as_function(folder, target):
    return darker


WAYS = [as_folder, as_zip, as_npz, as_safetensors, as_function]


@pytest.mark.slow
def test_every_way_gives_the_same_records(config, out, asked, tmp_path):
    frames = []
    for number, way in enumerate(WAYS):
        done = evaluate(way(asked, tmp_path), name=f"way {number}", config=str(config), out=out)
        frames.append(done.records[done.records["method"] == f"way-{number}"][OWN].reset_index(drop=True))
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0], check_exact=True)
    whole = frames[0].set_index(["metric", "target", "direction", "measured_on"])
    assert whole.loc[("left_out", "gender", "all", "image"), "value"] == 0
    change = whole.loc[("change", "gender", "all", "image"), "value"]
    assert 0 < change <= 9 * len("gender=female")


@pytest.mark.slow
def test_a_copy_scores_as_the_control_copy(config, out):
    done = evaluate(lambda images, labels, groups: images, name="nothing", config=str(config), out=out)
    frame = done.records
    own, control = (frame[frame["method"] == name][OWN].reset_index(drop=True) for name in ("nothing", "copy"))
    pd.testing.assert_frame_equal(own, control, check_exact=True)


@pytest.mark.slow
def test_a_models_results_are_edited_again_and_those_in_files_cannot_be(config, out, asked):
    """A model that changes nothing scores as the control; of files the records say why there is nothing."""
    again = {"config": str(config), "out": out, "scoring": {"composition": 7}}
    of_chains = [name for name, spec in METRICS.items() if spec.table == "chains"]
    frames = {}
    for name, given in (("nothing twice", lambda images, labels, groups: images), ("files", asked)):
        done = evaluate(given, name=name, **again)
        frames |= dict(list(done.records[done.records["metric"].isin(of_chains)].groupby("method")))
    model, files, control = (frames[name][OWN].reset_index(drop=True) for name in ("nothing-twice", "files", "copy"))
    pd.testing.assert_frame_equal(model, control, check_exact=True)
    place = ["metric", "target", "direction", "measured_on"]
    assert files[place].equals(control[place])
    assert set(files["note"]) == {"not scored: results that are kept as files cannot be edited again"}
    changes = control[control["metric"].str.endswith("_change")]
    assert (changes[["value", "num_images"]] == [0, 7]).all(axis=None)
    assert "oracle" not in frames
    assert "### Composition and reversibility" in done.report.read_text()


@pytest.mark.slow
def test_results_that_were_compressed_with_loss_are_told(config, out, asked, tmp_path):
    folder = tmp_path / "jpegs"
    shutil.copytree(asked, folder)
    table = pd.read_csv(folder / "results.csv")
    for name in table["result"].iloc[:2]:
        with Image.open(folder / name) as image:
            image.save(folder / name, "JPEG", quality=75)
    lossy = f"2 of {len(table)} results are JPEGs"
    with pytest.warns(UserWarning, match=f"jpegs: {lossy}, which changes pixels: .*; save results as PNG"):
        done = evaluate(folder, name="lossy", config=str(config), out=out)
    assert f"lossy is of pictures that were compressed with loss ({lossy})" in done.report.read_text()
    (system,) = set(done.records.loc[done.records["method"] == "lossy", "system"])
    made = json.loads((done.report.parent.parent / "runtime.json").read_text())
    assert made["systems"][system]["lossy"] == lossy
    assert verify([str(done.report.parent.parent)]) == 0


@pytest.mark.slow
def test_results_that_viewers_turn_are_told(config, out, asked, tmp_path):
    folder, exif = tmp_path / "turned", Image.Exif()
    shutil.copytree(asked, folder)
    exif[ExifTags.Base.Orientation] = 6
    table = pd.read_csv(folder / "results.csv")
    for name in table["result"].iloc[:2]:
        with Image.open(folder / name) as image:
            image.save(folder / name, exif=exif)
    told = f"2 of {len(table)} results have an orientation tag"
    with pytest.warns(UserWarning, match=f"turned: {told}: scored are the pixels as they are stored"):
        done = evaluate(folder, name="turned", config=str(config), out=out)
    assert f"turned is of pictures that viewers show otherwise ({told})" in done.report.read_text()


HOSTILE = """
import numpy
import torch

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
numpy.seterr(all="raise")

def translate(images, labels, groups):
    torch.set_default_device("meta")
    torch.manual_seed(images.shape[0])
    return images
"""


@pytest.mark.slow
def test_no_figure_depends_on_what_code_or_caller_have_set(config, out, tmp_path, monkeypatch):
    (tmp_path / "sets_much.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    done = evaluate("sets_much:translate", name="hostile", config=str(config), out=out)
    assert torch.get_default_dtype() == torch.float32
    with foreign("caller"):
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        again = evaluate(lambda images, labels, groups: images, name="calm", config=str(config), out=out)
        assert torch.get_default_device().type == "meta"
    for frame, name in ((done.records, "hostile"), (again.records, "calm")):
        own, control = (frame[frame["method"] == method][OWN].reset_index(drop=True) for method in (name, "copy"))
        pd.testing.assert_frame_equal(own, control, check_exact=True)


@pytest.mark.slow
def test_results_that_are_no_faces_are_said_beside_their_row(config, out):
    done = evaluate(lambda images, labels, groups: images * 0 - 1, name="dark", config=str(config), out=out)
    page = done.report.read_text()
    assert "- dark (Gender: every result is of one colour; Hair color: every result is of one colour)" in page
    assert any(line.startswith("| dark ") and "<sup>1</sup>" in line for line in page.splitlines())
    assert "<sup>1</sup> every result is of one colour" in page
    assert verify([str(done.report.parents[1])]) == 0


@pytest.mark.slow
def test_missing_results_are_left_out_and_counted(config, out, asked, tmp_path):
    folder = tmp_path / "partial"
    shutil.copytree(asked, folder)
    table = pd.read_csv(folder / "results.csv")
    to_male = table.index[table["groups"] == "gender=male"]
    table.drop(to_male[:3]).to_csv(folder / "results.csv", index=False)
    with pytest.warns(UserWarning, match=r"3 pictures are in no row of results\.csv"):
        done = evaluate(folder, name="partial", config=str(config), out=out)
    own = done.records[done.records["method"] == "partial"].set_index(["metric", "target", "direction", "measured_on"])
    assert own.loc[("left_out", "gender", "all", "image"), "value"] == 3
    assert own.loc[("left_out", "hair_color", "all", "image"), "value"] == 0
    assert own.loc[("accuracy", "gender", "male", "gender"), "num_images"] == len(to_male) - 3
    assert own.loc[("change", "gender", "all", "image"), "num_images"] == 40 - 3
    page = done.report.read_text()
    counted = next(line for line in page.splitlines() if line.startswith("| partial ") and " / " in line)
    assert "40 / 37 / " in counted
    (genders,) = (own for own in gallery_of(out, "partial") if own.target == 0)
    index = pd.read_csv(folder / "results.csv").set_index(["source", "groups"])["result"]
    names = np.load(next(out.glob("systems/partial-*")) / "scores.npz")["ids"]
    given = set(zip(genders.positions.tolist(), genders.values.tolist(), strict=True))
    protocol = next(out.glob("systems/partial-*")).name[-9:]
    (copies,) = (own for own in gallery_of(out, "copy", protocol) if own.target == 0)
    asked_for = set(zip(copies.positions.tolist(), copies.values.tolist(), strict=True))
    assert len(asked_for) == 24
    assert {names[position] for position, _ in asked_for - given} <= set(table["source"][to_male[:3]])
    for position, value, picture in zip(genders.positions, genders.values, genders.images, strict=True):
        result = index[names[position], f"gender={('female', 'male')[value]}"]
        assert np.array_equal(picture, np.asarray(Image.open(folder / result)))


def gallery_of(out, name, protocol=""):
    """The results that the page shows of a system, under one of several protocols where it is named."""
    (folder,) = out.glob(f"systems/{name}-*{protocol}")
    return SystemFolder(folder).read_gallery()


@pytest.mark.slow
def test_where_nobody_may_be_shown_no_result_is_kept_or_shown(config, out, asked):
    done = evaluate(asked, name="unseen", config=str(config), out=out, scoring={"figure_people": 0})
    assert gallery_of(out, "unseen") == ()
    page = done.report.with_name("index.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert "the settings of this study show nobody" in page


@pytest.mark.slow
def test_a_model_of_one_attribute_is_scored_on_what_it_does(config, out, asked, tmp_path):
    folder = tmp_path / "one"
    shutil.copytree(asked, folder)
    table = pd.read_csv(folder / "results.csv")
    table[table["groups"] == "hair_color=blond"].to_csv(folder / "results.csv", index=False)
    with pytest.warns(UserWarning, match=r"pictures are in no row of results\.csv"):
        done = evaluate(folder, name="blonder", config=str(config), out=out)
    own = done.records[(done.records["method"] == "blonder") & (done.records["metric"] == "accuracy")]
    own = own.set_index(["target", "direction", "measured_on"])
    assert own.loc[("gender", "all", "gender"), "num_images"] == 0
    assert own.loc[("gender", "all", "gender"), "note"] == "not scored: no image applies"
    assert own.loc[("hair_color", "blond", "hair_color"), "num_images"] == (table["groups"] == "hair_color=blond").sum()
    page = done.report.read_text()
    assert "blonder did not give" in page
    assert verify([str(done.report.parent.parent)]) == 0


@pytest.mark.slow
def test_other_weights_of_the_same_function_are_scored_anew(config, out):
    strength = [1.0]

    def model(images, labels, groups):  # after it was tried with the first images
        own = torch.full((len(images), 1, 1, 1), strength[0])
        own[: 4 if len(images) <= 4 else 0] = 1.0
        return images * own

    first = evaluate(model, name="retrained", config=str(config), out=out).records
    strength[0] = 0.5
    second = evaluate(model, name="retrained", config=str(config), out=out).records
    change = [f[(f["method"] == "retrained") & (f["metric"] == "change")]["value"] for f in (first, second)]
    assert (change[0] == 0).all()
    assert (change[1] > 0).all()


@pytest.mark.slow
def test_an_evaluation_does_not_take_a_trained_studys_place(config, out, capsys):
    before = (out / "small-5" / "report" / "report.md").read_bytes()
    for own in (["--name", "5"], ["--name", "5", "--level", ""]):
        assert main(["tests_of_evaluation:darker", *own, "--config", str(config), "--out", str(out)]) == 2
        assert "small-5: is a study that was trained" in capsys.readouterr().err
    assert (out / "small-5" / "report" / "report.md").read_bytes() == before


@pytest.mark.slow
def test_a_method_at_two_levels_stands_in_one_report(config, out, asked, capsys):
    about = {"name": "Both", "config": str(config), "out": out}
    low = evaluate(asked, level=5, **about)
    high = evaluate(darker, level="all", compare=low.report.parent.parent, **about)
    assert low.report != high.report
    assert high.records.query("method == 'both'")["level"].unique().tolist() == ["all", "5"]
    page = high.report.read_text()
    assert "| Both (5) " in page
    assert "| Both " in page
    with pytest.raises(UserError, match="'Both' is also a method of what it is compared with"):
        evaluate(darker, level="5", compare=[low.report.parent.parent], **about)
    for name in ("Both (5)", "both (ALL)"):
        with pytest.raises(UserError, match="of what it is compared with, or reads like one; choose another"):
            evaluate(darker, compare=[low.report.parent.parent], **about | {"name": name})
    with pytest.raises(UserError, match="'real Images' is what a report calls a control; choose another"):
        evaluate(darker, **about | {"name": "real Images"})


@pytest.mark.slow
def test_seeds_of_a_model_are_told_apart_and_one_without_is_compared_with_all(config, out, asked):
    about = {"name": "Seeded", "config": str(config), "out": out}
    first = evaluate(asked, seed=0, **about)
    assert json.loads((first.report.parent.parent / "runtime.json").read_text())["seeds"] == [0]
    second = evaluate(darker, seed=7, compare=first.report.parent.parent, **about)
    own = second.records.query("method == 'seeded' and metric == 'accuracy' and direction == 'all'")
    assert sorted(own["seed"].unique()) == [0, 7]
    assert "Mean over 2 seeds" in second.report.read_text()
    assert not (second.report.parent / "comparisons.csv").exists()
    with pytest.raises(UserError, match="'Seeded' is also a method"):
        evaluate(darker, seed=0, compare=first.report.parent.parent, **about)
    other = evaluate(darker, name="Once", compare=second.report.parent.parent, config=str(config), out=out)
    pairs = pd.read_csv(other.report.parent / "comparisons.csv")
    assert set(pairs["first"] + " vs " + pairs["second"]) == {"Once vs Seeded, seed 7", "Once vs Seeded, seed 0"}
    assert json.loads((other.report.parent.parent / "runtime.json").read_text())["seeds"] == [0, 7]
    assert verify([str(other.report.parent.parent)]) == 0
    with pytest.raises(UserError, match="seed: -1 must be a whole number"):
        evaluate(darker, seed=-1, **about)


@pytest.mark.slow
def test_what_cannot_be_scored_leaves_the_earlier_report_as_it_was(config, out, asked, tmp_path, capsys):
    study = evaluate(asked, name="kept", config=str(config), out=out).report.parent.parent
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    folder = tmp_path / "torn"
    shutil.copytree(asked, folder)
    picture = sorted(folder.glob("results/*/*.png"))[-1]
    picture.write_bytes(picture.read_bytes()[:-40])
    arguments = ["--config", str(config), "--out", str(out), "--jury", "3", "--replace"]
    for name in ("kept", "never there"):
        assert main([str(folder), "--name", name, *arguments]) == 2
        assert "cannot be decoded" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before
    assert not (out / "small-never-there").exists()


@pytest.mark.slow
def test_results_that_nothing_asks_for_are_told(config, out, asked, tmp_path, recwarn):
    folder = tmp_path / "more"
    shutil.copytree(asked, folder)
    table = pd.read_csv(folder / "results.csv")
    own = table[table["groups"] == "gender=male"].head(2).assign(groups="gender=female")
    for number, (index, name) in enumerate(own["result"].items()):
        shutil.copy(folder / name, folder / f"{number}.png")
        own.loc[index, "result"] = f"{number}.png"
    pd.concat([table, own]).to_csv(folder / "results.csv", index=False)
    evaluate(folder, name="more", config=str(config), out=out)
    assert any("more: 2 results are not used" in str(warning.message) for warning in recwarn)


@pytest.mark.slow
def test_an_evaluation_can_be_compared_with_again_and_no_system_stands_twice(config, out, asked):
    study = out / "small-5"
    first = evaluate(asked, name="first", config=str(config), out=out, compare=[study]).report.parent.parent
    done = evaluate(darker, name="second", config=str(config), out=out, compare=[study, first])
    assert done.records.drop_duplicates("system")["method"].value_counts().eq(1).all()
    assert {"first", "second", "sggan"} <= set(done.records["method"])


@pytest.mark.slow
def test_a_study_without_its_cache_still_reports(config, out, tmp_path):
    copy = tmp_path / "runs"
    shutil.copytree(out, copy)
    shutil.rmtree(copy / "cache")
    assert run.main(["--config", str(config), "--out", str(copy)]) == 0
    assert "no longer kept" in (copy / "small-5" / "report" / "report.md").read_text()


@pytest.mark.slow
def test_earlier_systems_stand_beside_and_the_report_can_be_verified(config, out, capsys):
    arguments = ["tests_of_evaluation:darker", "--config", str(config), "--out", str(out)]
    done = evaluate(darker, name="Dark", level="5", config=str(config), out=out, compare=[out / "small-5"])
    page = done.report.read_text()
    assert "Dark (5) vs SG-GAN (5)" in page
    assert {"dark", "sggan", "copy", "oracle", "real"} == set(done.records["method"])
    trained = pd.read_csv(out / "small-5" / "report" / "records.csv", keep_default_na=False)
    beside = pd.read_csv(done.report.parent / "records.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(
        beside[beside["method"] == "sggan"].reset_index(drop=True),
        trained[trained["method"] == "sggan"].reset_index(drop=True),
    )
    assert verify([str(done.report.parent.parent)]) == 0
    assert verify([str(out / "small-5")]) == 0
    assert "all the same" in capsys.readouterr().out
    assert main([*arguments, "--name", "x"]) == 2
    assert "tests_of_evaluation" in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_scored_is_not_scored_again(config, out, asked, monkeypatch):
    first = evaluate(asked, name="again", config=str(config), out=out)
    before = {path.name: path.read_bytes() for path in first.report.parent.iterdir()}
    monkeypatch.setattr("sgbench.scoring.systems.score", None)
    second = evaluate(asked, name="again", config=str(config), out=out)
    assert {path.name: path.read_bytes() for path in second.report.parent.iterdir()} == before


@pytest.mark.slow
def test_other_pixels_are_scored_anew(config, out, asked, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(asked, folder)
    first = evaluate(folder, name="mine", config=str(config), out=out).records
    (row,) = pd.read_csv(folder / "results.csv").head(1).to_dict("records")
    Image.fromarray(np.full((32, 32, 3), 255, np.uint8)).save(folder / row["result"])
    second = evaluate(folder, name="mine", config=str(config), out=out).records
    change = [f[(f["method"] == "mine") & (f["metric"] == "change")]["value"].tolist() for f in (first, second)]
    assert change[0][0] < change[1][0]
    assert change[0][1:] == change[1][1:]


@pytest.mark.slow
def test_another_protocol_is_not_put_beside(config, out, capsys):
    arguments = ["--config", str(config), "--out", str(out), "--num-test", "30", "--compare", str(out / "small-5")]
    assert main(["nowhere.npz", "--name", "x", *arguments]) == 2
    assert "was scored by another protocol" in capsys.readouterr().err


REFUSED = {
    "nothing": ([], "nothing to evaluate: give RESULTS, or --write-requests DIR"),
    "no name": (["x.npz"], "--name is missing"),
    "a control's name": (["x.npz", "--name", "Copy"], "'Copy' cannot name a method"),
    "no such file": (["x.npz", "--name", "x"], "x.npz: no such file or folder"),
    "no such study": (["x.npz", "--name", "x", "--compare", "nowhere"], "nowhere: no finished study there"),
    "a level in words": (["x.npz", "--name", "x", "--level", "5k"], "level: '5k' must be a number of labels"),
    "a shown name": (["x.npz", "--name", "sg-gan", "--compare", "small-5"], "no finished study there"),
    "no weights": (["x.npz", "--name", "x", "--inception", "no.pth"], "no.pth: cannot read Inception weights"),
    "a jury of one": (["x.npz", "--name", "x", "--jury", "1"], "command line: jury.size: "),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_in_one_line(config, out, capsys, arguments, message):
    assert main([*arguments, "--config", str(config), "--out", str(out)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line


OTHERS = ["report.md", "index.html", "table2_accuracy.csv", "comparisons.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["records.csv", *OTHERS])
def test_a_changed_figure_is_found(out, config, asked, capsys, name):
    done = evaluate(asked, name="honest", config=str(config), out=out, compare=[out / "small-5"])
    path = done.report.parent / name
    before = path.read_text()
    digit = max(i for i, c in enumerate(before) if c.isdigit() and c != "9")
    if name == "comparisons.csv":  # whose last digits are rounding
        digit = [found.start(1) for found in re.finditer(r"\d\.([0-8])", before)][-1]
    path.write_text(before[:digit] + "9" + before[digit + 1 :])
    assert verify([str(done.report.parent.parent)]) == 1
    assert f"{path}: 1 lines differ" in capsys.readouterr().out
    path.write_text(before)
    assert verify([str(done.report.parent.parent)]) == 0


def damaged(path, how):
    """Change a file; undone by the function returned."""
    before = path.read_bytes()
    how(path)
    return lambda: path.write_bytes(before)


def replaced(old, new):
    return lambda path: path.write_text(path.read_text().replace(old, new))


DAMAGE = {
    "a fact of the page": (
        "study.json",
        lambda p: p.write_text(p.read_text().replace("80 training", "980 training")),
    ),
    "a picture lost": ("report/matrix.png", lambda p: p.unlink()),
    "another picture": ("report/matrix.png", lambda p: p.write_bytes(b"picture")),
    "the device": ("runtime.json", replaced("CPU", "GPU")),
    "the protocol": ("plan.json", replaced('"protocol": "', '"protocol": "0')),
    "a letter of the page": ("report/report.md", lambda p: p.write_bytes(b"\xff" + p.read_bytes())),
    "the costs": ("../systems/{system}/cost.json", lambda p: p.write_text("{}")),
    "a shown result": ("../systems/{system}/gallery.npz", lambda p: p.write_bytes(overwritten(p.read_bytes()))),
    "the scores' bytes": ("../systems/{system}/scores.npz", lambda p: p.write_bytes(overwritten(p.read_bytes()))),
}


def overwritten(content):
    middle = len(content) // 2
    return content[:middle] + b"\0" * 100 + content[middle + 100 :]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how"), DAMAGE.values(), ids=DAMAGE)
def test_whatever_was_changed_is_found(out, config, asked, capsys, name, how):
    done = evaluate(asked, name="whole", config=str(config), out=out)
    study = done.report.parent.parent
    (system,) = (path.name for path in (out / "systems").iterdir() if path.name.startswith("whole-"))
    undo = damaged(study / name.format(system=system), how)
    try:
        assert verify([str(study)]) in (1, 2)
        captured = capsys.readouterr()
        assert name.format(system=system).rpartition("/")[2] in captured.out + captured.err
    finally:
        undo()
    assert verify([str(study)]) == 0


@pytest.mark.slow
def test_a_file_that_nobody_wrote_is_found_and_sha256sum_agrees(out, config, asked, capsys):
    study = evaluate(asked, name="extra", config=str(config), out=out).report.parent.parent
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=study, check=True)
    (study / "report" / "table9.csv").write_text("made,up\n")
    assert verify([str(study)]) == 1
    assert "table9.csv: is no part of the report" in capsys.readouterr().out
    (study / "report" / "table9.csv").unlink()
    (system,) = (path for path in (out / "systems").iterdir() if path.name.startswith("extra-"))
    (system / "more.csv").write_text("made,up\n")
    assert verify([str(study)]) == 1
    assert "more.csv: is no part of the report" in capsys.readouterr().out
    (system / "more.csv").unlink()
    assert verify([str(study)]) == 0


@pytest.mark.slow
def test_scores_that_cannot_be_are_told(out, config, asked, capsys):
    study = evaluate(asked, name="broken", config=str(config), out=out).report.parent.parent
    (path,) = (path / "scores.npz" for path in (out / "systems").iterdir() if path.name.startswith("broken-"))
    with np.load(path) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    name = next(name for name in changed if "/posterior/" in name)
    np.savez(path, **(changed | {name: np.full_like(changed[name], np.nan)}))
    assert verify([str(study)]) == 1
    assert "scores.npz: no records can be made of it: " in capsys.readouterr().out
    np.savez(path, **(changed | {name: changed[name][:-1]}))
    assert verify([str(study)]) == 2
    assert f"scores.npz: not a file of scores: {name} is float64" in capsys.readouterr().err


@pytest.mark.slow
def test_lost_or_foreign_scores_are_found(out, config, asked, capsys):
    done = evaluate(asked, name="lost", config=str(config), out=out)
    (system,) = (path for path in (out / "systems").iterdir() if path.name.startswith("lost-"))
    (done.report.parent / "table2_accuracy.csv").unlink()
    assert verify([str(done.report.parent.parent)]) == 1
    assert "table2_accuracy.csv: is missing" in capsys.readouterr().out
    other = next(path for path in (out / "systems").iterdir() if path.name.startswith("sggan-"))
    shutil.copy(other / "scores.npz", system / "scores.npz")
    assert verify([str(done.report.parent.parent)]) == 1
    assert "holds the scores of sggan" in capsys.readouterr().out
    (system / "scores.npz").unlink()
    assert verify([str(done.report.parent.parent)]) == 2
    line = capsys.readouterr().err
    assert "scores.npz" in line
    assert "give a folder such as runs/quick-500" in line


@pytest.mark.slow
def test_a_larger_jury_is_asked_for_and_its_judges_are_named(config, out, asked):
    done = evaluate(asked, name="much judged", config=str(config), out=out, jury={"size": 3})
    own = done.records[(done.records["method"] == "much-judged") & (done.records["direction"] == "all")]
    both = own[own["metric"].isin(["accuracy", "jury_accuracy", "jury_agreement"])]
    assert both.groupby(["target", "measured_on"])["metric"].nunique().eq(3).all()
    by_jury = both[both["metric"] == "jury_accuracy"]
    assert by_jury["definition"].str.contains("compact_vgg, seed 3").all()
    page = done.report.read_text()
    assert "compact_vgg, seed 3" in page
    judges = pd.read_csv(done.report.parent / "judges.csv")
    assert judges["Judge"].nunique() == 4
    scores = read_scores(out / "systems" / by_jury["system"].iloc[0] / "scores.npz")
    assert [len(target.posteriors) for target in scores.targets] == [4] * len(scores.targets)


@pytest.mark.slow
def test_a_jurys_accuracy_is_the_mean_of_its_judges_verdicts(config, out, asked):
    records = evaluate(asked, name="by hand", config=str(config), out=out).records
    own = records[(records["method"] == "by-hand") & (records["metric"] == "jury_accuracy")]
    scores = read_scores(out / "systems" / own["system"].iloc[0] / "scores.npz")
    for target, request in zip(scores.targets, scores.requests, strict=True):
        for j, attribute in enumerate(scores.attributes):
            expected = request.values if j == request.target else scores.labels[request.positions, j]
            known = expected >= 0
            verdicts = [(heads[j].argmax(1) == expected)[known].double().mean() for heads in target.posteriors[1:]]
            place = (own["target"] == scores.attributes[request.target].name) & (own["measured_on"] == attribute.name)
            (row,) = own[place & (own["direction"] == "all")].to_dict("records")
            assert row["value"] == pytest.approx(float(sum(verdicts) / len(verdicts)), abs=1e-12)
            assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.slow
def test_the_embedded_faces_asked_for_are_the_test_faces(asked):
    table = pd.read_csv(asked / "results.csv")
    (name, source) = table.loc[0, ["image", "source"]]
    faces = EmbeddedFaces(EmbeddedFaces.Settings(**{k: v for k, v in DATA.items() if k != "class"}))
    drawn = faces.read(faces.ids.index(source)).transpose(1, 2, 0)
    assert np.array_equal(np.asarray(Image.open(asked / name)), drawn)


@pytest.mark.slow
def test_an_evaluation_has_stages_of_its_own(config, out, asked, capsys):
    name = "staged"
    assert main([str(asked), "--name", name, "--config", str(config), "--out", str(out)]) == 0
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stage ")]
    stages = [f"stage {k}/4: {stage}" for k, stage in enumerate(STAGES, 1)]
    assert shown == stages
    (study,) = (path for path in out.iterdir() if path.name.endswith(name))
    assert set(json.loads((study / "runtime.json").read_text())["seconds"]) == set(STAGES)
    assert main([str(asked), "--name", name, "--config", str(config), "--out", str(out)]) == 0
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stage ")]
    assert shown == [stages[0], stages[3]]


@pytest.mark.slow
@pytest.mark.parametrize("mended", ["two at once", "the value that is there"])
def test_a_function_that_changed_where_it_is_edited_again_or_shown_is_scored_anew(config, out, mended):
    """Its single results are the same; what is known of it must be all that is scored or shown."""
    asked = {"config": str(config), "out": out, "scoring": {"composition": 2}}

    def other(images, labels, groups):
        if mended == "two at once":
            return images if len(groups) == 2 else darker(images, labels, groups)
        ((attribute, value),) = groups[:1]
        there = (labels[:, attribute] == value)[:, None, None, None]
        return torch.where(there & (len(groups) == 1), images, darker(images, labels, groups))

    first = evaluate(darker, name=f"before {mended}", **asked)
    second = evaluate(other, name=f"before {mended}", replace=True, **asked)
    systems = [set(done.records.query("origin == 'measured'")["system"]) for done in (first, second)]
    assert systems[0].isdisjoint(systems[1])
    changes = [done.records.query("metric == 'composition_change' and method != 'copy'") for done in (first, second)]
    assert len(changes[0])
    assert (changes[0]["value"] > 0).all()
    assert (changes[1]["value"] == 0).all() == (mended == "the value that is there")


@pytest.mark.slow
def test_levels_of_what_is_compared_with_stand_for_the_papers(config, out, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(out, runs)
    for name, papers in (("one", {"5": "500"}), ("two", {"5": "5000"}), ("three", {})):
        shutil.copytree(runs / "small-5", runs / name)
        study = StudyFolder(runs / name)
        study.write_description(replace(study.read_description(), paper_levels=papers))
    asked = {"name": "dark", "level": "5", "config": str(config), "out": runs}
    done = evaluate(darker, compare=[runs / "one"], **asked)
    assert StudyFolder(done.report.parents[1]).read_description().paper_levels == {"5": "500"}
    with pytest.raises(UserError, match=r"its level 5 stands for the paper's 5000, that of .*one for 500"):
        evaluate(darker, compare=[runs / "one", runs / "two"], replace=True, **asked)
    with pytest.raises(UserError, match=r"its level 5 stands for the paper's 5, that of .*one for 500"):
        evaluate(darker, compare=[runs / "one", runs / "three"], replace=True, **asked)
