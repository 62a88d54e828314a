"""What the benchmarks of steps count and measure: by hand on single operators, and on cases with known arithmetic."""

import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks.plain.arithmetic import Layer, residualgan_flops, sggan_flops, stargan_flops
from benchmarks.timing import child, commits
from benchmarks.timing.cases import METHODS, case_of, cases_of
from benchmarks.timing.markdown import mebibytes, rounded, table
from benchmarks.timing.measures import in_turns, kernels, matrix_peak, ratio
from benchmarks.timing.traffic import Traffic
from benchmarks.timing.versions import NEEDS_A_GPU, CapturedPlainSteps, bytes_held, our_steps, plain_steps, runner
from sgbench.methods import native
from sgbench.methods.norms import InstanceNorm
from sgbench.training.steps import Steps

CPU = torch.device("cpu")
IMAGES, CHANNELS, OUT, SIDE, KERNEL = 2, 2, 3, 8, 3


# Counting


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_traffic_of_a_convolution_by_hand(dtype, size):
    x = torch.zeros(IMAGES, CHANNELS, SIDE, SIDE, dtype=dtype)
    convolution = nn.Conv2d(CHANNELS, OUT, KERNEL, padding=1).to(dtype)
    with torch.no_grad(), Traffic() as traffic:
        y = convolution(x)
    of_x, of_y = IMAGES * CHANNELS * SIDE**2, IMAGES * OUT * SIDE**2
    of_weights = OUT * CHANNELS * KERNEL**2 + OUT
    assert traffic.operators == 1
    assert traffic.bytes == size * (of_x + of_weights + of_y)
    assert traffic.peak == traffic.alive == size * of_y
    del y
    assert traffic.alive == 0
    assert traffic.peak == size * of_y


def test_operations_of_a_convolution_by_hand():
    assert Layer(CHANNELS, OUT, KERNEL, SIDE).forward == 2 * CHANNELS * OUT * KERNEL**2 * SIDE**2 == 6912


def test_views_and_memory_that_is_set_aside_move_nothing():
    x = torch.zeros(4, 6)
    with Traffic() as traffic:
        y = torch.empty_like(x)
        x.t().reshape(24).view(2, 12)[1].expand(5, 12).detach()
    assert traffic.operators == 1  # reshaping what is transposed copies it
    assert traffic.bytes == 2 * x.nbytes
    assert traffic.alive == y.nbytes


def test_what_is_expanded_counts_once_and_what_is_changed_in_place_twice():
    row, x = torch.ones(1, 6), torch.zeros(4, 6)
    with Traffic() as traffic:
        x.add_(row.expand(4, 6))
    assert traffic.bytes == 2 * x.nbytes + row.nbytes
    assert traffic.peak == 0


def test_memory_that_is_used_again_counts_with_what_is_alive_at_once():
    x = torch.zeros(1000)
    with Traffic() as traffic:
        for _ in range(5):
            y = x + 1
            del y
        one, other = x + 1, x + 2
    assert traffic.peak == one.nbytes + other.nbytes


@pytest.mark.skipif(native.extension is None, reason="built without the C extension")
def test_norms_of_the_extension_are_counted():
    extension = native.extension
    x = torch.randn(IMAGES, CHANNELS, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), Traffic() as traffic:
        InstanceNorm(CHANNELS)(x)
    assert native.extension is extension
    assert traffic.bytes >= 2 * x.nbytes
    with Traffic() as both:
        InstanceNorm(CHANNELS)(x.requires_grad_()).sum().backward()
    assert both.bytes - traffic.bytes >= 3 * x.nbytes


def test_the_profiler_sees_a_convolution():
    x, convolution = torch.zeros(1, 3, 16, 16), nn.Conv2d(3, 4, 3)
    found = kernels(lambda: convolution(x), CPU)
    names = [kernel.name for kernel in found]
    assert any("conv" in name for name in names)
    times = [kernel.microseconds for kernel in found]
    assert times == sorted(times, reverse=True)
    assert all(kernel.number >= 1 for kernel in found)


def test_runs_take_turns():
    order = []
    seconds = in_turns({name: lambda name=name: order.append(name) for name in "ab"}, 3, CPU)
    assert order == ["a", "b"] * 3
    assert [len(times) for times in seconds.values()] == [3, 3]
    assert ratio([2.0, 8.0, 9.0], [1.0, 2.0, 3.0]) == 3.0


def test_the_peak_of_products_is_positive():
    assert matrix_peak(CPU, torch.float32, side=32, rounds=2) > 0


# Cases and versions


def test_cases_have_the_arithmetic_of_their_settings():
    quick = {case.method: case for case in cases_of("quick")}
    assert quick["sggan"].flops() == sggan_flops((2,) * 4, 32, 4, 16, 32, n_critic=2)
    assert quick["stargan"].flops() == stargan_flops(5, 32, 12, 16, 32, n_critic=2)
    assert quick["residualgan"].flops() == residualgan_flops(32, 12, 16, 24)
    paper = {case.method: case for case in cases_of("paper")}
    assert paper["sggan"].flops() == sggan_flops((2,) * 4, 128, 8, 64, 64, n_critic=5)
    assert paper["stargan"].flops() == stargan_flops(5, 128, 16, 64, 64, n_critic=5)
    assert paper["residualgan"].flops() == residualgan_flops(128, 16, 64, 64)
    assert {case.all_labels for case in quick.values()} == {False}
    assert paper["stargan"].all_labels
    assert str(paper["sggan"]) == "SG-GAN, 4 attributes, 128x128, batch 8"


def test_settings_that_a_method_has_not_are_left_out():
    assert case_of("residualgan", (2, 2), 64, n_critic=3, batch_size=5).settings.batch_size == 5
    assert case_of("residualgan", (2, 2), 64).values == (2,)


@pytest.mark.parametrize("method", METHODS)
def test_every_version_runs_on_the_same_images(method):
    case = case_of(method, (2,), 32).tiny()
    ours, plain = our_steps(case, CPU, "bfloat16", replayed=True), plain_steps(case, CPU, "bfloat16")
    assert type(ours) is Steps  # nothing is replayed on a CPU
    for version in (ours, plain):
        runner(version)()
    ours.feed.load(3)
    plain.feed.load(3)
    pairs = list(zip(ours.feed.batches(), plain.feed.batches(), strict=True))
    assert len(pairs) == ours.method.batches_per_iteration
    assert all(torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in pairs)


def test_a_plain_graph_needs_a_gpu():
    with pytest.raises(ValueError, match=NEEDS_A_GPU):
        plain_steps(case_of("sggan", (2,), 32).tiny(), CPU, "bfloat16", replayed=True)


@pytest.mark.parametrize("plain", [False, True])
def test_bytes_held_are_parameters_and_two_moments_of_each_and_steps(plain):
    case = case_of("residualgan", (2,), 32).tiny()
    version = plain_steps(case, CPU, "float32") if plain else our_steps(case, CPU, "float32", replayed=False)
    before = bytes_held(version)
    runner(version)()
    optimizers = version.optimizers if plain else version.method.optimizers.values()
    tensors = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    assert before == sum(p.nbytes for p in tensors)
    trained = [p for p in tensors if p.grad is not None]
    assert plain or len(trained) == len(tensors) - 12  # biases before a norm are left as they are
    assert bytes_held(version) == before + 2 * sum(p.nbytes for p in trained) + 4 * len(trained)


# Tables


def test_tables_and_numbers():
    assert table(("a", "b"), [[1, 2.5]]) == "| a | b |\n|:--|--:|\n| 1 | 2.5 |"
    assert [rounded(v) for v in (1234.5, 12.34, 1.234)] == ["1,234", "12.3", "1.23"]
    assert [mebibytes(v * 2**20) for v in (1.25, 1234)] == ["1.2", "1,234"]


# Other commits


def test_a_child_imports_nothing_that_an_editable_install_offers(monkeypatch, tmp_path):
    class __editable___sgbench_finder:
        pass

    ordinary = object()
    monkeypatch.setattr(sys, "meta_path", [__editable___sgbench_finder, ordinary])
    monkeypatch.setattr(sys, "path", ["/somewhere", "__editable__.sgbench.__path_hook__", str(commits._CHILD.parent)])
    child.import_only_from(tmp_path)
    assert sys.meta_path == [ordinary]
    assert sys.path == [str(tmp_path), "/somewhere"]


def test_a_child_finds_the_first_module_that_is_there():
    assert child.first_module("no_such_module", "sgbench.no_such", "sgbench.methods.contract").Method
    with pytest.raises(SystemExit, match="none of these"):
        child.first_module("no_such_module", "sgbench.no_such")


@pytest.mark.parametrize("method", METHODS)
def test_a_childs_step_is_that_of_a_case(method):
    case = case_of(method, (2,), 32).tiny()
    asked = {"values": case.values, "size": 32, "settings": case.settings.model_dump(mode="json")}
    built, batches, source = child.build(method, asked | {"settings": asked["settings"] | {"unknown": 1}})
    assert built.settings == case.settings
    assert len(batches) == built.batches_per_iteration
    drawn = source.at(0, len(batches))
    assert [(b.images.shape, b.labels.shape) for b in drawn] == [(b.images.shape, b.labels.shape) for b in batches]
    for given in (batches, source):
        assert child.timed(built, given, "bfloat16", 1) > 0


@pytest.mark.slow
def test_a_commit_against_itself():
    try:
        commits.git("rev-parse", "HEAD")
    except (OSError, commits.subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    case = case_of("residualgan", (2,), 32).tiny()
    results, built = commits.against("HEAD", [case], turns=3, iterations=1)
    assert [result.part for result in results] == ["step", "whole"]
    for result in results:
        assert len(result.before) == len(result.now) == 3
        assert 0.05 < result.ratio < 20
    assert set(built) == {"before", "now"}
    assert "/checkout " not in commits.git("worktree", "list")


def test_a_plain_graph_is_recorded_once_and_replayed(monkeypatch):
    """With a CPU in the place of a GPU: recording carries out, replaying is counted."""
    case = case_of("residualgan", (2,), 32).tiny()
    plain = plain_steps(case, CPU, "bfloat16")
    steps = CapturedPlainSteps.__new__(CapturedPlainSteps)
    steps.__dict__ |= vars(plain) | {"graph": None}
    done = {"carried out": 0, "replayed": 0}

    def count(name):
        done[name] += 1

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda one: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=lambda: count("replayed")))
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: nullcontext())
    plain_step = steps.step
    steps.step = lambda batches: (count("carried out"), plain_step(batches))
    run = runner(steps)
    for _ in range(3):
        run()
    assert done == {"carried out": 4, "replayed": 3}
