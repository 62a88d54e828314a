"""Files of the run folder that somebody changed: what is not of their format is named, and not read."""

import json
import zipfile

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.results import score_arrays
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.cost import read_cost
from sgbench.results.gallery import Pictures, read_gallery, write_gallery
from sgbench.results.job_folder import JobFolder
from sgbench.results.judge_files import JudgeFiles
from sgbench.results.origin import read_origin
from sgbench.results.records import Record, read_records
from sgbench.results.samples import read_samples, write_samples
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict, read_scores, write_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.support.errors import BrokenFile

NAN = float("nan")
BASE = Record("a", "a", "", "5", 0, "faces", 32, "", "all", "", "", "", NAN, NAN, NAN, 0, "", "measured")


def scores(path):
    heads = (torch.full((2, 2), 0.5, dtype=torch.float64),)
    request = Requests(0, torch.tensor([0, 1]), torch.tensor([1, 0], dtype=torch.int8))
    target = TargetScores((heads,), {("change", "image"): torch.zeros(2, 1, dtype=torch.float64)}, torch.zeros(2, 1008))
    judges, attributes = (Panelist("resnet18", (Verdict(0.9, 0.5),)),), (Attribute("smile", ("no", "yes")),)
    labels = torch.tensor([[0], [1]], dtype=torch.int8)
    write_scores(path, Scores(BASE, attributes, judges, {}, 9, ("x", "y"), labels, (request,), (0,), (target,)))
    read_scores(path)


def samples(path):
    write_samples(path, [[np.zeros((8, 8, 3), np.uint8), None]])
    assert read_samples(path)[0][1] is None


def gallery(path):
    images = np.zeros((2, 8, 8, 3), np.uint8)
    write_gallery(path, (Pictures(0, np.array([3, 4]), np.array([1, 0], np.int8), images),))
    assert len(read_gallery(path)[0].images) == 2


KINDS = {"scores": (scores, read_scores), "samples": (samples, read_samples), "gallery": (gallery, read_gallery)}


def changed(path, compression=zipfile.ZIP_DEFLATED, **arrays):
    with np.load(path) as file:
        kept = dict(file)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in (kept | arrays).items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "extra", "lzma", "directory"])
def test_a_changed_file_is_named(kind, damage, tmp_path):
    write, read = KINDS[kind]
    path = tmp_path / "x.npz"
    write(path)
    if damage in ("extra", "lzma"):
        extra = {"0/extra": np.zeros(10**4)} if damage == "extra" else {}
        changed(path, zipfile.ZIP_LZMA if damage == "lzma" else zipfile.ZIP_DEFLATED, **extra)
    elif damage == "directory":
        path.unlink()
        path.mkdir()
    else:
        content = path.read_bytes()
        path.write_bytes({"truncated": content[:-40], "empty": b"", "text": b"no archive"}[damage])
    with pytest.raises(BrokenFile, match=r"x\.npz: not a file of (scores|samples|a gallery): "):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        (
            {"0/terms/change/image": np.zeros((2, 2000))},
            r"0/terms/change/image is float64 \[2, 2000\], not float64 \[2, ",
        ),
        ({"0/posterior/0/0": np.zeros((3, 2))}, r"0/posterior/0/0 is float64 \[3, 2\], not float64 \[2, 2\]"),
        ({"0/posterior/1/0": np.zeros((2, 2))}, "it has an array '0/posterior/1/0', which is none of a file of scores"),
        ({"0/positions": np.zeros(9999, np.int64)}, "0/positions has 9,999 entries; of these images there are at"),
        ({"1/positions": np.zeros(2, np.int64)}, "it has an array '1/positions', which is none of a file of scores"),
        ({"ids": np.zeros(99, "<U999")}, "ids has 395,604 bytes; at most 200,000 are read"),
        ({"about": np.array("[" * 40_000)}, "lie too deep in each other"),
        ({"about": np.array("{}")}, "attributes"),
        ({"about": np.array('{"attributes": 3, "targets": 5}')}, "int"),
    ],
)
def test_scores_of_another_size_than_they_must_have_are_not_read(arrays, problem, tmp_path, monkeypatch):
    monkeypatch.setattr(score_arrays, "_MOST_BYTES", 200_000)
    scores(tmp_path / "x.npz")
    changed(tmp_path / "x.npz", **arrays)
    with pytest.raises(BrokenFile, match=problem):
        read_scores(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"shape": np.array([10**9, 10**9])}, "shape says 1000000000 people and 1000000000 edits; at most 131,072"),
        ({"shape": np.array([-1, -1])}, "'0/0' is no sample of -1 people and -1 edits"),
        ({"shape": np.zeros(10**4, np.int64)}, "shape has 80,000 bytes; at most 16 are read"),
        ({"0/0": np.zeros((9, 8, 3), np.uint8)}, r"0/0 is uint8 \[9, 8, 3\], a sample uint8 \[S, S, 3\]"),
        ({"0/0": np.zeros((999, 999, 3), np.uint8)}, "0/0 has 2,994,003 bytes; at most 196,608 are read"),
    ],
)
def test_samples_of_another_size_than_they_must_have_are_not_read(arrays, problem, tmp_path):
    samples(tmp_path / "x.npz")
    changed(tmp_path / "x.npz", **arrays)
    with pytest.raises(BrokenFile, match=problem):
        read_samples(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"targets": np.array([0, 1])}, "'1/images' is missing, is there twice, or is no part of a gallery"),
        ({"targets": np.array([0, 0])}, "is there twice"),
        ({"targets": np.array([-1])}, "targets is int64 .1., not a row of positions"),
        ({"targets": np.zeros(10**4, np.int64)}, "targets has 80,000 bytes; at most 512 are read"),
        ({"0/positions": np.zeros(3, np.int64)}, r"0/positions is int64 \[3\], not int64 \[2\]"),
        ({"0/values": np.zeros(2, np.int64)}, r"0/values is int64 \[2\], not int8 \[2\]"),
        ({"0/images": np.zeros((2, 9, 8, 3), np.uint8)}, r"0/images is uint8 \[2, 9, 8, 3\], not uint8 \[2, 9, 9, 3\]"),
        (
            {"0/images": np.zeros((2, 2000, 2000, 3), np.uint8)},
            "2 results of 2000 pixels; more than a gallery can have",
        ),
    ],
)
def test_a_gallery_of_another_size_than_it_must_have_is_not_read(arrays, problem, tmp_path):
    gallery(tmp_path / "x.npz")
    changed(tmp_path / "x.npz", **arrays)
    with pytest.raises(BrokenFile, match=problem):
        read_gallery(tmp_path / "x.npz")


@pytest.mark.parametrize("read", [read_cost, read_origin, read_records])
@pytest.mark.parametrize("content", [b"", b"[" * 10**5, b"\xff", b"[1,", None])
def test_texts_that_are_broken_are_named(read, content, tmp_path):
    path = tmp_path / "x"
    if content is None:
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        path.write_bytes(content)
    if read is read_origin:  # what made something is told where it is known
        assert read(path) is None
        return
    with pytest.raises(BrokenFile, match=str(path)):
        read(path)


def test_a_checkpoint_that_is_larger_inside_than_outside_is_not_read(tmp_path):
    folder = JobFolder(tmp_path)
    torch.save({"iteration": 1}, folder.checkpoint)
    with zipfile.ZipFile(folder.checkpoint) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(folder.checkpoint, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="is compressed, which torch never does"):
        read_checkpoint(folder)


@pytest.mark.parametrize("text", ["[]", "3", '"a"', "null", "{", '{"a": 1, "a": 2}'])
def test_what_made_something_is_not_known_where_its_file_holds_no_object(tmp_path, text):
    for name in ("done", "job.json", "runtime.json", "a.json"):
        (tmp_path / name).write_text(text)
    (tmp_path / "a.pt").write_bytes(b"weights")
    assert read_origin(tmp_path / "done") is None
    assert JobFolder(tmp_path).known_files() is None
    assert StudyFolder(tmp_path).read_runtime() == {}
    with pytest.raises(BrokenFile, match=r"a.json: cannot be read \(.*\); the judge is trained again"):
        JudgeFiles(tmp_path, "a").facts()
    JobFolder(tmp_path).accept({"a.py": "1"})
    assert JobFolder(tmp_path).known_files() == [{"a.py": "1"}]


@pytest.mark.parametrize("files", ["a", 3, {"a": 1}, ["a"], [{"a": 1}], [["a"]]])
def test_files_of_another_kind_are_not_known(tmp_path, files):
    (tmp_path / "job.json").write_text(json.dumps({"files": files}))
    assert JobFolder(tmp_path).known_files() is None


@pytest.mark.parametrize("seconds", [3, ["a"], {"a": "b"}, None])
def test_times_of_another_kind_are_not_known(tmp_path, seconds):
    (tmp_path / "runtime.json").write_text(json.dumps({"seconds": seconds}))
    assert StudyFolder(tmp_path).read_runtime() == {}
