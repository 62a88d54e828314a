"""A data set from elsewhere that breaks the contract is refused in a line; one that keeps to it is what it was."""

import gc
import pickle
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute, Group
from sgbench.data.outside import OutsideSource
from sgbench.data.requests import make_requests
from sgbench.data.source import Source, SourceSettings
from sgbench.data.store.references import open_references
from sgbench.support.cores import torch_threads
from sgbench.support.errors import UserError

N, S = 20, 32
SETTINGS = SourceSettings(image_size=S, attributes=("gender",), num_test=5)


class Mine(Source):
    """Noise; attributes and methods are replaced by what a test gives."""

    name = "mine"
    changes: ClassVar = {}

    def __init__(self, settings):
        self.settings = settings
        self.attributes = (Attribute("gender", ("female", "male")),)
        self.labels = torch.arange(N, dtype=torch.int8)[:, None] % 2
        self.ids = [f"i{k}" for k in range(N)]
        self.fingerprint = "f" * 64
        for name, value in self.changes.items():
            setattr(self, name, value)

    def read(self, index):
        return np.full((3, S, S), index, np.uint8)


def opened(**changes):
    return OutsideSource(type("Mine", (Mine,), {"changes": changes}), "mine", SETTINGS)


def raises(*_):
    raise KeyError("column")


def test_a_data_set_that_keeps_to_the_contract_is_what_it_was():
    source = OutsideSource(Mine, "mine", SETTINGS)
    plain = Mine(SETTINGS)
    assert (source.ids, source.fingerprint, source.attributes) == (plain.ids, plain.fingerprint, plain.attributes)
    assert torch.equal(source.labels, plain.labels)
    assert all(torch.equal(a, b) for a, b in zip(source.scored_split(), plain.scored_split(), strict=True))
    assert (source.read(3) == plain.read(3)).all()
    assert (pickle.loads(pickle.dumps(source)).read_many([1, 2]) == plain.read_many([1, 2])).all()
    assert (source.times(), source.background(torch.arange(2)), source.num_test()) == (None, None, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["same"] * N}, "ids must differ, but 'same' is there 20 times"),
        ({"ids": [f"i{k}" for k in range(N - 1)]}, r"labels must be a tensor int8 \[19, 1\]"),
        (
            {"ids": [f"i{k} " for k in range(N)]},
            "'i0 ' is one of ids; they must not be empty",
        ),
        ({"ids": ["", *map(str, range(1, N))]}, "'' is one of ids"),
        ({"ids": list(range(N))}, "ids must be a text for each image"),
        ({"labels": torch.zeros(N, 1, dtype=torch.int64)}, "labels must be a tensor int8"),
        ({"labels": torch.full((N, 1), 2, dtype=torch.int8)}, "labels of gender are 2 to 2; .* within -1 to 1"),
        ({"labels": torch.full((N, 1), -2, dtype=torch.int8)}, "labels of gender are -2 to -2"),
        ({"attributes": (Attribute("smile", ("no", "yes")),)}, "attributes must be those that the settings name"),
        ({"fingerprint": None}, "fingerprint must be a text, not None"),
        ({"notes": "These are mine."}, "notes must be a sequence of sentences"),
    ],
)
def test_what_a_data_set_says_of_itself_is_checked(changes, message):
    with pytest.raises(UserError, match=f"^data set mine: {message}"):
        opened(**changes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((torch.arange(N), torch.arange(15, N)), "gives 5 images to both parts, 'i15' among them"),
        ((torch.arange(15), torch.arange(15, N + 1)), "positions from 0 to 19, ascending, each once"),
        ((torch.arange(15), torch.arange(-5, 0)), "positions from 0 to 19, ascending, each once"),
        ((torch.arange(15), torch.tensor([16, 16])), "positions from 0 to 19, ascending, each once"),
        ((np.arange(15), np.arange(15, N)), r"must return two tensors int64 \[n\]"),
        (None, r"data set mine: split\(\) must return two tensors int64 \[n\], not None"),
    ],
)
def test_no_image_is_trained_on_and_scored(parts, message):
    with pytest.raises(UserError, match=message):
        opened(split=lambda: parts).scored_split()


@pytest.mark.parametrize(
    ("name", "made", "message"),
    [
        ("read", np.zeros((3, S, S), np.float32), r"read\(\) must return arrays uint8 \[3, 32, 32\], not .*float32"),
        ("read", np.zeros((S, S, 3), np.uint8), r"read\(\) must return arrays uint8 \[3, 32, 32\]"),
        ("background", torch.zeros(2, 3, S, S, dtype=torch.bool), r"background\(\) must return a tensor bool \[1, 32"),
        ("counterfactual", torch.zeros(2, 3, S, S), r"counterfactual\(\) must return a tensor uint8 \[1, 3, 32, 32\]"),
        ("times", np.zeros(3, np.int64), r"times\(\) must return an array int64 \[20\]"),
    ],
)
def test_what_a_data_set_returns_is_checked(name, made, message):
    calls = {
        "read": lambda source: source.read_many([0, 1]),
        "background": lambda source: source.background(torch.arange(2)),
        "counterfactual": lambda source: source.counterfactual(torch.arange(2), [Group(0, 1)]),
        "times": lambda source: source.times(),
    }
    with pytest.raises(UserError, match=message):
        calls[name](opened(**{name: lambda *_: made}))
    with pytest.raises(UserError, match="failed: KeyError: 'column'"):
        calls[name](opened(**{name: raises}))


def drawn(shape, dtype):
    """Something else at each call."""
    return lambda *_: torch.randint(0, 2, shape, dtype=torch.int64).to(dtype)


async def later(*_):
    """What must be awaited."""


@pytest.mark.parametrize(
    ("name", "made", "call"),
    [
        ("read", lambda index: drawn((3, S, S), torch.uint8)().numpy(), lambda source: source.read_many(range(10))),
        (
            "background",
            lambda i: drawn((len(i), S, S), torch.bool)(),
            lambda source: source.background(torch.arange(3)),
        ),
        (
            "counterfactual",
            lambda index, _: drawn((len(index), 3, S, S), torch.uint8)(),
            lambda source: source.counterfactual(torch.arange(3), [Group(0, 1)]),
        ),
        (
            "counterfactual",
            lambda index, _: None if len(index) == 1 else torch.zeros(len(index), 3, S, S, dtype=torch.uint8),
            lambda source: source.counterfactual(torch.arange(3), [Group(0, 1)]),
        ),
        (
            "split",
            lambda: (lambda p: (p[:9].sort()[0], p[9:].sort()[0]))(torch.randperm(N)),
            lambda s: s.scored_split(),
        ),
    ],
)
def test_what_is_drawn_anew_at_each_call_is_refused(name, made, call):
    with pytest.raises(
        UserError, match=rf"^data set mine: (scored_)?{name}\(\) gives (another 'i0'|other positions) at each"
    ):
        call(opened(**{name: made}))


def test_images_that_are_flipped_at_random_are_found_and_reused_memory_is_no_draw():
    rng = np.random.default_rng(3)
    image = np.arange(3 * S * S, dtype=np.uint32).reshape(3, S, S).astype(np.uint8)
    with pytest.raises(UserError, match="let it draw nothing at random"):
        opened(read=lambda index: image[..., :: rng.choice((1, -1))]).read_many(range(8))
    memory = np.empty((8, 3, S, S), np.uint8)

    def read_many(index):
        memory[: len(index)] = np.asarray(index)[:, None, None, None]
        return memory[: len(index)]

    assert opened(read_many=read_many).read_many(range(8))[:, 0, 0, 0].tolist() == list(range(8))


@pytest.mark.parametrize("name", ["read", "read_many", "background", "counterfactual", "split", "times"])
def test_what_must_be_awaited_is_refused_and_nothing_else_is_said(name, recwarn):
    source = opened(**{name: lambda *about: later(*about)})
    calls = {
        "background": lambda: source.background(torch.arange(2)),
        "counterfactual": lambda: source.counterfactual(torch.arange(2), [Group(0, 1)]),
        "split": source.scored_split,
        "times": source.times,
    }
    with pytest.raises(UserError, match=r"^data set mine: .* is asynchronous; give a plain function"):
        calls.get(name, lambda: source.read_many([0, 1]))()
    gc.collect()
    assert list(recwarn) == []


def test_an_error_of_the_system_that_names_no_file_is_told_as_the_data_sets():
    def unreachable(_):
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(UserError, match=r"^data set mine: reading 'i0' .* failed: ConnectionRefusedError"):
        opened(read=unreachable).read(0)


def test_positions_are_not_changed_by_a_data_set():
    positions = torch.arange(3)
    opened(background=lambda index: index.zero_()[:, None, None].expand(-1, S, S) > 0).background(positions)
    assert positions.tolist() == [0, 1, 2]


def test_background_and_counterfactuals_may_be_known_one_without_the_other(tmp_path):
    known = {
        "background": lambda index: torch.ones(len(index), S, S, dtype=torch.bool),
        "counterfactual": lambda index, groups: torch.ones(len(index), 3, S, S, dtype=torch.uint8),
    }
    for name in known:
        source = opened(**{name: known[name]})
        _, test = source.split()
        requests = make_requests(source.labels[test], source.attributes)
        found = open_references(source, test, requests, tmp_path / name)
        assert (found.background is None, found.counterfactuals is None) == (
            name != "background",
            name != "counterfactual",
        )


def test_known_answers_are_asked_for_in_one_thread(tmp_path):
    """Code from elsewhere may seed a generator of the whole process for each image."""
    number, threads = 400, set()

    def noise(index, groups):
        threads.add(threading.get_ident())
        images = []
        for position in index.tolist():
            torch.manual_seed(position)
            images.append(torch.cat([torch.randint(0, 256, (1, S, S), dtype=torch.uint8) for _ in range(3)]))
        return torch.stack(images)

    changes = {
        "ids": [f"i{k}" for k in range(number)],
        "labels": torch.arange(number, dtype=torch.int8)[:, None] % 2,
        "counterfactual": noise,
        "background": lambda index: noise(index, ())[:, 0] > 99,
    }
    source, test = opened(**changes), torch.arange(number)
    (request,) = requests = make_requests(source.labels, source.attributes)
    with torch_threads(4):
        found = open_references(source, test, requests, tmp_path)
    assert threads == {threading.get_ident()}
    assert torch.equal(found.counterfactuals[0], noise(test[request.positions], ()))
    assert torch.equal(found.background, noise(test, ())[:, 0] > 99)


@pytest.mark.parametrize("name", ["background", "Background"])
def test_an_attribute_may_be_called_as_what_is_kept_beside_its_counterfactuals(name, tmp_path):
    settings = SETTINGS.model_copy(update={"attributes": (name,)})
    changes = {
        "attributes": (Attribute(name, ("no", "yes")),),
        "background": lambda index: torch.ones(len(index), S, S, dtype=torch.bool),
        "counterfactual": lambda index, groups: torch.full((len(index), 3, S, S), 3, dtype=torch.uint8),
    }
    source = OutsideSource(type("Mine", (Mine,), {"changes": changes}), "mine", settings)
    _, test = source.split()
    found = open_references(source, test, make_requests(source.labels[test], source.attributes), tmp_path)
    assert found.background.dtype == torch.bool
    assert (found.counterfactuals[0] == 3).all()
    names = [path.name.casefold() for path in tmp_path.rglob("*.npy")]
    assert len(set(names)) == len(names) == 2
