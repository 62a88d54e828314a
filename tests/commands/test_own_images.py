"""Own images through the whole command: three values, unknown labels, a split of their own; packed ahead."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from sgbench.commands.pack import main as pack
from sgbench.run import main

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "study": "own",
    "data": {"class": "faces", "num_images": 200, "image_size": 32, "attributes": ["gender"]},
    "levels": [4],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "figure_people": 1, "composition": 0},
    "methods": {
        "sggan": SMALL | {"n_critic": 1},
        "stargan": SMALL | {"n_critic": 1},
        "residualgan": SMALL,
    },
}
NUM = 90


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """An AFHQ-like set: three species of which some are none, smiles of which some are unknown, in two folders."""
    root = tmp_path_factory.mktemp("animals")
    rng = np.random.default_rng(3)
    rows = ["image,species,smile,split"]
    for i in range(NUM):
        species = ["cat", "dog", "wild", "none"][i % 4]
        smile = ["1", "0", ""][i % 3]
        path = root / ("b" if i % 2 else "a") / f"{i:03d}.{'png' if i % 5 else 'jpg'}"
        path.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        coarse.resize((70, 64), Image.Resampling.BICUBIC).save(path)
        rows.append(f"{path.relative_to(root)},{species},{smile},{'test' if i >= 60 else 'train'}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "own.yaml").write_text(yaml.safe_dump(CONFIG))
    return root


@pytest.mark.slow
def test_own_images_are_trained_on_scored_and_reported(animals, tmp_path):
    arguments = ["--config", animals / "own.yaml", "--data", animals / "labels.csv", "--out", tmp_path]
    more = ["--attributes", "species,smile", "--methods", "sggan,stargan"]
    assert main([*map(str, arguments), *more]) == 0
    (study,) = tmp_path.glob("own-animals*-4")  # named after the data, which are others than the config's
    frame = pd.read_csv(study / "report" / "records.csv", keep_default_na=False)
    assert set(frame["dataset"]) == {"folder"}
    own = frame[(frame["method"] == "stargan") & (frame["metric"] == "accuracy")]
    own = own.set_index(["target", "direction", "measured_on"])
    tested = [i for i in range(NUM) if i >= 60]
    with_species = [i for i in tested if i % 4 != 3]
    assert own.loc[("species", "all", "species"), "num_images"] == 2 * len(with_species)
    smiling = [i for i in tested if i % 3 == 0]
    assert own.loc[("smile", "no", "smile"), "num_images"] == len(smiling)
    known = [i for i in with_species if i % 3 != 2]
    assert own.loc[("species", "all", "smile"), "num_images"] == 2 * len(known)
    page = (study / "report" / "report.md").read_text()
    guessed = len(with_species) - len(known)
    asked = len(with_species) + sum(i % 3 != 2 for i in tested)
    assert f"for {guessed} of {asked} source images of a target one was unknown" in page
    plan = json.loads((study / "plan.json").read_text())
    assert (plan["train"], plan["test"]) == (60, 30)


@pytest.mark.slow
@pytest.mark.parametrize(("attributes", "size", "number"), [(8, 32, 40), (2, 256, 16)])
def test_many_attributes_and_large_images_are_trained_on_scored_and_reported(tmp_path, attributes, size, number):
    rng = np.random.default_rng(0)
    names = [f"a{j}" for j in range(attributes)]
    rows = [f"image,{','.join(names)},split"]
    for i in range(number):
        values = [i >> j & 1 if j < 3 else int(rng.integers(2)) for j in range(attributes)]
        noise = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        noise.resize((size, size), Image.Resampling.BICUBIC).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{','.join(map(str, values))},{'test' if 2 * i >= number else 'train'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    config = CONFIG | {"levels": ["all"], "data": CONFIG["data"] | {"image_size": size}}
    config["scoring"] = CONFIG["scoring"] | {"composition": 4}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--config", tmp_path / "own.yaml", "--data", tmp_path / "labels.csv", "--out", tmp_path / "runs"]
    assert main([*map(str, arguments), "--attributes", ",".join(names), "--methods", "sggan,stargan"]) == 0
    (study,) = (tmp_path / "runs").glob("own-*-all")
    frame = pd.read_csv(study / "report" / "records.csv", keep_default_na=False)
    assert set(frame["image_size"]) == {size}
    for method in ("sggan", "stargan"):
        matrix = frame[(frame["method"] == method) & (frame["metric"] == "accuracy") & (frame["direction"] == "all")]
        assert set(zip(matrix["target"], matrix["measured_on"], strict=True)) == {(a, b) for a in names for b in names}
        assert (matrix["num_images"] == number // 2).all()


def test_residualgan_takes_two_values_only(animals, tmp_path, capsys):
    arguments = ["--config", animals / "own.yaml", "--data", animals / "labels.csv", "--out", tmp_path]
    assert main([*map(str, arguments), "--attributes", "species", "--methods", "residualgan"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "two values, not species: cat, dog, wild; every attribute of ResidualGAN needs two values" in line
    assert "--methods" in line


@pytest.mark.slow
def test_images_are_packed_ahead_and_found_by_the_run(animals, tmp_path, capsys):
    data = ["--config", animals / "own.yaml", "--data", animals / "labels.csv", "--out", tmp_path]
    data = [*map(str, data), "--attributes", "smile"]
    assert pack(data) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == f"reading folder: {animals / 'labels.csv'}"
    assert f"{NUM} images of 32x32" in out
    (store,) = (tmp_path / "cache" / "store").glob("folder-32-*[!k]")
    before = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    assert pack([*data, "--verify"]) == 0
    assert f"{NUM} images are as they were packed" in capsys.readouterr().out
    assert main([*data, "--methods", "sggan"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in store.iterdir()} == before
    shard = next(path for path in store.iterdir() if path.suffix == ".npy")
    damaged = bytearray(shard.read_bytes())
    damaged[-1234] ^= 1
    shard.write_bytes(damaged)
    assert pack([*data, "--verify"]) == 2
    assert shard.name in capsys.readouterr().err


def test_the_authors_attribute_file_and_its_folder_find_the_same_images(celeba_copy, tmp_path, capsys):
    root = celeba_copy()
    (root / "Img").mkdir()
    (root / "Anno").mkdir()
    (root / "img_align_celeba").rename(root / "Img" / "img_align_celeba")
    table = (root / "list_attr_celeba.txt").rename(root / "Anno" / "list_attr_celeba.txt")
    for given in (root, table, table.parent):
        arguments = ["--data", given, "--attributes", "smile", "--image-size", "32", "--out", tmp_path / "runs"]
        assert pack([*map(str, arguments)]) == 0
        assert capsys.readouterr().err.startswith("reading celeba: ")
    assert len(list((tmp_path / "runs" / "cache" / "store").glob("celeba-32-*/index.json"))) == 1


def test_nothing_packed_cannot_be_verified(animals, tmp_path, capsys):
    arguments = ["--config", animals / "own.yaml", "--data", animals / "labels.csv", "--out", tmp_path]
    assert pack([*map(str, arguments), "--attributes", "smile", "--verify"]) == 2
    assert "run again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        ("scope", ["all", "some"], "scope: a value cannot be called 'all', which stands for all of them; rename it"),
        ("background", ["1", "0"], "background: is shown as 'Background', as is a table's column; rename it"),
        (
            "fur_color,Fur color",
            ["red,1", "grey,0"],
            "Fur color: is shown as 'Fur color', as is 'fur_color'; rename it",
        ),
    ],
)
def test_names_that_a_table_could_not_hold_are_refused_before_training(tmp_path, capsys, header, cells, message):
    for i in range(40):
        Image.new("RGB", (32, 32), (i, i, i)).save(tmp_path / f"{i}.png")
    rows = [f"{i}.png,{cells[i % 2]}" for i in range(40)]
    (tmp_path / "labels.csv").write_text("\n".join([f"image,{header}", *rows]) + "\n")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(CONFIG))
    own = ["--config", tmp_path / "own.yaml", "--data", tmp_path / "labels.csv", "--attributes", header]
    assert main([*map(str, [*own, "--out", tmp_path / "runs", "--methods", "sggan"])]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {message}"


def test_uncompressed_images_are_told_apart_by_their_bytes(tmp_path):
    """Two sets of the same names, labels and file sizes, in one folder of runs."""
    for name, grey in (("dark", 10), ("light", 240)):
        (tmp_path / name).mkdir()
        for i in range(40):
            Image.new("RGB", (32, 32), (grey, grey, grey)).save(tmp_path / name / f"{i}.bmp")
        rows = [f"{i}.bmp,{i % 2}" for i in range(40)]
        (tmp_path / name / "labels.csv").write_text("\n".join(["image,smile", *rows]) + "\n")
        own = ["--data", tmp_path / name / "labels.csv", "--attributes", "smile", "--image-size", "32"]
        assert pack([*map(str, [*own, "--out", tmp_path / "runs"])]) == 0
    assert len(list((tmp_path / "runs" / "cache" / "store").glob("folder-32-*/index.json"))) == 2
