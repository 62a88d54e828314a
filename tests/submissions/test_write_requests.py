"""Requests go out as pictures and a CSV; a program that knows nothing of the suite answers; its results come back."""

import csv
import re
import shutil
import warnings
import zipfile

import elsewhere
import numpy as np
import pytest
import torch
from PIL import Image

from sgbench.data.labels import Attribute, Group
from sgbench.data.requests import make_requests
from sgbench.submissions.inputs import Inputs
from sgbench.submissions.opening import open_results
from sgbench.submissions.request_files import write_requests
from sgbench.support.errors import UserError

PAIR = (1, (Group(0, 0), Group(1, 0)))


def requests():
    inputs = elsewhere.inputs()
    return make_requests(inputs.labels, inputs.attributes)


def foreign_program(folder):
    """Translates by the CSV alone: group names are looked up in a table of its own."""
    numbers = ["gender=female", "gender=male", "smile=neutral", "smile=smiling", "hair_color=black", "hair_color=blond"]
    for row in csv.DictReader((folder / "requests.csv").read_text().splitlines()):
        pixels = np.asarray(Image.open(folder / row["image"])).astype(int)
        for name in row["groups"].split("+"):
            pixels = (5 * pixels + 37 * numbers.index(name) + 11) % 256
        (folder / row["result"]).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / row["result"])


def test_a_program_elsewhere_can_answer_the_requests(tmp_path):
    table = write_requests(tmp_path / "asked", elsewhere.inputs(), requests(), [PAIR])
    foreign_program(tmp_path / "asked")
    table.rename(table.with_name("results.csv"))
    results = open_results(tmp_path / "asked", elsewhere.inputs(), torch.device("cpu"), batch_size=5)
    assert results.unused == 0
    for request in requests():
        for group, rows in request.by_value():
            positions = request.positions[rows]
            expected = np.stack([elsewhere.expected(n, [group]) for n in positions.tolist()])
            assert results.has(positions, [group]).all()
            assert np.array_equal(results.translate(positions, [group]).numpy(), expected)
    position, groups = PAIR
    given = results.translate(torch.tensor([position]), groups)[0].numpy()
    assert np.array_equal(given, elsewhere.expected(position, groups))


def test_only_images_that_are_asked_for_are_written_and_nothing_else_is_left(tmp_path):
    inputs = elsewhere.inputs()
    hair = requests()[2]
    table = write_requests(tmp_path, inputs, [hair])
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["source"] for row in rows] == [inputs.ids[n] for n in hair.positions.tolist()]
    names = {row["image"] for row in rows}
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.*")} == names | {"requests.csv"}
    asked = (inputs.labels[:, 2] >= 0).nonzero().flatten().tolist()
    assert len(names) == len(asked) < elsewhere.NUM_IMAGES
    written = {np.asarray(Image.open(tmp_path / name)).tobytes() for name in names}
    assert written == {inputs.images[n].permute(1, 2, 0).numpy().tobytes() for n in asked}


def test_requests_are_written_again_and_take_the_place_of_nobodys_files(tmp_path):
    inputs = elsewhere.inputs()
    table = write_requests(tmp_path, inputs, requests())
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    next(path for path in written if path.suffix == ".png").unlink()
    assert write_requests(tmp_path, inputs, requests()) == table
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == written
    with pytest.raises(UserError, match=r"requests\.csv: is there already and is not of these requests; move it, or"):
        write_requests(tmp_path, inputs, requests()[:1])
    others = {"requests.csv": b"who,asked\n", next(p.name for p in written if p.suffix == ".png"): b"mine"}
    for name, content in others.items():
        path = next(path for path in written if path.name == name)
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"{re.escape(name)}: is there already and is not of these requests"):
            write_requests(tmp_path, inputs, requests())
        assert path.read_bytes() == content
        path.unlink()
    table.mkdir()
    with pytest.raises(UserError, match="is there already"):
        write_requests(tmp_path, inputs, requests())


def test_names_that_are_no_file_names_stay_apart(tmp_path):
    base = elsewhere.inputs()
    ids = ["../a b", "../a,b", "A\tb", "é" * 300, *(f"sub/{n}.png" for n in range(elsewhere.NUM_IMAGES - 4))]
    inputs = Inputs(ids, base.images, base.labels, base.attributes)
    table = write_requests(tmp_path, inputs, requests())
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert len({row["image"].lower() for row in rows}) == len({row["source"] for row in rows}) == len(ids)
    assert len({row["result"].lower() for row in rows}) == len(rows)
    for row in rows:
        assert (tmp_path / row["image"]).resolve().parent == tmp_path.resolve() / "sources"
        assert (tmp_path / row["result"]).resolve().parent.parent == tmp_path.resolve() / "results"
    assert sorted({row["source"] for row in rows}) == sorted(ids)


def answered(folder, inputs, asked):
    """Requests written, answered by copies of the sources, and opened."""
    table = write_requests(folder, inputs, asked)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        (folder / row["result"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / row["image"], folder / row["result"])
    table.rename(table.with_name("results.csv"))
    return rows, open_results(folder, inputs, torch.device("cpu"), batch_size=5)


NAMED = {
    "not Latin": Attribute("情绪", ("悲伤", "高兴", "平静")),
    "with a plus": Attribute("age", ("0-19", "20-59", "60+")),
    "like formulas": Attribute("sign", ("=1+1", "-1", "@x")),
    "differing in what is cleaned": Attribute("mark", ("a b", "a:b", "a_b")),
    "differing after many characters": Attribute("long", ("x" * 150 + "a", "x" * 150 + "b", "x" * 150 + "c")),
}


@pytest.mark.parametrize("attribute", NAMED.values(), ids=NAMED)
def test_whatever_values_are_called_each_request_has_a_path_and_is_read_back(tmp_path, attribute):
    base = elsewhere.inputs()
    labels = torch.arange(elsewhere.NUM_IMAGES, dtype=torch.int8).remainder(3).unsqueeze(1)
    ids = [f"=cmd{n}.png" if n % 2 else f"图{n}.png" for n in range(elsewhere.NUM_IMAGES)]
    inputs = Inputs(ids, base.images, labels, (attribute,))
    asked = make_requests(labels, (attribute,))
    rows, results = answered(tmp_path, inputs, asked)
    assert len({row["result"] for row in rows}) == len(rows) == sum(len(r.positions) for r in asked)
    assert not [cell for row in rows for cell in row.values() if cell[0] in "=+-@"]
    assert results.unused == 0
    for request in asked:
        for group, part in request.by_value():
            positions = request.positions[part]
            assert torch.equal(results.translate(positions, [group]), base.images[positions])


def test_a_plus_within_a_value_separates_no_groups():
    attributes = (Attribute("age", ("+60", "60+", "a+b=c")), Attribute("b c", ("x", "y+")))
    inputs = Inputs(["a"], torch.zeros(1, 3, 8, 8), torch.zeros(1, 2), attributes)
    pairs = [(Group(0, a), Group(1, b)) for a in range(3) for b in range(2)]
    for groups in [*pairs, *(pair[::-1] for pair in pairs), *((Group(0, a),) for a in range(3))]:
        assert inputs.parse(inputs.text(groups)) == groups
    assert inputs.parse("age=60+ + b c=y+") == (Group(0, 1), Group(1, 1))


def test_a_file_that_is_listed_twice_is_refused(tmp_path):
    rows, _ = answered(tmp_path, elsewhere.inputs(), requests())
    again = "./" + rows[0]["result"]
    text = (tmp_path / "results.csv").read_text()
    (tmp_path / "results.csv").write_text(text.replace(rows[1]["result"], again))
    with pytest.raises(UserError, match=r"line 3: .* is listed twice, first in .*results.csv: line 2; give"):
        open_results(tmp_path, elsewhere.inputs(), torch.device("cpu"), batch_size=5)


def test_a_zip_with_two_files_of_one_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of what it writes here
        for text in ("a", "b"):
            archive.writestr("results.csv", text)
    with pytest.raises(UserError, match=r"r\.zip: not a readable .zip \(it holds two files named 'results.csv'\)"):
        open_results(tmp_path / "r.zip", elsewhere.inputs(), torch.device("cpu"), batch_size=5)


def test_values_that_differ_by_large_letters_alone_have_different_folders_on_every_file_system(tmp_path):
    mood = Attribute("mood", ("Glad", "glad", "sad"))
    inputs = Inputs(
        ("a", "b", "c"), torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.arange(3)[:, None].char(), (mood,)
    )
    table = write_requests(tmp_path, inputs, make_requests(inputs.labels, inputs.attributes))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    folders = {row["groups"]: row["result"].split("/")[1] for row in rows}
    assert folders["mood=sad"] == "mood=sad"
    assert len({folder.casefold() for folder in folders.values()}) == len(folders) == 3
