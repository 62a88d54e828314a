"""Feeds: the same batches whichever way they reach the device, in memory that stays where it is."""

import pytest
import torch
from test_loop import METHODS, make

from sgbench.data.store.packed import PackedImages
from sgbench.training import feeds
from sgbench.training.feeds import HostFeed, ResidentFeed, StreamedFeed, make_feed

CPU = torch.device("cpu")
COUNT = 3


def feed_of(kind, source):
    return ResidentFeed(source, COUNT, source.images) if kind == "resident" else StreamedFeed(source, COUNT, CPU)


def assert_batches_of(feed, source, iteration):
    batches, expected = feed.batches(), source.at(iteration, COUNT)
    assert len(batches) == len(expected) == COUNT
    for one, other in zip(batches, expected, strict=True):
        assert one.images.dtype == other.images.dtype
        assert one.labels.dtype == other.labels.dtype
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("cls", METHODS)
@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_a_device_feed_gives_the_batches_of_the_host_exactly(kind, cls):
    source = make(cls)[1]
    feed = feed_of(kind, source)
    for iteration in (0, 1, 7, 1, 12_345):
        feed.load(iteration)
        assert_batches_of(feed, source, iteration)
        assert_batches_of(feed, source, iteration)  # asking again changes nothing


@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_images_of_a_part_of_the_data_set(kind):
    """Rows count training images, whose positions in the data set are others."""
    source = make(METHODS[0])[1]
    source.positions = torch.randperm(len(source.positions), generator=torch.Generator().manual_seed(1))
    feed = feed_of(kind, source)
    feed.load(4)
    assert_batches_of(feed, source, 4)


def test_mirrored_images_and_others_are_both_there():
    source = make(METHODS[0])[1]
    assert {bool(m) for m in source.draw(2, COUNT).mirrored.flatten()} == {False, True}


@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_the_memory_of_a_feed_stays_the_same_between_loads(kind):
    feed = feed_of(kind, make(METHODS[0])[1])
    held = {name: value for name, value in vars(feed).items() if isinstance(value, torch.Tensor)}
    assert len(held) >= 3
    addresses = {name: value.data_ptr() for name, value in held.items()}
    values = []
    for iteration in range(3):
        feed.load(iteration)
        feed.batches()
        now = {name: value for name, value in vars(feed).items() if isinstance(value, torch.Tensor)}
        assert {name: value.data_ptr() for name, value in now.items()} == addresses
        values.append(feed.mirrored.clone())
    assert not torch.equal(values[0], values[1])


@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_images_are_channels_last_and_made_by_the_same_operations(kind):
    source = make(METHODS[0])[1]
    feed = feed_of(kind, source)
    feed.load(0)
    assert all(b.images.is_contiguous(memory_format=torch.channels_last) for b in feed.batches())


def test_a_cpu_is_fed_by_the_host():
    source = make(METHODS[0])[1]
    feed = make_feed(source, COUNT)
    assert isinstance(feed, HostFeed)
    feed.load(5)
    assert_batches_of(feed, source, 5)


class Packed(PackedImages):
    """Some images without a store."""

    def __init__(self, images):
        self.images, self.shape, self.reads = images, tuple(images.shape), 0

    def __getitem__(self, index):
        self.reads += 1
        return self.images[index]


def test_packed_images_are_moved_once_and_make_room_for_those_of_another_data_set(monkeypatch):
    monkeypatch.setattr(feeds, "_held", {})
    monkeypatch.setattr(feeds, "_CHUNK", 7)
    source, other = (make(METHODS[0])[1] for _ in range(2))
    source.images, other.images = Packed(source.images), Packed(other.images[:20])
    assert not feeds._holds(source)
    on_device = feeds._on_device(source)
    assert torch.equal(on_device, source.images.images)
    assert feeds._on_device(source) is on_device
    assert source.images.reads == 9
    assert feeds._holds(source)
    assert not feeds._holds(other)
    assert torch.equal(feeds._on_device(other), other.images.images)
    assert not feeds._holds(source)


@pytest.mark.parametrize(
    ("free", "held", "expected"),
    [(10_000_000, False, ResidentFeed), (100, False, StreamedFeed), (100, True, ResidentFeed)],
)
def test_a_gpu_holds_all_images_if_they_fit_or_are_there(free, held, expected, monkeypatch):
    source = make(METHODS[0])[1]
    source.device = torch.device("meta")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(feeds, "_holds", lambda source: held)
    assert type(make_feed(source, COUNT)) is expected
