"""Bad input of every kind, through the commands themselves: status 2, one line that tells, no run folder."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image

from sgbench.commands.door import main
from sgbench.results.records import COLUMNS

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}
DATA = {"class": "faces", "num_images": 60, "num_test": 20, "image_size": 32, "attributes": ["gender", "smile"]}
SCORING = {"num_resamples": 20}
FACES = {"data": DATA, "levels": [2], "methods": {"sggan": SMALL}, "jury": {"size": 2}, "scoring": SCORING}
PHOTOS = {"class": "folder", "path": "labels.csv", "attributes": ["mood"]}
OWN = FACES | {"data": PHOTOS | {"image_size": 32, "num_test": 6, "split": "first"}}
LABELS = "image,mood\n" + "".join(f"images/{k}.png,{k % 2}\n" for k in range(20))
RECORD = "mine-1,mine,,5,0,faces,32,gender,all,smile,accuracy,d,0.5,0.4,0.6,20,share,measured,,,,"
RECORDS = ",".join(COLUMNS) + f"\n{RECORD}\n"
LAUGHS = "a0: &a0 [l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12)
)
"""Nine to the twelfth values in half a kilobyte."""


def config(base=FACES, **changes):
    """A config as YAML, changed at keys with ``__`` between their parts."""
    raw = json.loads(json.dumps(base))
    for key, value in changes.items():
        *path, last = key.split("__")
        place = raw
        for part in path:
            place = place[part]
        place[last] = value
    return yaml.safe_dump(raw)


def png(size=(32, 32), mode="RGB", kind="PNG"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


class Code:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


CONFIGS = {
    "no YAML": ("a: [1,", "c.yaml: cannot be read as YAML: "),
    "no text": (b"\xff\xfe\x00", "c.yaml: cannot be read as YAML in UTF-8"),
    "empty": ("", "c.yaml: must be a mapping of settings, not NoneType"),
    "a list": ("- 1\n- 2\n", "c.yaml: must be a mapping of settings, not list"),
    "code of Python": ("a: !!python/object/apply:os.mkdir [x]", "could not determine a constructor"),
    "a tag that does not fit": ("a: !!int word", "c.yaml: cannot be read as YAML: "),
    "too deep": ("a: " + "[" * 600, "lists or mappings lie too deep in each other"),
    "aliases that blow up": (LAUGHS, "c.yaml: line 6: stands for more than 100,000 values by its aliases"),
    "aliases where a number belongs": (LAUGHS.replace("a11:", "workers:"), "stands for more than 100,000 values"),
    "an alias of itself": ("levels: &a [*a]", "c.yaml: line 1: an alias stands for what it is a part of"),
    "a key twice": ("levels: [5]\nseeds: [0]\nlevels: [6]\n", "c.yaml: line 3 repeats the key 'levels' of line 1"),
    "a nested key twice": ("judge:\n  epochs: 1\n  epochs: 2\n", "c.yaml: line 3 repeats the key 'epochs' of line 2"),
    "a method twice": ("methods: {sggan: {}, sggan: {}}", "c.yaml: line 1 repeats the key 'sggan' of line 1"),
    "a key twice, once quoted": ("a: 1\n'a': 2", "c.yaml: line 2 repeats the key 'a' of line 1"),
    "unknown key": (config(level=5), "c.yaml: unknown key level; did you mean levels? known are study, about"),
    "unknown data": (config(data__class="imagenet"), "data.class: unknown source 'imagenet'"),
    "data false": (config(data=False), "c.yaml: data must be a mapping of settings, not False"),
    "jury false": (config(jury=False), "c.yaml: jury must be a mapping of settings, not False"),
    "methods as a list": (config(methods=["sggan"]), "methods must be a mapping of settings, not ['sggan']"),
    "a long text for a mapping": (config(judge="x" * 10**5), "c.yaml: judge must be a mapping of settings, not 'xxx"),
    "no attribute": (config(data__attributes=[]), "c.yaml: data.attributes: "),
    "an attribute twice": (config(data__attributes=["smile", "smile"]), "smile, smile: one is named twice"),
    "unknown attribute": (config(data__attributes=["beard"]), "unknown attribute 'beard'"),
    "too many images": (config(data__num_images=10**30), "data.num_images: a whole number beyond 2,147,483,647"),
    "a billion images": (config(data__num_images=10**9), "data.num_images: Input should be less than or equal to"),
    "no image": (config(data__num_images=0), "data.num_images: Input should be greater than or equal to 1, not 0"),
    "one image": (config(data__num_images=1, data__num_test=None), "num_test is 1, but there are only 1 images"),
    "negative test images": (config(data__num_test=-1), "data.num_test: Input should be greater than 0, not -1"),
    "infinitely many test images": (config().replace("num_test: 20", "num_test: .inf"), "data.num_test: "),
    "true for a number": (config(data__num_test=True), "data.num_test: true is neither a number nor a text"),
    "true for a rate": (config(judge={"learning_rate": True}), "judge.learning_rate: true is neither a number"),
    "true for a seed": (config(seeds=[True]), "c.yaml: seeds: true is neither a number nor a text"),
    "no for a name": (
        config(study=False),
        "study: false is neither a number nor a text; quote it if it is a name",
    ),
    "a huge seed": (config(seeds=[10**30]), "c.yaml: seeds: a whole number beyond 2,147,483,647 is too large"),
    "a negative seed": (config(seeds=[-1]), "seeds.0: Input should be greater than or equal to 0, not -1"),
    "an infinite rate": (
        config(judge={"learning_rate": float("inf")}),
        "judge.learning_rate: Input should be a finite",
    ),
    "a rate that is none": (
        config(judge={"learning_rate": float("nan")}),
        "judge.learning_rate: Input should be a fin",
    ),
    "a number of Python alone": (
        config().replace("num_test: 20", "num_test: 1e400"),
        "data.num_test: Input should be a",
    ),
    "5000 digits": (config().replace("num_test: 20", "num_test: 1" + "0" * 5000), "cannot be read as YAML: Exceeds"),
    "a huge jury": (config(jury__size=10**9), "jury.size: Input should be less than or equal to 100"),
    "huge resamples": (config(scoring__num_resamples=10**9), "scoring.num_resamples: Input should be less than or"),
    "huge width": (config(methods__sggan__base_width=10**6), "methods.sggan.base_width: Input should be less than or"),
    "no seed": (config(seeds=[]), "c.yaml: seeds: Tuple should have at least 1 item"),
    "no level": (config(levels=[]), "c.yaml: levels: Tuple should have at least 1 item"),
    "nested levels": (
        config(levels=[[[[[[1]]]]]]),
        "c.yaml: levels: [[[[...]]]] is neither 'all' nor a number of labels",
    ),
    "level above the data": (config(levels=[1000]), "ask for at most"),
    "no test image of a value": (config(data__num_test=1), "none of 1 test images has"),
    "all images are test images": (config(data__num_test=60), "data.num_test is 60, but there are only 60 images"),
    "study with a slash": (config(study="../x"), "c.yaml: study: "),
    "study is a folder of every run": (config(study="jobs", levels=[2], methods={}), "study: "),
    "unknown home": (config(OWN, data__path="~nobody-at-all/x.csv"), "data.path: '~nobody-at-all/x.csv' begins with a"),
    "empty path": (config(OWN, data__path=""), "data.path: a path is empty"),
    "path with null": (config(OWN, data__path="a\0b"), "data.path: the path 'a\\x00b' holds a null character"),
    "path in the home folder": (
        config(OWN, data__path="~/no.csv"),
        "/home-of-tests/no.csv: no CSV, or folder with one",
    ),
    "images in the home folder": (config(OWN, data__images="~/no"), "/home-of-tests/no: no folder of images there"),
    "weights in the home folder": (config(scoring__lpips={"path": "~/no.pth"}), "/home-of-tests/no.pth: cannot read"),
    "Inception in the home folder": (config(scoring__inception={"path": "~/no"}), "/home-of-tests/no: cannot read"),
    "embedder in the home folder": (config(scoring__embedder="~/no.pt2"), "/home-of-tests/no.pt2: cannot read weights"),
}
LABEL_FILES = {
    "empty": ("", "labels.csv: is empty; its first row must name the columns"),
    "header alone": ("image,mood\n", "labels.csv: has no rows below the names of its columns"),
    "no attribute": ("image\na.png\n", "row 1 names no attribute after 'image'"),
    "a column twice": ("image,mood,mood\na.png,0,1\n", "row 1: two columns are named 'mood'"),
    "another attribute": ("image,age\na.png,0\nb.png,1\n", "unknown attribute 'mood'; those of labels.csv are age"),
    "all unknown": ("image,mood\na.png,\nb.png,\n", "column 'mood' has no value; an attribute needs two"),
    "one value": ("image,mood\na.png,1\nb.png,1\n", "column 'mood' has only the value 'yes'"),
    "none alone": ("image,mood\na.png,none\nb.png,none\n", "column 'mood' has no value"),
    "an image twice": ("image,mood\na.png,1\na.png,0\n", "row 3: column 'image': a.png is in row 2 already"),
    "too few cells": ("image,mood\na.png\n", "row 2 has 1 cells, the first row 2"),
    "no text": (b"\xff\xfe", "labels.csv: cannot be read as CSV in UTF-8"),
    "open quotes": ('image,mood\n"a.png,1\nb.png,0\n', "labels.csv: row 2"),
    "a path that leads out": ("image,mood\n../a.png,1\n", "'../a.png' is not a path within the folder of images"),
    "no image": ("image,mood\na.png,1\nb.png,0\n", "images that are not in .: 2, the first a.png"),
    "mixed switches": ("image,mood\na.png,1\nb.png,glad\n", "row 3: column 'mood': 'glad' in a column that also has 1"),
    "no training image of a value": (
        "image,mood\n" + "".join(f"images/{k}.png,{int(k == 3)}\n" for k in range(20)),
        "no training image has mood = 'yes'; add images that have it, or choose other attributes",
    ),
    "no test image of a value, too": (
        "image,mood\n" + "".join(f"images/{k}.png,{int(k > 9)}\n" for k in range(20)),
        "none of 6 test images has mood = 'yes'; raise data.num_test, or add such images",
    ),
    "train alone": (
        "image,mood,split\n" + "".join(f"images/{k}.png,{k % 2},train\n" for k in range(8)),
        "column 'split' says which images are for testing: leave out the number of test images",
    ),
}
CELEBA = {
    "empty": ("", "list_attr_celeba.txt: has no row of labels below the columns' names"),
    "a column short": ("1\nMale Smiling\na.png 1 1\n", "line 2 lacks the column Black_Hair"),
    "a column twice": (
        "1\nMale Smiling Black_Hair Blond_Hair Wearing_Lipstick Pale_Skin Male\n0.png 1 1 1 1 1 1 1\n",
        "line 2 names the column Male twice",
    ),
    "a value that is none": (
        "1\nMale Smiling Black_Hair Blond_Hair Wearing_Lipstick Pale_Skin\n0.png 1 1 1 1 1 2\n",
        "line 3 must be a name and 6 values of 1 or -1",
    ),
}
OPTIONS = {
    "run --config nosuch": "--config nosuch: no such file; the configs here are ",
    "run --config c.yaml --config c.yaml": "argument --config: is given 2 times; give it once",
    "run --out a --config=c.yaml --out=b": "argument --out: is given 2 times; give it once",
    "run --methods nosuch --config c.yaml": "--methods: unknown method 'nosuch'; c.yaml has sggan",
    "run --methods sgan --config c.yaml": "--methods: unknown method 'sgan'; did you mean sggan?",
    "run --seeds 99999999999 --config c.yaml": "argument --seeds: '99999999999' must be whole numbers",
    "run --seeds 9999999999 --config c.yaml": "command line: seeds: a whole number beyond 2,147,483,647",
    "run --sparse nan --config c.yaml": "argument --sparse: 'nan' must be numbers of labels from 1 on",
    "run --num-test 1e400 --config c.yaml": "argument --num-test: '1e400' must be a whole number",
    "run --num-test=-1 --config c.yaml": "argument --num-test: '-1' must be a whole number",
    "run --workers 0 --config c.yaml": "command line: workers: Input should be greater than or equal to 1, not 0",
    "run --threads 9999 --config c.yaml": "command line: threads: Input should be less than or equal to 1024",
    "run --jury 1 --config c.yaml": "command line: jury.size: Input should be greater than or equal to 2, not 1",
    "run --out= --config c.yaml": "argument --out: a path is empty",
    "run --out ~nobody-at-all/x": "argument --out: '~nobody-at-all/x' begins with a home folder that is not known",
    "run --data ~/photos --config c.yaml": "/home-of-tests/photos: no folder with CelebA's images there",
    "run --config ~/c.yaml": "--config ~/c.yaml: no such file",
    "run --inception ~/no.pth --config c.yaml": "/home-of-tests/no.pth: cannot read Inception weights",
    "run --embedder nowhere:f --config c.yaml": "unknown face embedding 'nowhere:f'",
    "evaluate": "nothing to evaluate: give RESULTS, or --write-requests DIR",
    "evaluate x.npz": "--name is missing",
    "evaluate x.npz --name A --seed 99999999999": "argument --seed: '99999999999' must be a whole number",
    "evaluate x.npz --name A --seed 9999999999": "seed: 9999999999 must be a whole number from 0 to 2147483647",
    "evaluate x.npz --name A --level 1e400": "level: '1e400' must be a number of labels from 1 on, such as 500, or all",
    "evaluate x.npz --name ... --config c.yaml": "name: '...' cannot name a method",
    "evaluate x.npz --name A --config c.yaml --compare ~/runs/x": "/home-of-tests/runs/x: no finished study there",
    "pack --config nosuch": "--config nosuch: no such file",
    "pack --verify --config c.yaml --verify": "argument --verify: is given 2 times",
    "verify": "the following arguments are required: RUN",
    "verify ~/runs/x": "/home-of-tests/runs/x: not a finished study",
    "reference": "the following arguments are required: RUN",
    "reference ~/runs/x": "/home-of-tests/runs/x: not the folder of a study",
    "fetch": "the following arguments are required: weights",
    "fetch lpips --to=": "argument --to: a path is empty",
    "regress old.csv": "the following arguments are required: NEW",
    "regress old.csv ~/new.csv": "/home-of-tests/new.csv: unreadable: No such file",
    "regress old.csv old.csv --alpha nan": "argument --alpha: 'nan' must be a number from 0.0001 to 0.1",
    "regress old.csv old.csv --alpha 1e400": "argument --alpha: '1e400' must be a number from 0.0001 to 0.1",
    "regress old.csv old.csv --junit a --junit b": "argument --junit: is given 2 times",
    "verfy": "unknown command 'verfy'; did you mean verify?",
}
RESULTS = {
    "nothing": ("made.npz", b"", "made.npz: not a readable .npz"),
    "no zip": ("made.zip", b"PK\3\4" + bytes(40), "made.zip: not a readable .zip"),
    "no table": ("made.zip", zipped({"a.png": png()}), "made.zip: has no CSV file at the top"),
    "two tables": ("made.zip", zipped({"a.csv": "", "b.csv": ""}), "made.zip: has 2 CSV files at the top"),
    "a column short": ("made.zip", zipped({"results.csv": "result,source\n"}), "line 1 lacks the column groups"),
    "a column twice": (
        "made.zip",
        zipped({"results.csv": "result,source,groups,source\n"}),
        "line 1 names the column source twice",
    ),
    "unknown image": (
        "made.zip",
        zipped({"results.csv": "result,source,groups\na.png,no.png,mood=yes\n", "a.png": png()}),
        "line 2: unknown source 'no.png'",
    ),
    "another size": (
        "made.zip",
        zipped({"results.csv": "result,source,groups\na.png,images/0.png,mood=yes\n", "a.png": png((8, 8))}),
        "'a.png' is 8x8, the study's images 32x32",
    ),
    "a picture that leads out": (
        "made.zip",
        zipped({"results.csv": "result,source,groups\n../a.png,images/0.png,mood=yes\n"}),
        "'../a.png' leads out of the archive",
    ),
    "no results": (
        "made.npz",
        npz(sources=np.arange(2)),
        "made.npz: not a readable .npz (it has no array 'results'",
    ),
    "pickled texts": (
        "made.npz",
        npz(results=np.zeros((1, 3, 32, 32), np.uint8), sources=np.array(["a", Code()], object), groups=["mood=yes"]),
        "made.npz: not a readable .npz (sources holds Python objects",
    ),
    "floats": (
        "made.npz",
        npz(results=np.zeros((1, 3, 32, 32)), sources=[0], groups=["mood=yes"]),
        "made.npz: results must be uint8, are float64",
    ),
    "a position beyond": (
        "made.npz",
        npz(results=np.zeros((1, 3, 32, 32), np.uint8), sources=[10**9], groups=["mood=yes"]),
        "made.npz: entry 0: source 1000000000 is neither a name nor a position from 0 to 5",
    ),
    "no safetensors": ("made.safetensors", b"\xff" * 20, "made.safetensors: not a readable .safetensors file"),
    "a checkpoint with code": ("made.pt", pickle.dumps(Code()), "made.pt: results are a folder or .zip"),
    "a program that is none": (
        "made.pt2",
        pickle.dumps(Code()),
        "made.pt2: not a program that torch.export.save wrote",
    ),
    "a network that is none": ("made.onnx", b"\0" * 9, "made.onnx: onnxruntime cannot load it"),
}
REFERENCES = {
    "no records": ("", RECORDS, None, "old.csv: not a table of records"),
    "no text": (b"\xff\xfe", RECORDS, None, "old.csv: not a table of records"),
    "header alone": (RECORDS.splitlines()[0] + "\n", RECORDS, None, "old.csv: no records"),
    "a column twice": (
        RECORDS.replace("note", "unit"),
        RECORDS,
        None,
        "old.csv: not a table of records: line 1: the column 'unit' is there twice",
    ),
    "too many cells": (RECORDS.replace("measured,", "measured,,,"), RECORDS, None, "old.csv: not a table of records"),
    "too few cells": (
        RECORDS,
        RECORDS.replace(",measured,,,,", ""),
        None,
        "new.csv: not a table of records: line 2 has",
    ),
    "a word for a number": (RECORDS, RECORDS.replace("0.5", "half"), None, "new.csv: not a table of records: "),
    "a huge seed": (RECORDS, RECORDS.replace(",5,0,", f",5,{10**30},"), None, "new.csv: not a table of records: "),
    "a record twice": (RECORDS + RECORD + "\n", RECORDS, None, "old.csv against new.csv: "),
    "a tolerance twice": (
        RECORDS,
        RECORDS,
        "accuracy: {absolute: 0.0}\naccuracy: {absolute: 0.9}\n",
        "tolerances.yaml: line 2 repeats the key 'accuracy' of line 1",
    ),
    "true for a tolerance": (RECORDS, RECORDS, "accuracy: {absolute: true}", "accuracy.absolute: "),
    "an infinite tolerance": (RECORDS, RECORDS, "accuracy: {absolute: .inf}", "accuracy.absolute: "),
    "a tolerance that is none": (RECORDS, RECORDS, "accuracy: {absolute: .nan}", "accuracy.absolute: "),
    "a negative tolerance": (RECORDS, RECORDS, "accuracy: {absolute: -1}", "accuracy.absolute: "),
    "an unknown key": (RECORDS, RECORDS, "accuracy: {about: 1}", "accuracy.about: Extra inputs are not permitted"),
    "tolerances that blow up": (RECORDS, RECORDS, LAUGHS, "stands for more than 100,000 values by its aliases"),
    "tolerances as a list": (RECORDS, RECORDS, "- 1", "tolerances.yaml: not tolerances: Input should be a valid"),
}
STUDIES = {
    "broken": ("{", "study.json: is broken ("),
    "a key twice": (
        '{\n"title": "a",\n"title": "b"}',
        "study.json: is broken (line 3 repeats the key 'title' of line 2",
    ),
    "too deep": ("[" * 100_000, "study.json: is broken (lists or objects lie too deep in each other"),
    "a list": ("[]", "study.json: is broken ("),
}


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """Images that all cases share, and a run folder in which they are packed once."""
    root = tmp_path_factory.mktemp("kit")
    (root / "images").mkdir()
    for k in range(20):
        Image.new("RGB", (40, 40), (10 * k, 99, 0)).save(root / "images" / f"{k}.png")
    return root


@pytest.fixture
def refused(kit, tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own, with the files given; it must refuse, and say why in one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home-of-tests")
    (tmp_path / "images").symlink_to(kit / "images")

    def refused(arguments, says, files):
        for name, content in ({"c.yaml": config()} | files).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        before = set(tmp_path.rglob("*"))
        assert main(arguments.split()) == 2
        out, err = capsys.readouterr()
        *earlier, last = err.splitlines()
        assert last.startswith("error: ")
        assert says in last
        assert len(last) < 2100
        expected = ("reading ", "no Inception Score: ", "stage ", "images: ", "warning: ")
        assert [line for line in earlier if not line.startswith(expected)] == []
        assert out == ""
        assert set(tmp_path.rglob("*")) == before

    return refused


@pytest.mark.parametrize("what", CONFIGS)
def test_configs(refused, what):
    content, says = CONFIGS[what]
    refused("run --config c.yaml", says, {"c.yaml": content, "labels.csv": LABELS})


@pytest.mark.parametrize("what", LABEL_FILES)
def test_labels_of_own_images(refused, what):
    content, says = LABEL_FILES[what]
    refused("run --config c.yaml", says, {"c.yaml": config(OWN), "labels.csv": content})


@pytest.mark.parametrize("what", CELEBA)
def test_labels_of_celeba(refused, what):
    content, says = CELEBA[what]
    files = {"faces/list_attr_celeba.txt": content, "faces/0.png": png()}
    refused("run --config c.yaml --data faces", says, files)


@pytest.mark.parametrize("arguments", OPTIONS)
def test_options(refused, arguments):
    refused(arguments, OPTIONS[arguments], {"old.csv": RECORDS})


@pytest.mark.parametrize("what", RESULTS)
def test_results(refused, kit, what):
    name, content, says = RESULTS[what]
    files = {"c.yaml": config(OWN), "labels.csv": LABELS, name: content}
    refused(f"evaluate {name} --name A --config c.yaml --out {kit / 'runs'}", says, files)
    assert {path.name for path in (kit / "runs").iterdir()} <= {".images", "cache", "jobs", "systems"}
    assert list((kit / "runs").glob("systems/*")) == []


@pytest.mark.parametrize("what", REFERENCES)
def test_references(refused, what):
    old, new, tolerances, says = REFERENCES[what]
    files = {"old.csv": old, "new.csv": new, "tolerances.yaml": tolerances or "default: {absolute: 0}"}
    refused("regress old.csv new.csv", says, files)


@pytest.mark.parametrize("arguments", ["verify x", "regress x x"])
@pytest.mark.parametrize("what", STUDIES)
def test_studies(refused, arguments, what):
    content, says = STUDIES[what]
    refused(arguments, says, {"x/study.json": content, "x/plan.json": "{}"})
