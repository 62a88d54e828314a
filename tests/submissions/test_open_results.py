"""The same translator by every way in which results come: the same bytes each time."""

import json
import os
import zipfile

import elsewhere
import numpy as np
import pytest
import torch
from torch.export import Dim

from sgbench.data.labels import Group
from sgbench.submissions import arrays
from sgbench.submissions.opening import open_results
from sgbench.support.errors import UserError

CPU = torch.device("cpu")


def numbered():
    """Single edits only: positions, attributes and values as integers, and their pixels."""
    singles = [(n, groups[0]) for n, groups in elsewhere.edits() if len(groups) == 1]
    pixels = np.stack([elsewhere.expected(n, [group]) for n, group in singles])
    columns = np.array([(n, *group) for n, group in singles])
    return pixels, {"sources": columns[:, 0], "attributes": columns[:, 1], "values": columns[:, 2]}


def named():
    ids = elsewhere.inputs().ids
    texts = {
        "sources": [ids[n] for n, _ in elsewhere.edits()],
        "groups": [elsewhere.text(g) for _, g in elsewhere.edits()],
    }
    return elsewhere.pixels_of_edits(), texts


def folder(root):
    return elsewhere.write_folder(root)


def folder_of_another_table(root):
    return elsewhere.write_folder(root, "mine.CSV")


def archive(root):
    elsewhere.write_folder(root / "tree")
    with zipfile.ZipFile(root / "results.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in (root / "tree").rglob("*.*"):
            file.write(path, path.relative_to(root / "tree").as_posix())
    return root / "results.zip"


def npz(root):
    pixels, texts = named()
    np.savez(root / "r.npz", results=pixels, **texts)
    return root / "r.npz"


def npz_fortran(root):
    pixels, texts = named()
    np.savez(root / "r.npz", **texts, results=np.asfortranarray(pixels))
    return root / "r.npz"


def npz_compressed_channels_last(root):
    pixels, texts = named()
    np.savez_compressed(root / "r.npz", results=pixels.transpose(0, 2, 3, 1), **texts)
    return root / "r.npz"


def npz_numbered(root):
    pixels, columns = numbered()
    np.savez(root / "r.npz", results=pixels, **columns)
    return root / "r.npz"


def safetensors_named(root):
    save_file = pytest.importorskip("safetensors.torch").save_file
    pixels, texts = named()
    save_file(
        {"results": torch.from_numpy(pixels)}, root / "r.safetensors", {k: json.dumps(t) for k, t in texts.items()}
    )
    return root / "r.safetensors"


def safetensors_numbered_channels_last(root):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    pixels, columns = numbered()
    pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    save_file({"results": pixels} | {k: np.ascontiguousarray(c) for k, c in columns.items()}, root / "r.safetensors")
    return root / "r.safetensors"


def floats(root):
    return elsewhere.as_floats


def eight_bits(root):
    return elsewhere.as_bytes


def decorated(root):
    return elsewhere.decorated


def module(root):
    return elsewhere.Called()


def by_name(root):
    return "elsewhere:as_floats"


def exported(root, model, example, shapes):
    path = root / "model.pt2"
    torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)
    return path


def images(n):
    return torch.zeros(n, 3, elsewhere.SIZE, elsewhere.SIZE)


def exported_any_batch(root):
    return exported(root, elsewhere.OneGroup(), (images(2), torch.tensor(1)), ({0: Dim("n")}, None))


def exported_batch_of_four(root):
    return exported(root, elsewhere.OneGroup(), (images(4), torch.tensor([1])), None)


def exported_two_to_three(root):
    return exported(root, elsewhere.OneGroup(), (images(2), torch.tensor(1)), ({0: Dim("n", min=2, max=3)}, None))


def exported_group_for_each(root):
    n = Dim("n")
    return exported(root, elsewhere.OneGroup(), (images(2), torch.tensor([1, 1])), ({0: n}, {0: n}))


def exported_group_for_each_of_four(root):
    return exported(root, elsewhere.OneGroup(), (images(4), torch.tensor([1] * 4)), None)


def exported_every_group(root):
    return exported(root, elsewhere.EveryGroup(), (images(2),), ({0: Dim("n")},))


def onnx(root, model, example, shapes):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = root / "model.onnx"
    torch.onnx.export(model.eval(), example, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    return path


def onnx_any_batch(root):
    return onnx(root, elsewhere.OneGroup(), (images(2), torch.tensor(1)), ({0: Dim("n")}, None))


def onnx_batch_of_four(root):
    return onnx(root, elsewhere.OneGroup(), (images(4), torch.tensor([1])), None)


def onnx_every_group(root):
    return onnx(root, elsewhere.EveryGroup(), (images(2),), ({0: Dim("n")},))


STORED = [folder, folder_of_another_table, archive, npz, npz_fortran, npz_compressed_channels_last, safetensors_named]
NUMBERED = [npz_numbered, safetensors_numbered_channels_last]
FUNCTIONS = [floats, eight_bits, decorated, module, by_name]
EXPORTED = [
    exported_any_batch,
    exported_batch_of_four,
    exported_two_to_three,
    exported_group_for_each,
    exported_group_for_each_of_four,
    exported_every_group,
    onnx_any_batch,
    onnx_batch_of_four,
    onnx_every_group,
]


def edits_by_groups(way):
    """Positions to translate to each groups; files that number attributes hold single edits only."""
    found = {}
    for position, groups in elsewhere.edits():
        if len(groups) == 1 or way not in NUMBERED:
            found.setdefault(groups, []).append(position)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("way", STORED + NUMBERED + FUNCTIONS + EXPORTED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_every_way_gives_the_same_bytes(way, tmp_path):
    results = open_results(way(tmp_path), elsewhere.inputs(), CPU, batch_size=5)
    for groups, positions in edits_by_groups(way).items():
        places = torch.tensor(positions)
        assert results.has(places, groups).tolist() == [True] * len(places)
        given = results.translate(places, groups)
        assert given.dtype == torch.uint8
        assert np.array_equal(given.numpy(), np.stack([elsewhere.expected(n, groups) for n in positions]))
        backwards = results.translate(places.flip(0), groups)
        assert torch.equal(backwards, given.flip(0))
    assert results.unused == 0


@pytest.mark.parametrize("way", STORED)
def test_stored_results_are_had_only_where_they_are(way, tmp_path):
    results = open_results(way(tmp_path), elsewhere.inputs(), CPU, batch_size=5)
    everyone = torch.arange(elsewhere.NUM_IMAGES)
    there = {(n, groups) for n, groups in elsewhere.edits()}
    for groups in [(Group(j, v),) for j, v in elsewhere.all_values()]:
        assert results.has(everyone, groups).tolist() == [(n, groups) in there for n in everyone.tolist()]
    assert not results.has(everyone, [Group(0, 0), Group(1, 0), Group(2, 0)]).any()
    with pytest.raises(ValueError, match=r"has no result for 000500.jpg with gender=female"):
        results.translate(torch.tensor([0]), [Group(0, 0)])


def test_a_folder_and_its_zip_have_the_same_fingerprint_and_other_pixels_another(tmp_path):
    (tmp_path / "a").mkdir()
    in_zip = open_results(archive(tmp_path / "a"), elsewhere.inputs(), CPU, 5)
    in_folder = open_results(tmp_path / "a/tree", elsewhere.inputs(), CPU, 5)
    assert in_zip.fingerprint == in_folder.fingerprint
    (tmp_path / "a/tree/png/3.png").write_bytes(elsewhere.png(elsewhere.expected(0, [])))
    assert open_results(tmp_path / "a/tree", elsewhere.inputs(), CPU, 5).fingerprint != in_folder.fingerprint


def test_arrays_in_fortrans_order_are_read_alike(tmp_path):
    path = npz(tmp_path)
    with np.load(path) as given:
        kept = {name: given[name] for name in given.files}
    np.savez(tmp_path / "f.npz", **kept | {"results": np.asfortranarray(kept["results"])})
    results = open_results(tmp_path / "f.npz", elsewhere.inputs(), CPU, 5)
    for position, groups in elsewhere.edits():
        made = results.translate(torch.tensor([position]), groups)
        assert np.array_equal(made[0].numpy(), elsewhere.expected(position, groups))


def test_an_uncompressed_npz_stays_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_stamp", lambda path: ())  # or it would be refused that the file is written to
    path = npz(tmp_path)
    content = path.read_bytes()
    pixels = elsewhere.expected(*elsewhere.edits()[0])
    start = content.index(pixels.tobytes())
    results = open_results(path, elsewhere.inputs(), CPU, 5)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(pixels.size))
    position, groups = elsewhere.edits()[0]
    assert not results.translate(torch.tensor([position]), groups).any()


@pytest.mark.parametrize("make", [folder, npz, safetensors_named])
@pytest.mark.parametrize("how", ["replaced", "gone", "cut"])
def test_results_that_change_while_they_are_scored_are_refused(tmp_path, make, how):
    path = make(tmp_path)
    results = open_results(path, elsewhere.inputs(), CPU, 4)
    position, groups = next((n, groups) for n, groups in elsewhere.edits() if len(groups) == 1)
    asked = torch.tensor([position]), groups
    assert np.array_equal(results.translate(*asked)[0].numpy(), elsewhere.expected(position, groups))
    for file in path.rglob("*.png") if path.is_dir() else [path]:
        content = file.read_bytes()
        if how == "cut":  # where it lies, as by a copy that begins anew
            os.truncate(file, 20)
            continue
        file.unlink()
        if how == "replaced":
            file.write_bytes(content if file == path else elsewhere.png(np.zeros((3, 8, 8), np.uint8)))
    with pytest.raises(UserError, match="changed|not there" if how == "gone" else "was changed after it was opened"):
        results.translate(*asked)
