"""Packed images: what a source reads, whole or not at all, whatever was killed, cut off, overwritten or beside it."""

import json
import multiprocessing
import os
import pickle
import resource
import select
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock

from sgbench.data.batches import Batches
from sgbench.data.labels import Attribute, sparsify
from sgbench.data.store import packed, packing
from sgbench.data.store.packed import PackedImages, open_store, store_folder, verify_store
from sgbench.support.cores import torch_threads
from sgbench.support.errors import UserError


class Numbered:
    """Images of noise drawn from their number; notes in a file which were read, and can take its time or fail."""

    name = "numbered"

    def __init__(self, num_images, image_size=32, notes=None, seconds=0.0, fail=None):
        self.settings = SimpleNamespace(image_size=image_size)
        self.ids = range(num_images)
        self.fingerprint = f"{num_images:064d}"[::-1]
        self.notes, self.seconds, self.fail = notes, seconds, fail

    def times(self):
        return None

    def read(self, index):
        size = self.settings.image_size
        return np.random.default_rng(index).integers(0, 256, (3, size, size), dtype=np.uint8)

    def read_many(self, index):
        time.sleep(self.seconds * len(index))
        if self.fail:
            self.fail(index)
        if self.notes:
            with self.notes.open("a") as file:
                file.write("".join(f"{i}\n" for i in index))
        return np.stack([self.read(i) for i in index])


def everything(images):
    return images[torch.arange(len(images))].numpy()


def what(source):
    return np.stack([source.read(i) for i in source.ids])


def shards(folder):
    return sorted(folder.glob("shard-*.npy"))


def identities(folder):
    """Changes for a shard that is written again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in shards(folder)}


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(
    ("size", "num_images", "per_shard"), [(32, 301, 100), (64, 200, 70), (128, 65, 64), (256, 5, 2)]
)
def test_every_image_is_what_the_source_reads(tmp_path, size, num_images, per_shard, processes):
    source = Numbered(num_images, size)
    expected, seen = what(source), []
    images = open_store(source, tmp_path, lambda *done: seen.append(done), per_shard, processes)
    assert len(images) == num_images
    assert images.shape == expected.shape
    assert np.array_equal(everything(images), expected)
    order = torch.from_numpy(np.random.default_rng(1).integers(num_images, size=97))
    assert images[order].dtype == torch.uint8
    assert np.array_equal(images[order].numpy(), expected[order])
    assert seen[0] == (0, num_images)
    assert seen[-1] == (num_images, num_images)
    assert sorted(seen) == seen
    folder = store_folder(source, tmp_path)
    assert {p.name for p in folder.iterdir()} == {"index.json"} | {p.name for p in shards(folder)}
    parts = [np.load(path) for path in shards(folder)]
    assert [len(part) for part in parts[:-1]] == [per_shard] * (len(parts) - 1)
    assert np.array_equal(np.concatenate(parts), expected)
    assert verify_store(folder) == num_images


def test_a_complete_store_is_opened_without_reading_the_source(tmp_path):
    source = Numbered(150)
    open_store(source, tmp_path, images_per_shard=64)
    before = identities(store_folder(source, tmp_path))

    def never(*_):
        raise AssertionError("packed a second time")

    again = open_store(Numbered(150, fail=never), tmp_path, never)
    assert np.array_equal(everything(again), what(source))
    assert identities(store_folder(source, tmp_path)) == before
    sent = pickle.loads(pickle.dumps(again))
    assert np.array_equal(everything(sent), what(source))


def test_what_is_handed_out_is_a_copy(tmp_path):
    source = Numbered(10)
    images = open_store(source, tmp_path)
    images[torch.tensor([3, 4])].zero_()
    assert np.array_equal(everything(images), what(source))
    assert images[torch.tensor([], dtype=torch.int64)].shape == (0, 3, 32, 32)


@pytest.mark.parametrize("index", [[-1], [0, 10], [True, False]])
def test_positions_that_are_none_are_refused(tmp_path, index):
    images = open_store(Numbered(10), tmp_path)
    with pytest.raises(IndexError, match="positions"):
        images[torch.tensor(index)]


@pytest.mark.parametrize("index", [np.array([1, 2]), torch.tensor([1, 2], dtype=torch.int32), [1, 2], 1])
def test_positions_of_another_type_are_refused(tmp_path, index):
    images = open_store(Numbered(10), tmp_path)
    with pytest.raises(IndexError, match="positions must be an int64 tensor; torch"):
        images[index]


def start(function):
    """Call a function in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=function)
    process.start()
    return process


@pytest.mark.parametrize("processes", [1, 2])
def test_finished_shards_of_a_killed_process_are_kept(tmp_path, processes):
    source, notes = Numbered(400), tmp_path / "notes"
    folder = store_folder(source, tmp_path)
    living, held_while_they_live = os.pipe()
    process = start(lambda: open_store(Numbered(400, seconds=0.005), tmp_path, None, 40, processes))
    os.close(held_while_they_live)
    deadline = time.monotonic() + 600
    while len(shards(folder)) < 3:
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join()
    assert select.select([living], [], [], 20)[0] == [living], "its processes outlive it"
    os.close(living)
    with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=600):
        kept = identities(folder)
        half_written = list(folder.glob(".*"))
    assert 3 <= len(kept) < 10
    assert half_written
    seen = []
    images = open_store(Numbered(400, notes=notes), tmp_path, lambda *done: seen.append(done), 40, processes)
    assert seen[0] == (40 * len(kept), 400)
    read = sorted(map(int, notes.read_text().split()))
    finished = {int(name[6:11]) for name in kept}
    assert read == [i for i in range(400) if i // 40 not in finished]
    assert kept.items() <= identities(folder).items()
    assert np.array_equal(everything(images), what(source))
    assert not list(folder.glob(".*"))


def test_processes_compute_with_torch_though_this_one_did_with_threads(tmp_path):
    """A fork has none of its parent's threads, and would wait for them for ever."""

    def compute(index):
        return torch.rand(2**20).exp().sum()

    def give_up(*_):
        raise TimeoutError("the processes never answer")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    try:
        with torch_threads(2):
            compute(0)
            images = open_store(Numbered(8, fail=compute), tmp_path, None, 4, processes=2)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert np.array_equal(everything(images), what(Numbered(8)))


def test_two_processes_at_once_read_each_image_once(tmp_path):
    notes, expected = tmp_path / "notes", what(Numbered(300))

    def open_and_compare():
        images = open_store(Numbered(300, notes=notes, seconds=0.003), tmp_path, None, 100, 2)
        assert np.array_equal(everything(images), expected)

    both = [start(open_and_compare), start(open_and_compare)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert sorted(map(int, notes.read_text().split())) == list(range(300))


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


DAMAGES = {
    "missing": (lambda path: path.unlink(), "is missing"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size - 1), "bytes, not"),
    "empty": (lambda path: path.write_bytes(b""), "has 0 bytes"),
    "header": (lambda path: overwrite(path, 40, b"\0" * 8), "does not begin"),
    "zeroed": (lambda path: overwrite(path, 128, b"\0" * 40 * 3072), "not what was written"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_shard_alone_is_packed_again_with_a_warning(tmp_path, damage, message):
    source = Numbered(150)
    open_store(source, tmp_path, images_per_shard=40)
    folder = store_folder(source, tmp_path)
    before = identities(folder)
    damage(folder / "shard-00002.npy")
    with pytest.raises(UserError, match=rf"shard-00002\.npy: .*{message}.*run again"):
        verify_store(folder)
    with pytest.warns(UserWarning, match=rf"shard-00002\.npy: .*{message}.*packed again"):
        images = open_store(Numbered(150, notes=tmp_path / "notes"), tmp_path)
    assert np.array_equal(everything(images), what(source))
    assert sorted(map(int, (tmp_path / "notes").read_text().split())) == list(range(80, 120))
    after = identities(folder)
    assert {name for name in before if before[name] != after[name]} <= {"shard-00002.npy"}
    assert verify_store(folder) == 150


@pytest.mark.parametrize("image", [0, 1, 38, 39])
@pytest.mark.parametrize("bit", [0, 7])
def test_verifying_finds_any_changed_bit_and_names_the_image(tmp_path, image, bit):
    source = Numbered(80)
    open_store(source, tmp_path, images_per_shard=40)
    path = store_folder(source, tmp_path) / "shard-00001.npy"
    offset = 128 + image * 3072 + 1234
    content = path.read_bytes()
    overwrite(path, offset, bytes([content[offset] ^ 1 << bit]))
    with pytest.raises(
        UserError, match=rf"shard-00001\.npy: image {image} of the file is not what was written; delete"
    ):
        verify_store(path.parent)
    path.unlink()
    with pytest.warns(UserWarning, match="packed again"):
        open_store(source, tmp_path)
    assert path.read_bytes() == content


def test_any_image_that_was_replaced_is_packed_again(tmp_path):
    source = Numbered(80)
    open_store(source, tmp_path, images_per_shard=40)
    path = store_folder(source, tmp_path) / "shard-00001.npy"
    content = path.read_bytes()
    overwrite(path, 128 + 5 * 3072, bytes(30 * 3072))
    with pytest.warns(UserWarning, match=r"shard-00001\.npy: image 5 .*not what was written; packed again"):
        open_store(source, tmp_path)
    assert path.read_bytes() == content


def test_an_image_of_a_large_store_is_compared_on_its_first_use(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "_CHECKED_WHOLE", 0)
    source = Numbered(80)
    open_store(source, tmp_path, images_per_shard=40)
    path = store_folder(source, tmp_path) / "shard-00001.npy"
    content = path.read_bytes()
    overwrite(path, 128 + 5 * 3072, b"other pixels")
    images = open_store(source, tmp_path)
    assert np.array_equal(images[torch.arange(45)].numpy(), what(source)[:45])
    with pytest.raises(UserError, match=r"shard-00001\.npy: image 5 .* run again: it alone is packed"):
        images[torch.tensor([3, 45])]
    path.unlink()
    with pytest.warns(UserWarning, match="packed again"):
        images = open_store(source, tmp_path)
    assert np.array_equal(everything(images), what(source))
    assert path.read_bytes() == content


def test_a_shard_of_other_images_with_their_own_checksums_is_packed_again(tmp_path):
    source, other = Numbered(80), Numbered(80)
    other.fingerprint, other.read = "e" * 64, lambda index: np.full((3, 32, 32), index, np.uint8)
    for one in (source, other):
        open_store(one, tmp_path, images_per_shard=40)
    mine, theirs = (store_folder(one, tmp_path) / "shard-00000.npy" for one in (source, other))
    mine.write_bytes(theirs.read_bytes())
    with pytest.warns(UserWarning, match=r"shard-00000\.npy: holds other checksums than those written; packed again"):
        images = open_store(source, tmp_path)
    assert np.array_equal(everything(images), what(source))


def test_pixels_that_change_places_are_found(tmp_path):
    """Colours exchanged, rows the other way round: a plain sum of the words would be the same."""
    source = Numbered(3)
    source.read = lambda index: np.random.default_rng(index).integers(256, size=(3, 32, 32), dtype=np.uint8)
    open_store(source, tmp_path)
    path = store_folder(source, tmp_path) / "shard-00000.npy"
    content = path.read_bytes()
    for changed in (source.read(1)[[2, 1, 0]], source.read(1)[:, ::-1], source.read(2)):
        overwrite(path, 128 + 3072, changed.tobytes())
        with pytest.warns(UserWarning, match=r"image 1 of the file is not what was written; packed again"):
            open_store(source, tmp_path)
        assert path.read_bytes() == content


def test_a_store_of_an_earlier_format_is_named_with_what_to_delete(tmp_path):
    source = Numbered(20)
    open_store(source, tmp_path)
    index = store_folder(source, tmp_path) / "index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"format": 1}))
    with pytest.raises(
        UserError, match=r"index\.json: format is 1, but 2 for this data; delete the folder and run again"
    ):
        open_store(source, tmp_path)


def test_a_source_that_gives_other_images_for_a_damaged_shard_is_refused(tmp_path):
    """Else the store would hold images of both."""
    source = Numbered(80)
    open_store(source, tmp_path, images_per_shard=40)
    (store_folder(source, tmp_path) / "shard-00000.npy").unlink()
    source.read = lambda index: np.zeros((3, 32, 32), np.uint8)
    with (
        pytest.warns(UserWarning, match="packed again"),
        pytest.raises(UserError, match=r"images were changed since they were packed; .* put those back"),
    ):
        open_store(source, tmp_path)


def test_a_folder_of_other_images_is_refused(tmp_path):
    source = Numbered(20)
    open_store(source, tmp_path)
    index = store_folder(source, tmp_path) / "index.json"
    content = json.loads(index.read_text())
    for key, value in {
        "fingerprint": "f" * 64,
        "num_images": 21,
        "image_size": 64,
        "format": 3,
        "name": "celeba",
    }.items():
        index.write_text(json.dumps(content | {key: value}))
        with pytest.raises(UserError, match=rf"index\.json: {key} is {value}, .* delete the folder"):
            open_store(source, tmp_path)
    for text in (
        "",
        "{}",
        "[]",
        json.dumps(content | {"num_images": "20"}),
        json.dumps(content | {"images_per_shard": 0}),
    ):
        index.write_text(text)
        with pytest.raises(UserError, match=r"index\.json: does not describe packed images; delete"):
            open_store(source, tmp_path)
    index.unlink()
    with pytest.raises(UserError, match=r"index\.json: is missing"):
        PackedImages(index.parent)


def broken_at(number, error):
    def fail(index):
        if number in index:
            raise error

    return fail


@pytest.mark.parametrize("processes", [1, 2])
def test_an_unreadable_image_is_named_and_leaves_the_shards_before_it(tmp_path, processes):
    source = Numbered(400, fail=broken_at(390, UserError("000391.jpg: not a readable image; replace or remove it")))
    with pytest.raises(UserError, match=r"000391\.jpg: not a readable image"):
        open_store(source, tmp_path, None, 40, processes)
    folder = store_folder(source, tmp_path)
    kept = identities(folder)
    assert 0 < len(kept) < 10
    assert sorted(p.name for p in folder.iterdir()) == sorted(kept)
    mended = Numbered(400)
    assert np.array_equal(everything(open_store(mended, tmp_path, None, 40, processes)), what(mended))
    assert kept.items() <= identities(folder).items()


def test_a_fault_in_a_source_is_traced_to_its_line(tmp_path):
    source = Numbered(400, fail=broken_at(10, KeyError("typo")))
    with pytest.raises(RuntimeError, match=r"(?s)test_store\.py.*in fail.*KeyError: 'typo'"):
        open_store(source, tmp_path, None, 40, 2)


def test_a_source_that_returns_something_else_is_refused(tmp_path):
    for wrong in (np.zeros((20, 3, 32, 16), np.uint8), np.zeros((19, 3, 32, 32), np.uint8), np.zeros((20, 3, 32, 32))):
        source = Numbered(20)
        source.read_many = lambda _, wrong=wrong: wrong
        with pytest.raises(ValueError, match=r"Numbered\.read_many returned .* for 20 images"):
            open_store(source, tmp_path)


def test_a_process_that_is_killed_is_an_error(tmp_path):
    parent = os.getpid()

    def fail(index):
        if 130 in index and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UserError, match="was killed"):
        open_store(Numbered(400, fail=fail), tmp_path, None, 40, 2)
    assert not list(tmp_path.glob("*/index.json"))


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    free = SimpleNamespace(free=50_000)
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda _: free)
    with pytest.raises(UserError, match=r"takes 0\.1 MB, 0\.1 MB are free"):
        open_store(Numbered(20), tmp_path)
    assert not shards(store_folder(Numbered(20), tmp_path))
    free.free = 100_000
    open_store(Numbered(20), tmp_path)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    class Cheap(Numbered):
        def read_many(self, index):
            return np.full((len(index), 3, 64, 64), 7, np.uint8)

    receive, send = multiprocessing.Pipe(duplex=False)

    def measure():
        for number in (2_000, 30_000):
            open_store(Cheap(number, 64), tmp_path, None, 1024, 2)
            send.send([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)])

    process = start(measure)
    few, many = np.array([receive.recv(), receive.recv()]) / 1024
    process.join()
    written = 30_000 * 3 * 64 * 64 / 2**20
    assert written > 300
    assert (many - few < 20).all()


def test_batches_from_packed_images_are_those_from_memory(tmp_path):
    source = Numbered(200)
    packed, positions = open_store(source, tmp_path, images_per_shard=30), torch.arange(20, 200)
    truth = torch.from_numpy(np.random.default_rng(2).integers(2, size=(180, 1)).astype(np.int8))
    labels = sparsify(truth, [Attribute("gender", ("female", "male"))], 10, 0)
    for one, other in zip(
        *(
            Batches(images, positions, labels, 8, 0.25, "mixed", 0, torch.device("cpu")).at(3, 20)
            for images in (packed, torch.from_numpy(what(source)))
        ),
        strict=True,
    ):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
