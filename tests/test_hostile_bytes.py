"""Whatever bytes a file holds, reading it gives a value or a documented error: Hypothesis looks for anything else."""

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save as safetensors_of

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.data.sources.celeba_table import TOTALS, read_attribute_file
from sgbench.data.sources.folder_table import read_table
from sgbench.regression.tolerances import load_tolerances
from sgbench.results.cost import read_cost
from sgbench.results.records import Record, read_records, write_records
from sgbench.results.samples import read_samples, write_samples
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict, read_scores, write_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings
from sgbench.submissions.arrays import open_npz, open_safetensors
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.pictures import open_pictures
from sgbench.support.errors import BrokenFile, UserError
from sgbench.support.strict import parse_json, parse_yaml

ATTRIBUTES = (Attribute("gender", ("female", "male")),)
INPUTS = Inputs(("a.jpg", "b.jpg"), torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2, 1).char(), ATTRIBUTES)
NAN = math.nan
RECORD = Record(
    "mine-1", "mine", "", "5", 0, "faces", 32, "gender", "all", "", "", "", 0.5, NAN, NAN, 2, "", "measured"
)
TABLE = "result,source,groups\na.png,a.jpg,gender=male\nb.png,b.jpg,gender=male\n"


def _first_attribute(path):
    table = read_table(path)
    return table.attribute(next(iter(table.columns)))


def picture():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(file, "PNG")
    return file.getvalue()


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("results.csv", TABLE)
        made.writestr("a.png", picture())
        made.writestr("b.png", picture())
    return file.getvalue()


def arrays():
    file = io.BytesIO()
    np.savez(file, results=np.zeros((2, 3, 8, 8), np.uint8), sources=["a.jpg", "b.jpg"], groups=["gender=male"] * 2)
    return file.getvalue()


def tensors():
    texts = {"sources": json.dumps(["a.jpg", "b.jpg"]), "groups": json.dumps(["gender=male"] * 2)}
    return safetensors_of({"results": torch.zeros(2, 3, 8, 8, dtype=torch.uint8)}, texts)


def written(write, *content):
    """The bytes that a function writes to a path."""

    def make():
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            write(Path(folder, "file"), *content)
            return Path(folder, "file").read_bytes()

    return make


SCORES = Scores(
    RECORD,
    ATTRIBUTES,
    (Panelist("resnet18", (Verdict(0.9, 0.5),)),),
    {},
    10,
    ("a", "b"),
    torch.zeros(2, 1, dtype=torch.int8),
    (Requests(0, torch.tensor([0, 1]), torch.tensor([1, 1], dtype=torch.int8)),),
    (0,),
    (
        TargetScores(
            ((torch.full((2, 2), 0.5, dtype=torch.float64),),),
            {("change", "image"): torch.zeros(2, 1, dtype=torch.float64)},
        ),
    ),
)
CELEBA = "1\n" + " ".join(TOTALS) + "\n000001.jpg" + "  1" * len(TOTALS) + "\n"
STUDY = {
    "title": "t",
    "attributes": {"a": "A"},
    "controls": ["real"],
    "systems": [{"folder": "f", "method": "m", "shown": "M"}],
    "jobs": {},
    "correlated": [["a", "b"]],
    "correlated_above": 0.3,
    "inception_name": "",
    "comparability": "",
    "facts": {},
    "notes": [],
    "shown": {"headings": [], "num_single": 1, "asked": []},
    "num_resamples": 3,
    "num_seeds": 1,
}


@dataclass(frozen=True)
class Reader:
    """What reads a file, a good file of its kind and the errors that are documented."""

    name: str
    good: Callable[[], bytes]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = (UserError,)


READERS = {
    "own labels": Reader("labels.csv", lambda: b"image,mood\na.png,0\nb.png,1\n", lambda path: read_table(path)),
    "a column": Reader("labels.csv", lambda: b"image,mood\na.png,sad\nb.png,glad\n", _first_attribute),
    "CelebA's labels": Reader("list_attr_celeba.txt", CELEBA.encode, read_attribute_file),
    "Kaggle's labels": Reader("list.csv", lambda: b"i," + CELEBA[2:].encode().replace(b" ", b","), read_attribute_file),
    "settings": Reader("c.yaml", (CONFIGS / "quick.yaml").read_bytes, lambda path: read_settings(path, {}, {})),
    "records": Reader("records.csv", written(write_records, [RECORD, RECORD]), read_records, (BrokenFile,)),
    "scores": Reader("scores.npz", written(write_scores, SCORES), read_scores, (BrokenFile,)),
    "samples": Reader("s.npz", written(write_samples, [[np.zeros((4, 4, 3), np.uint8)]]), read_samples, (BrokenFile,)),
    "costs": Reader(
        "cost.json",
        lambda: b'{"parameters": 1, "flops": null, "latency_ms": 0.5, "training_seconds": 1, "device": "cpu"}',
        read_cost,
        (BrokenFile,),
    ),
    "a description": Reader(
        "study.json", json.dumps(STUDY).encode, lambda path: StudyFolder(path.parent).read_description(), (BrokenFile,)
    ),
    "tolerances": Reader(
        "tolerances.yaml", lambda: b"accuracy: {absolute: 0.02}\n", lambda path: load_tolerances(path), (ValueError,)
    ),
    "pictures in a zip": Reader("made.zip", archive, lambda path: open_pictures(path, INPUTS)),
    "a table of pictures": Reader("results.csv", TABLE.encode, lambda path: open_pictures(path.parent, INPUTS)),
    "arrays": Reader("made.npz", arrays, lambda path: open_npz(path, INPUTS)),
    "tensors": Reader("made.safetensors", tensors, lambda path: open_safetensors(path, INPUTS)),
}
PIECES = st.binary(min_size=1, max_size=4) | st.sampled_from(
    [
        b'"',
        b"\0",
        b"\n",
        b",",
        b"\xff",
        b"nan",
        b"1e400",
        b"-1",
        b"9" * 50,
        b"{",
        b"[",
        b": ",
        b"&a ",
        b"*a ",
        b"!!int ",
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["put", "insert", "cut", "repeat"]), PIECES), max_size=5)


def mutated(good, edits):
    for share, kind, piece in edits:
        at = int(share * len(good))
        before, after = good[:at], good[at:]
        if kind == "put":
            good = before + piece + after[len(piece) :]
        elif kind == "insert":
            good = before + piece + after
        else:
            good = before + (after[: len(after) // 2] if kind == "cut" else after + after)
    return good


def look(name, folder, examples):
    """Read as many files of random or mutated bytes."""
    reader = READERS[name]
    good = reader.good()
    reader.read(_file(folder, reader.name, good))  # else nothing but errors would be tried

    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.builds(lambda edits: mutated(good, edits), EDITS) | st.binary(max_size=60))
    def read(content):
        try:
            reader.read(_file(folder, reader.name, content))
        except reader.errors:
            return

    read()


def _file(folder, name, content):
    for picture_name in ("a.png", "b.png"):
        if not (folder / picture_name).exists():
            (folder / picture_name).write_bytes(picture())
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_a_few_bytes_give_a_value_or_a_documented_error(name, tmp_path):
    look(name, tmp_path, 25)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_many_bytes_give_a_value_or_a_documented_error(name, tmp_path):
    look(name, tmp_path, 500)


@pytest.mark.parametrize("parse", [parse_yaml, parse_json])
@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(text=st.text(alphabet='{}[]":,!&*<-?|\n\x00\u2028 aint0.', max_size=20))
def test_texts_are_parsed_or_refused_in_a_line(parse, text):
    said = ""
    try:
        parse(text)
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
