"""Embeddings by functions and exported programs that a test writes as a user would."""

import hashlib
import sys

import pytest
import torch
from torch import nn

from sgbench.features.embedding import Embedder, load_embedder
from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_value

MODULE = """
import torch

def colours(images):
    assert images.min() >= -1 and images.max() <= 1
    return images.mean((2, 3)) + 2

def nothing(images):
    return None

def whole_numbers(images):
    return torch.ones(len(images), 3, dtype=torch.int64)

def maps(images):
    return images

def one(images):
    return torch.ones(1, 3)

def zero(images):
    return torch.zeros(len(images), 3)

def gaps(images):
    return torch.full((len(images), 3), float("nan"))

def fails(images):
    raise KeyError("no such\\nlayer")

LIMIT = 3
"""


class Colours(nn.Module):
    """Mean and deviation of each channel."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 4.0]))

    def forward(self, x):
        return torch.cat([x.mean((2, 3)) * self.scale, x.std((2, 3))], 1)


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    path = tmp_path / "my_faces.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop("my_faces", None)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "faces.pt2"
    number = torch.export.Dim("number", min=1)
    torch.export.save(torch.export.export(Colours(), (torch.zeros(2, 3, 16, 16),), dynamic_shapes=[{0: number}]), path)
    return path


def _images(number, size=16):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (number, 3, size, size), dtype=torch.uint8, generator=generator)
    images[0], images[1] = 0, 255
    return images


def test_a_function_gets_images_from_minus_one_to_one(own_module):
    embedder = load_embedder("my_faces:colours")
    embedding = embedder(_images(5))
    assert embedding.dtype == torch.float64
    expected = (_images(5).double() / 255 * 2 - 1).mean((2, 3)) + 2
    torch.testing.assert_close(embedding, expected, rtol=1e-5, atol=1e-5)
    assert embedding[:2].tolist() == [[1, 1, 1], [3, 3, 3]]


def test_a_program_gives_what_its_network_gives(program):
    embedding = load_embedder(str(program))(_images(5))
    expected = Colours()(_images(5).float() / 127.5 - 1)
    torch.testing.assert_close(embedding, expected.double(), rtol=1e-5, atol=1e-6)


def test_batches_are_of_no_account(own_module, program):
    for origin in ("my_faces:colours", str(program)):
        embedder = load_embedder(origin)
        small = Embedder(embedder.function, origin, embedder.sha256, embedder.device, batch_size=2)
        torch.testing.assert_close(small(_images(5)), embedder(_images(5)), rtol=1e-5, atol=1e-6)


def test_at_most_a_batch_of_images_comes_at_once():
    seen = []

    def watch(x):
        seen.append(len(x))
        return x.flatten(1)

    Embedder(watch, "watch", "", torch.device("cpu"), batch_size=4)(_images(10))
    assert seen == [4, 4, 2]


def test_the_hash_is_that_of_the_file_and_of_the_functions_name(own_module, program):
    code = hashlib.sha256(own_module.read_bytes()).hexdigest()
    assert load_embedder("my_faces:colours").sha256 == hash_of_value(["colours", code])
    assert load_embedder("my_faces:zero").sha256 == hash_of_value(["zero", code])
    assert load_embedder(str(program)).sha256 == hashlib.sha256(program.read_bytes()).hexdigest()


@pytest.mark.parametrize("weights", ["W = torch.load(FILE)", "def lazily():\n    return torch.load(FILE)"])
def test_other_weights_of_a_function_give_another_hash(own_module, weights):
    """Which decides whether what was scored before is scored again."""
    named = MODULE + f"\nfrom pathlib import Path\nFILE = Path(__file__).with_name('weights.pt')\n{weights}\n"
    own_module.write_text(named)
    hashes = []
    for value in (1.0, 1.0, 2.0):
        torch.save(torch.full((3,), value), own_module.with_name("weights.pt"))
        sys.modules.pop("my_faces", None)
        hashes.append(load_embedder("my_faces:colours").sha256)
    assert hashes[0] == hashes[1] != hashes[2]


KINDS = ["torch.full((3,), float({}))", "numpy.full(3, float({}))", "network({})", "{{'own': [], 'net': network({})}}"]


@pytest.mark.parametrize("kind", [*KINDS, "(network({}), None)"])
def test_weights_from_wherever_count_if_the_module_has_them_at_its_top(own_module, kind):
    source = (
        MODULE
        + """
import os
import numpy

def network(value):
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, float(value))
    torch.nn.init.zeros_(layer.bias)
    return layer

"""
    )
    own_module.write_text(source + "W = " + kind.format("os.environ['VALUE']"))
    hashes = []
    with pytest.MonkeyPatch.context() as patch:
        for value in ("1", "1", "2"):
            patch.setenv("VALUE", value)
            sys.modules.pop("my_faces", None)
            hashes.append(load_embedder("my_faces:colours").sha256)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing", "must return a floating point tensor, not NoneType"),
        ("whole_numbers", "must return a floating point tensor, not torch.int64"),
        ("maps", r"must return \[3, D\], not \[3, 3, 16, 16\]"),
        ("one", r"must return \[3, D\], not \[1, 3\]"),
        ("zero", "zero, NaN or infinite"),
        ("gaps", "zero, NaN or infinite"),
        ("fails", r"fails on images \[3, 3, 16, 16\]: KeyError: 'no such\\nlayer'"),
    ],
)
def test_a_function_that_gives_no_embedding_is_refused(own_module, name, problem):
    with pytest.raises(UserError, match=f"^my_faces:{name}: .*{problem}") as caught:
        load_embedder(f"my_faces:{name}")(_images(3))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "origin", ["no_such_package:f", "my_faces", "my_faces:other", "my_faces:LIMIT", ":f", ".faces:f", "", "sys:exit"]
)
def test_an_origin_that_names_no_function_is_refused(own_module, origin):
    with pytest.raises(UserError, match=f"unknown face embedding '{origin}'"):
        load_embedder(origin)


def test_a_program_that_is_not_there_or_not_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none\.pt2: .*No such file"):
        load_embedder(str(tmp_path / "none.pt2"))
    (tmp_path / "text.pt2").write_text("text")
    with pytest.raises(UserError, match=r"text\.pt2: not a program that torch\.export\.save wrote"):
        load_embedder(str(tmp_path / "text.pt2"))


def test_a_program_for_one_size_refuses_another_in_one_line(program):
    with pytest.raises(UserError, match=r"faces\.pt2: fails on images \[2, 3, 24, 24\]") as caught:
        load_embedder(str(program))(_images(2, 24))
    assert "\n" not in str(caught.value)


def embedder(function):
    return Embedder(function, "mine:faces", "0" * 64, torch.device("cpu"), batch_size=3)


def test_a_network_that_gives_the_same_each_time_is_taken():
    embedder(Colours()).check(_images(4))


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda x: x.mean((2, 3)) + torch.rand(len(x), 3), "gives another embedding of an image at each call"),
        (nn.Sequential(nn.Flatten(), nn.Dropout(0.5)), "gives another embedding of an image at each call"),
        (
            lambda x: x.mean((2, 3)) + x.mean() + torch.arange(3),
            "gives another embedding of an image beside other images",
        ),
        (lambda x: torch.ones(len(x), len(x) + 2), "must return embeddings of one length, not 5, 3"),
        (lambda x: torch.ones(len(x), 1 + (len(x) > 1)), "must return embeddings of one length, not 2, 1"),
    ],
)
def test_a_network_whose_embeddings_are_others_each_time_is_refused(function, problem):
    with pytest.raises(UserError, match=f"^mine:faces: {problem}"):
        embedder(function).check(_images(4))


def test_a_length_that_depends_on_the_number_of_images_is_found_in_one_batch_too():
    with pytest.raises(UserError, match="beside other images"):
        embedder(lambda x: torch.ones(len(x), len(x) + 2)).check(_images(2))


def test_networks_that_exchange_their_weights_give_another_hash(own_module):
    own_module.write_text(MODULE + "\nimport os\nA, B = (torch.full((3,), float(v)) for v in os.environ['VALUES'])\n")
    hashes = []
    with pytest.MonkeyPatch.context() as patch:
        for values in ("12", "21"):
            patch.setenv("VALUES", values)
            sys.modules.pop("my_faces", None)
            hashes.append(load_embedder("my_faces:colours").sha256)
    assert hashes[0] != hashes[1]
