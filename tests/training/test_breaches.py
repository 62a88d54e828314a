"""What keeps an iteration from being replayed is found in words; what the methods do is not taken for it."""

import inspect
import sys

import pytest
import torch
from test_loop import ATTRIBUTES, METHODS, NUM_IMAGES, make
from torch import nn
from torch.torch_version import TorchVersion

from sgbench.data.batches import Batches
from sgbench.data.labels import sparsify
from sgbench.methods import same
from sgbench.methods.contract import Method, MethodSettings, update
from sgbench.training import breaches
from sgbench.training.feeds import ResidentFeed
from sgbench.training.optimisers import state_to_keep
from sgbench.training.steps import Steps, breach_of


def resident(method, batches):
    return ResidentFeed(batches, method.batches_per_iteration, batches.images)


def steps_of(method, batches, precision="float32"):
    return Steps(method, resident(method, batches), precision)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Methods compute as they do there: small maps on a CPU are products of patches, whose places lie on the host."""
    monkeypatch.setattr(same, "_FEW_PLACES", 0)


def with_all_labels(cls):
    """The method and its batches, with no label hidden."""
    method, batches = make(cls)
    truth = torch.randint(2, (NUM_IMAGES, len(method.attributes)), generator=torch.Generator().manual_seed(2))
    labels = sparsify(truth.to(torch.int8), method.attributes, "all", 0)
    full = cls(method.attributes, 32, method.settings, labels.labels).to(memory_format=torch.channels_last)
    size, device = method.settings.batch_size, torch.device("cpu")
    return full, Batches(batches.images, batches.positions, labels, size, 0.25, cls.sampling, 0, device)


def state_of(method):
    """Parameters, buffers, and each optimiser's state, copied."""
    kept = {name: state_to_keep(optimizer) for name, optimizer in method.optimizers.items()}
    moments = {
        (name, index, key): value.clone()
        for name, state in kept.items()
        for index, own in state["state"].items()
        for key, value in own.items()
    }
    named = [*method.named_parameters(), *method.named_buffers()]
    return {name: value.detach().clone() for name, value in named} | moments


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("made", [make, with_all_labels], ids=["sparse", "all"])
@pytest.mark.parametrize("cls", METHODS)
def test_the_methods_can_be_replayed_and_are_left_as_they_were(cls, made, precision, as_on_a_gpu):
    method, batches = made(cls)
    steps = steps_of(method, batches, precision)
    torch.manual_seed(4)
    steps.run(0)  # so that there are moments
    before, drawn = state_of(method), torch.get_rng_state()
    assert breach_of(steps, 1) is None
    after = state_of(method)
    assert after.keys() == before.keys()
    assert [name for name, value in before.items() if not torch.equal(value, after[name])] == []
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("cls", METHODS)
def test_looking_before_the_first_iteration_changes_no_later_one(cls, as_on_a_gpu):
    """Moments begin as zeros, whether they are made by the first iteration or are there."""
    trained = []
    for looks in (False, True):
        method, batches = make(cls)
        steps = steps_of(method, batches)
        if looks:
            assert breach_of(steps, 0) is None
        for iteration in range(2):
            torch.manual_seed(iteration)
            steps.run(iteration)
        trained.append(state_of(method))
    assert trained[0].keys() == trained[1].keys()
    assert all(torch.equal(value, trained[1][name]) for name, value in trained[0].items())


class Sample(Method):
    """A linear critic of the images; ``offend`` is added to its loss."""

    display_name = "Sample"
    key = "sample_of_breaches"
    Settings = MethodSettings

    def __init__(self, offend):
        super().__init__()
        self.attributes, self.offend = ATTRIBUTES, offend
        self.settings = MethodSettings(iterations=2, constant_iterations=1, batch_size=4)
        self.layer = nn.Linear(3, 2)
        self.register_buffer("mask", torch.tensor([True, False, True, False]))
        self.optimizers = {"all": torch.optim.Adam(self.parameters(), fused=True)}

    def step(self, batches, iteration):
        x = self.layer(batches[0].images.mean((2, 3)))
        loss = x.square().mean()
        return update(self.optimizers["all"], {"loss": loss + self.offend(self, x, iteration)})

    def edit(self, images, labels, group):
        return images


def nothing(method, x, iteration):
    return x.mean()


def value_on_the_host(method, x, iteration):
    return 0.5 * x.mean().item()


def branch_on_values(method, x, iteration):
    return x.mean() if (x > 0).any() else x.sum()


def equal_tensors(method, x, iteration):
    return x.mean() if torch.equal(x, -x) else x.sum()


def indexed_by_a_mask(method, x, iteration):
    return x[method.mask].mean()


def assigned_by_a_mask(method, x, iteration):
    y = x.clone()
    y[method.mask] = x[:2]
    return y.mean()


def places_of_values(method, x, iteration):
    return (x > 0).nonzero().float().mean()


def repeated_by_values(method, x, iteration):
    return x.repeat_interleave(method.mask.long(), 0).mean()


def constant_of_the_host(method, x, iteration):
    return (x * torch.tensor([1.0, 2.0])).mean()


def moved_to_another_device(method, x, iteration):
    y = x.detach().to("meta")
    return x.mean() * y.shape[0]


def odd_iterations_differ(method, x, iteration):
    return x.square().mean() if iteration % 2 else x.abs().mean()


def odd_iterations_do_more(method, x, iteration):
    return x.mean() if iteration % 2 else x.mean().sin()


def number_of_the_iteration(method, x, iteration):
    return x.mean() * (0.1 * iteration)


def shape_of_the_iteration(method, x, iteration):
    return x[: 1 + iteration % 2].mean()


OFFENCES = {
    value_on_the_host: "reads a value on the host (_local_scalar_dense)",
    branch_on_values: "reads a value on the host",
    equal_tensors: "reads a value on the host (equal)",
    indexed_by_a_mask: "makes a tensor whose shape depends on values (index)",
    assigned_by_a_mask: "makes a tensor whose shape depends on values (index_put_)",
    places_of_values: "makes a tensor whose shape depends on values (nonzero)",
    repeated_by_values: "makes a tensor whose shape depends on values (repeat_interleave)",
    constant_of_the_host: "makes a tensor of numbers that lie on the host (lift_fresh)",
    moved_to_another_device: "moves values from one device to another (_to_copy)",
    odd_iterations_differ: "iterations differ: abs of (4, 2), (4, 2) in one, pow",
    odd_iterations_do_more: "iterations differ: sin",
    number_of_the_iteration: "iterations differ: mul of (), 0.0, () in one, mul of (), 0.1, ()",
    shape_of_the_iteration: "iterations differ: slice",
}


def breach_in(offend, iteration=0):
    torch.manual_seed(0)
    method = Sample(offend)
    before = state_of(method)
    breach = breach_of(steps_of(method, make(METHODS[0])[1]), iteration)
    after = state_of(method)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    return breach


def test_a_method_without_an_offence_has_no_breach():
    assert breach_in(nothing) is None


@pytest.mark.parametrize("offend", OFFENCES, ids=lambda offend: offend.__name__)
def test_an_offence_is_found_with_its_place(offend):
    breach = breach_in(offend)
    lines, first = inspect.getsourcelines(offend)
    assert OFFENCES[offend] in breach
    file, _, rest = breach.rpartition(" in ")[2].partition(", line ")
    number, _, text = rest.partition(": ")
    assert file == "test_breaches.py"
    assert first < int(number) < first + len(lines)
    assert text == lines[int(number) - first].strip()


def test_what_a_mask_fills_with_a_number_is_no_offence():
    def filled(method, x, iteration):
        return x.masked_fill(method.mask[:, None], 0).mean()

    assert breach_in(filled) is None


@pytest.mark.skipif(TorchVersion(torch.__version__) < (2, 15), reason="torch makes a tensor of the number, on the host")
def test_a_number_assigned_by_a_mask_is_no_offence():
    def assigned(method, x, iteration):
        y = x.clone()
        y[method.mask] = 0
        return y.mean()

    assert breach_in(assigned) is None


def test_the_first_of_two_offences_is_told():
    def both(method, x, iteration):
        scale = torch.tensor([1.0, 2.0])
        return (x * scale).mean().item()

    assert "lift_fresh" in breach_in(both)


def test_more_operations_at_the_end_of_the_next_iteration_are_found():
    def logs(method, x, iteration):
        method.later = iteration
        return x.mean()

    method = Sample(logs)
    plain = method.step
    method.step = lambda b, t: plain(b, t) | ({"more": torch.zeros(())} if t % 2 else {})
    breach = breach_of(steps_of(method, make(METHODS[0])[1]), 0)
    assert "differ" in breach or "operations, the next" in breach


def test_the_place_of_code_in_site_packages_is_told_though_python_may_hold_them(monkeypatch, tmp_path):
    """Where there is no virtual environment, packages lie within the standard library's folder."""
    module = tmp_path / "lib" / "site-packages" / "offender.py"
    module.parent.mkdir(parents=True)
    module.write_text("def offend(method, x, iteration):\n    return x.mean().item()\n")
    monkeypatch.syspath_prepend(module.parent)
    monkeypatch.setattr(breaches, "_STDLIB", str(tmp_path / "lib"))
    offend = __import__("offender").offend
    sys.modules.pop("offender")
    assert breach_in(offend).endswith("in offender.py, line 2: return x.mean().item()")
