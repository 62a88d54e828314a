"""Steps, carried out anew or recorded and replayed; what looking and recording leave as it was; losses read in lots."""

import gc
import json
import warnings
from contextlib import contextmanager
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from test_loop import METHODS, MOST_OF_THEM_SLOW, assert_same_state, make, run
from torch import nn

from sgbench.methods.sggan import SGGAN
from sgbench.results.job_folder import JobFolder
from sgbench.support.errors import UserError
from sgbench.training import steps as stepping
from sgbench.training.feeds import HostFeed, ResidentFeed
from sgbench.training.loop import _History, step_seed
from sgbench.training.steps import ReplayedSteps, Steps, kept_state, make_steps


def parts(cls, **settings):
    """A method and a feed for it."""
    method, batches = make(cls, **settings)
    return method, ResidentFeed(batches, method.batches_per_iteration, batches.images)


def weights(method):
    return [p.detach().clone() for p in method.parameters()]


def moments(method):
    return [
        value.clone()
        for optimizer in method.optimizers.values()
        for state in optimizer.state.values()
        for value in state.values()
    ]


def equal(one, other):
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# Ordinary steps


@pytest.mark.parametrize("cls", METHODS)
def test_a_step_is_the_methods_step_on_the_batches_of_its_iteration(cls):
    method, feed = parts(cls)
    other, batches = make(cls)
    steps = Steps(method, feed, "float32")
    for iteration in range(2):
        torch.manual_seed(iteration)
        losses = steps.run(iteration)
        torch.manual_seed(iteration)
        expected = other.step(batches.at(iteration, other.batches_per_iteration), iteration)
        assert steps.names == tuple(expected)
        assert losses.dtype == torch.float32
        assert losses.tolist() == [float(value) for value in expected.values()]
    assert equal(weights(method), weights(other))


def test_losses_of_bfloat16_are_kept_as_float32():
    method, feed = parts(SGGAN)
    losses = Steps(method, feed, "bfloat16").run(0)
    assert losses.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in method.parameters())
    assert not torch.is_autocast_enabled("cpu")


def test_a_step_that_must_be_awaited_is_refused_and_nothing_else_is_said(recwarn):
    async def later():
        return {}

    method, feed = parts(SGGAN)
    method.step = lambda *_: later()
    with pytest.raises(UserError, match=r"^SGGAN\.step\(\) is asynchronous; give a plain function"):
        Steps(method, feed, "float32").run(0)
    gc.collect()
    assert list(recwarn) == []


def test_a_cpu_has_ordinary_steps():
    method, feed = parts(SGGAN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = make_steps(method, feed, "float32", 0)
    assert type(steps) is Steps
    assert all(type(group["lr"]) is float for o in method.optimizers.values() for group in o.param_groups)


class StepsOnAGPU(Steps):
    """Steps that say that they are on a GPU."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.device = torch.device("cuda")


def test_an_optimiser_that_cannot_be_captured_is_told_in_a_warning(monkeypatch):
    monkeypatch.setattr(stepping, "Steps", StepsOnAGPU)
    method, feed = parts(SGGAN)
    method.optimizers["generator"] = torch.optim.SGD(method.generator.parameters(), 0.1)
    with pytest.warns(UserWarning, match="SG-GAN is trained without replaying, which is slower: an optimiser has no"):
        steps = make_steps(method, feed, "float32", 0)
    assert type(steps) is StepsOnAGPU


def test_a_breach_is_told_in_a_warning_and_its_absence_is_replayed(monkeypatch):
    monkeypatch.setattr(stepping, "Steps", StepsOnAGPU)
    monkeypatch.setattr(stepping, "breach_of", lambda steps, iteration: "it looks at values" if iteration else None)
    with pytest.warns(UserWarning, match="slower: it looks at values"):
        assert type(make_steps(*parts(SGGAN), "float32", 1)) is StepsOnAGPU
    assert type(make_steps(*parts(SGGAN), "float32", 0)) is ReplayedSteps


# Recording, with a CPU in the place of a GPU


class Graph:
    """Stands for a CUDA graph: recording notes what is recorded, replaying carries it out."""

    def replay(self):
        self.losses.copy_(self.carry_out())


@pytest.fixture
def recorded(monkeypatch):
    """Replayed steps on the CPU; yields how often anything was recorded."""
    times = []

    @contextmanager
    def record(graph):
        steps = steps_of[0]
        plain, graph.carry_out = steps.carry_out, lambda: plain(steps.recorded_at)

        def noted(iteration):
            steps.recorded_at = iteration
            with kept_state(steps.method), torch.random.fork_rng([]):
                graph.losses = plain(iteration)  # what is recorded is not carried out
            return graph.losses

        steps.carry_out = noted
        yield
        times.append(steps.recorded_at)

    steps_of = []
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda one: warnings.catch_warnings())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", record)

    def steps_on_cpu(cls, precision="float32"):
        steps_of[:] = [ReplayedSteps(*parts(cls), precision)]
        return steps_of[0]

    return SimpleNamespace(steps=steps_on_cpu, times=times)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("cls", METHODS)
def test_replays_are_the_iterations_that_are_carried_out(recorded, cls, precision):
    """The first too, though its iteration was run several times to warm up: weights, moments, draws are given back."""
    replayed, plain = recorded.steps(cls, precision), Steps(*parts(cls), precision)
    losses = []
    for iteration in range(3):
        torch.manual_seed(step_seed(0, iteration))
        losses.append(replayed.run(iteration))
        torch.manual_seed(step_seed(0, iteration))
        assert torch.equal(losses[-1], plain.run(iteration))
        assert equal(weights(replayed.method), weights(plain.method))
    assert equal(moments(replayed.method), moments(plain.method))
    assert replayed.names == plain.names
    assert recorded.times == [0]
    assert len({value.data_ptr() for value in losses}) == 3  # each iteration's losses are its own


@pytest.mark.slow
@pytest.mark.parametrize("cls", METHODS)
def test_a_job_that_goes_on_records_another_iteration_and_computes_the_same(recorded, cls):
    whole, later = Steps(*parts(cls), "float32"), recorded.steps(cls)
    for iteration in range(3):
        torch.manual_seed(iteration)
        losses = whole.run(iteration)
        if iteration == 1:
            later.method.load_state_dict(whole.method.state_dict())
            for name, optimizer in whole.method.optimizers.items():
                later.method.optimizers[name].load_state_dict(deepcopy(optimizer.state_dict()))
    torch.manual_seed(2)
    assert torch.equal(later.run(2), losses)
    assert recorded.times == [2]
    assert equal(weights(later.method), weights(whole.method))


# State


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_kept_comes_back_in_the_same_memory(begun):
    method, feed = parts(METHODS[1])
    steps = Steps(method, feed, "float32")
    if begun:
        steps.run(0)
    before, moments_before = weights(method), moments(method)
    addresses = [p.data_ptr() for p in method.parameters()]
    with kept_state(method):
        steps.run(1)
        assert not equal(weights(method), before)
    assert equal(weights(method), before)
    assert [p.data_ptr() for p in method.parameters()] == addresses
    assert equal(moments(method), moments_before) if begun else all(not m.any() for m in moments(method))


def test_state_comes_back_after_an_error_too():
    method, feed = parts(SGGAN)
    before = weights(method)

    def run_and_break():
        with kept_state(method):
            Steps(method, feed, "float32").run(0)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_and_break()
    assert equal(weights(method), before)


def test_buffers_are_kept():
    method = nn.Module()
    method.register_buffer("count", torch.zeros(2))
    method.optimizers = {}
    with kept_state(method):
        method.count += 1
    assert method.count.tolist() == [0, 0]


# Losses, read in lots


def history(tmp_path, most, report=None):
    steps = SimpleNamespace(device=torch.device("cpu"), names=("a", "b"))
    found = _History(JobFolder(tmp_path), steps, report)
    found.most = most
    return found


def kept(tmp_path):
    file = tmp_path / "stats.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_cpus_losses_are_read_at_once_and_a_gpus_in_lots(tmp_path):
    of = {
        kind: _History(JobFolder(tmp_path), SimpleNamespace(device=torch.device(kind), names=()), None).most
        for kind in ("cpu", "cuda")
    }
    assert of["cpu"] == 1
    assert of["cuda"] > 1


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_rows_are_the_same_however_many_are_read_together(most, tmp_path):
    reported = []
    losses = history(tmp_path, most, lambda done, row: reported.append((done, row)))
    for done in range(1, 5):
        losses.add(torch.tensor([done / 2, -done]), done)
        assert len(reported) == done // most * most
    losses.keep()
    assert len(kept(tmp_path)) == 4
    losses.add(torch.tensor([2.5, -5.0]), 5)
    losses.keep()
    losses.keep()  # nothing new: nothing is written twice
    assert kept(tmp_path) == [{"iteration": t, "a": t / 2, "b": float(-t)} for t in range(1, 6)]
    assert reported == [(t, {"a": t / 2, "b": float(-t)}) for t in range(1, 6)]


def test_losses_may_have_other_names_in_other_iterations(tmp_path):
    losses = history(tmp_path, 50)
    losses.add(torch.tensor([1.0, 2.0]), 1)
    losses.steps.names = ("a",)
    losses.add(torch.tensor([3.0]), 2)
    losses.keep()
    assert kept(tmp_path) == [{"iteration": 1, "a": 1.0, "b": 2.0}, {"iteration": 2, "a": 3.0}]


@pytest.mark.parametrize("most", [1, 4])
def test_what_is_not_finite_is_found_with_its_iteration_before_anything_is_kept(most, tmp_path):
    losses = history(tmp_path, most)
    values = [[1.0, 2.0], [1.0, float("nan")], [float("inf"), float("nan")]]

    def add_all_and_keep():
        for done, row in enumerate(values, 1):
            losses.add(torch.tensor(row), done)
        losses.keep()

    with pytest.raises(UserError, match="iteration 2: b not finite; lower the learning rate"):
        add_all_and_keep()
    assert kept(tmp_path) == []


@pytest.mark.parametrize("cls", MOST_OF_THEM_SLOW)
def test_training_in_lots_leaves_the_files_of_training_by_the_iteration(cls, tmp_path, monkeypatch):
    run(cls, tmp_path / "single")
    plain = _History.__init__

    def in_lots(self, *arguments):
        plain(self, *arguments)
        self.most = 3

    monkeypatch.setattr(_History, "__init__", in_lots)
    run(cls, tmp_path / "lots")
    assert (tmp_path / "single" / "stats.jsonl").read_bytes() == (tmp_path / "lots" / "stats.jsonl").read_bytes()
    assert_same_state(tmp_path / "single", tmp_path / "lots")


def test_a_host_feed_and_a_resident_one_train_the_same():
    trained = []
    for resident in (False, True):
        method, batches = make(SGGAN)
        count = method.batches_per_iteration
        feed = ResidentFeed(batches, count, batches.images) if resident else HostFeed(batches, count)
        torch.manual_seed(0)
        Steps(method, feed, "float32").run(0)
        trained.append(weights(method))
    for one, other in zip(*trained, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
