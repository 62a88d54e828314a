"""The loop: resuming bit for bit, precision, rates, interrupts, and what is left when a process is killed."""

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from baselines.attgan import AttGAN
from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from baselines.stgan import STGAN
from sgbench.data.batches import Batches
from sgbench.data.labels import Attribute, sparsify
from sgbench.methods.contract import MethodSettings
from sgbench.methods.sggan import SGGAN
from sgbench.results.checkpoints import read_checkpoint
from sgbench.results.job_folder import JobFolder
from sgbench.support.errors import UserError
from sgbench.training.loop import Loop, rate_factor, train

ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("hair", ("black", "blond"), exhaustive=False))
METHODS = (SGGAN, StarGAN, ResidualGAN, SemiStarGAN, AttGAN, STGAN)
MOST_OF_THEM_SLOW = [SGGAN, *(pytest.param(cls, marks=pytest.mark.slow) for cls in METHODS[1:])]
NUM_IMAGES = 60


def make(cls, iterations=4, seed=0, **settings):
    """A method and its batches, the same whenever they are made."""
    attributes = ATTRIBUTES[:1] if cls.one_attribute else ATTRIBUTES
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(256, (NUM_IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    truth = torch.randint(2, (NUM_IMAGES, len(attributes)), generator=generator).to(torch.int8)
    labels = sparsify(truth, attributes, 10, seed)
    own = cls.Settings(
        iterations=iterations,
        **({"constant_iterations": 2, "batch_size": 4, "base_width": 4, "learning_rate": 1e-3} | settings),
    )
    torch.manual_seed(seed)
    method = cls(attributes, 32, own, labels.labels).to(memory_format=torch.channels_last)
    positions = torch.arange(NUM_IMAGES)
    share, device = own.labelled_share, torch.device("cpu")
    return method, Batches(images, positions, labels, own.batch_size, share, cls.sampling, seed, device)


def run(cls, folder, precision="float32", until=None, loop=None, **settings):
    method, batches = make(cls, **settings)
    train(method, batches, JobFolder(folder), 0, precision, loop, until)
    return method


def rows_of(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def tensors(value, name=""):
    """Every tensor and number of a nested state, by name."""
    if isinstance(value, dict):
        return {k: v for key, part in value.items() for k, v in tensors(part, f"{name}.{key}").items()}
    if isinstance(value, (list, tuple)):
        return tensors(dict(enumerate(value)), name)
    return {name: value}


def assert_same_state(one, other):
    """All but how long the training took, and the folders' names."""
    names = one.name, other.name
    one, other = (tensors(torch.load(folder / "checkpoint.pt", weights_only=True)) for folder in (one, other))
    assert one.pop(".seconds") > 0
    assert other.pop(".seconds") > 0
    assert (one.pop(".job"), other.pop(".job")) == names
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
        assert same, name


class Normed(SGGAN):
    """One whose generator keeps statistics, and has a part that is never trained."""

    def __init__(self, *given):
        super().__init__(*given)
        self.norm, self.still = torch.nn.BatchNorm2d(3), torch.nn.Dropout().eval()

    def train(self, mode=True):
        super().train(mode)
        self.still.eval()
        return self


def test_samples_are_made_in_evaluation_mode_and_change_nothing(tmp_path):
    seen = []

    def sample(method, done):
        seen.append(method.norm.training)
        method.norm(torch.rand(2, 3, 4, 4))

    method = run(Normed, tmp_path, iterations=2, loop=Loop(sample=sample))
    assert seen == [False, False]
    assert method.norm.training
    assert not method.still.training
    assert method.norm.num_batches_tracked == 0


@pytest.mark.slow
@pytest.mark.parametrize("cls", METHODS)
def test_no_iteration_leaves_tensors_behind(cls, tmp_path):
    alive = {}

    def count(done, _):
        if done in (5, 60):
            gc.collect()
            alive[done] = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    run(cls, tmp_path, iterations=60, batch_size=2, loop=Loop(report=count))
    assert alive[60] == alive[5]


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cls", MOST_OF_THEM_SLOW)
def test_four_iterations_are_two_and_two_more_bit_for_bit(cls, precision, tmp_path):
    run(cls, tmp_path / "whole", precision)
    run(cls, tmp_path / "parts", precision, until=2)
    assert len(rows_of(tmp_path / "parts")) == 2
    run(cls, tmp_path / "parts", precision)
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert (tmp_path / "whole" / "stats.jsonl").read_bytes() == (tmp_path / "parts" / "stats.jsonl").read_bytes()
    assert [row["iteration"] for row in rows_of(tmp_path / "whole")] == [1, 2, 3, 4]


class Drawing(SGGAN):
    """Draws from NumPy's and Python's generators, as a method on a CPU may."""

    def step(self, batches, iteration):
        drawn = np.random.rand() + random.random()  # noqa: NPY002
        return super().step(batches, iteration) | {"drawn": torch.tensor(drawn)}


def test_draws_of_numpy_and_python_are_those_of_the_iteration_too(tmp_path):
    run(Drawing, tmp_path / "whole", iterations=2)
    run(Drawing, tmp_path / "parts", iterations=2, until=1)
    np.random.rand(), random.random()  # noqa: NPY002
    run(Drawing, tmp_path / "parts", iterations=2)
    drawn = [row["drawn"] for row in rows_of(tmp_path / "whole")]
    assert [row["drawn"] for row in rows_of(tmp_path / "parts")] == drawn
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("cls", METHODS)
def test_checkpoint_holds_every_parameter_buffer_and_moment(cls, tmp_path):
    method = run(cls, tmp_path, until=3)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["iteration"] == 3
    learned = {name for name, _ in method.named_buffers() if not name.endswith("pool")}  # which follows from labels
    assert state["method"].keys() == dict(method.named_parameters()).keys() | learned
    assert bool(learned) == (cls in (SemiStarGAN, AttGAN, STGAN))
    moments = [m for optimizer in state["optimizers"].values() for m in optimizer["state"].values()]
    assert len(moments) == sum(p.grad is not None for p in method.parameters()) > 20
    fresh, _ = make(cls)
    checkpoint = read_checkpoint(JobFolder(tmp_path))
    fresh.load_state_dict(checkpoint.method)
    assert checkpoint.iteration == 3
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), method.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(fresh.buffers(), method.buffers(), strict=True))


@pytest.mark.slow
def test_a_checkpoint_in_between_changes_nothing(tmp_path):
    run(SGGAN, tmp_path / "rare")
    run(SGGAN, tmp_path / "often", loop=Loop(checkpoint_seconds=0))
    assert_same_state(tmp_path / "rare", tmp_path / "often")
    assert (tmp_path / "rare" / "stats.jsonl").read_bytes() == (tmp_path / "often" / "stats.jsonl").read_bytes()


@pytest.mark.slow
def test_rows_beyond_the_checkpoint_are_dropped_on_resuming(tmp_path):
    run(SGGAN, tmp_path / "whole")
    run(SGGAN, tmp_path / "parts", until=2)
    with (tmp_path / "parts" / "stats.jsonl").open("a") as file:
        file.write(json.dumps({"iteration": 3, "d_adv": 123.0}) + "\n")
    run(SGGAN, tmp_path / "parts")
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")


def test_statistics_without_a_checkpoint_are_started_afresh(tmp_path):
    (tmp_path / "stats.jsonl").write_text('{"iteration": 1, "d_adv": 123.0}\n')
    run(SGGAN, tmp_path)
    assert [row["iteration"] for row in rows_of(tmp_path)] == [1, 2, 3, 4]
    assert rows_of(tmp_path)[0]["d_adv"] != 123.0


@pytest.mark.parametrize("cls", [SGGAN, StarGAN])
def test_bfloat16_sees_each_update_of_the_weights(cls, tmp_path):
    """With autocast's cache of cast weights the second of two critic updates would see the first's weights."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        folder = tmp_path / precision
        run(cls, folder, precision, iterations=1, constant_iterations=1, n_critic=2, learning_rate=0.03)
        (losses[precision],) = rows_of(folder)
    gap = abs(losses["float32"]["d_gp"] - stale_penalty(cls))
    assert gap > 0.5 * losses["float32"]["d_gp"]
    assert abs(losses["bfloat16"]["d_gp"] - losses["float32"]["d_gp"]) < 0.1 * gap


def stale_penalty(cls):
    """The gradient penalty in the same iteration where the weights stay as they were."""
    method, batches = make(cls, iterations=1, constant_iterations=1, n_critic=2, learning_rate=1e-12)
    torch.manual_seed(0)
    return float(method.step(batches.at(0, method.batches_per_iteration), 0)["d_gp"])


@pytest.mark.parametrize(
    ("iterations", "constant", "expected"),
    [
        (5, 3, [1, 1, 1, 1, 0.5]),
        (4, 0, [1, 0.75, 0.5, 0.25]),
        (3, 3, [1, 1, 1]),
        (3, 9, [1, 1, 1]),
    ],
)
def test_the_rate_is_constant_and_then_falls_linearly_towards_0(iterations, constant, expected):
    settings = MethodSettings(iterations=iterations, constant_iterations=constant, batch_size=1)
    assert [rate_factor(settings, t) for t in range(iterations)] == pytest.approx(expected)


def test_the_paper_halves_its_rate_in_the_middle_of_the_decay():
    settings = SGGAN.Settings()
    assert [rate_factor(settings, t) for t in (0, 10_000, 15_000, 19_999)] == pytest.approx([1, 1, 0.5, 1e-4])


@pytest.mark.parametrize("cls", METHODS)
def test_every_optimiser_follows_the_rate(cls, tmp_path):
    settings = {"iterations": 4, "constant_iterations": 2, "discriminator_learning_rate": 4e-3}
    method = run(cls, tmp_path, until=4, **settings)
    for name, optimizer in method.optimizers.items():
        full = 4e-3 if name == "discriminator" else 1e-3
        assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(full * 0.5)]


def test_a_loss_that_is_not_finite_is_an_error_that_keeps_the_last_checkpoint(tmp_path):
    run(SGGAN, tmp_path, until=2)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    method, batches = make(SGGAN)
    batches.images = batches.images.float() * float("nan")
    with pytest.raises(UserError, match=r"iteration 3: .*d_gp.* not finite; lower the learning rate"):
        train(method, batches, JobFolder(tmp_path), 0)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


class Spoilt(SGGAN):
    """The last update of all leaves weights of ``value``, which no loss shows."""

    key = "spoilt"
    value = float("nan")

    def step(self, batches, iteration):
        losses = super().step(batches, iteration)
        if iteration == self.settings.iterations - 1:
            with torch.no_grad():
                next(self.parameters()).fill_(self.value)
        return losses


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e20])
def test_weights_that_are_lost_in_the_last_update_are_an_error_that_keeps_the_last_checkpoint(value, tmp_path):
    class Lost(Spoilt):
        key = "lost"

    Lost.value = value
    run(Lost, tmp_path, until=2)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(
        UserError, match=r"iteration 4: weights .* are (not finite|as large as 1e\+20); lower .*"
    ) as told:
        run(Lost, tmp_path)
    assert str(told.value).endswith("(checkpoint.pt of iteration 2 is kept)")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    run(Lost, tmp_path, until=3)  # it goes on from there


@pytest.mark.slow
def test_results_that_are_lost_are_told_by_the_weights_that_made_them(tmp_path):
    def sample(method, done):
        if done == 4:
            raise UserError("returned NaN")

    with pytest.raises(UserError, match=r"iteration 4: weights .* \(no checkpoint yet\)"):
        run(Spoilt, tmp_path / "weights", loop=Loop(sample=sample))
    with pytest.raises(UserError, match=r"^returned NaN$"):
        run(SGGAN, tmp_path / "results", loop=Loop(sample=sample))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_iteration_and_leaves_a_checkpoint(number, tmp_path):
    handler = signal.getsignal(number)

    def interrupt(done, losses):
        if done == 2:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        run(SGGAN, tmp_path / "parts", loop=Loop(report=interrupt))
    assert signal.getsignal(number) == handler
    assert [row["iteration"] for row in rows_of(tmp_path / "parts")] == [1, 2]
    run(SGGAN, tmp_path / "parts")
    run(SGGAN, tmp_path / "whole")
    assert_same_state(tmp_path / "whole", tmp_path / "parts")


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_loop import SGGAN, Loop, run
print("ready", flush=True)
run(SGGAN, Path(sys.argv[2]), iterations=100_000, loop=Loop(checkpoint_seconds=0))
"""


@pytest.mark.slow
def test_a_killed_process_leaves_only_whole_files(tmp_path):
    here = os.path.dirname(__file__)
    for delay in (0.05, 0.3):
        process = subprocess.Popen([sys.executable, "-c", KILLED, here, str(tmp_path)], stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == b"ready\n"
            started = time.monotonic()
            before = last_iteration(tmp_path)
            while last_iteration(tmp_path) == before and time.monotonic() - started < 600:
                time.sleep(0.02)
            time.sleep(delay)
        finally:
            process.kill()
            process.communicate()
        assert last_iteration(tmp_path) > before
        rows = [row["iteration"] for row in rows_of(tmp_path)]
        assert rows == list(range(1, len(rows) + 1))
        assert len(rows) in (last_iteration(tmp_path), last_iteration(tmp_path) + 1)
    reached = last_iteration(tmp_path)
    run(SGGAN, tmp_path, iterations=100_000, until=reached + 1)
    run(SGGAN, tmp_path / "whole", iterations=100_000, until=reached + 1)
    assert_same_state(tmp_path, tmp_path / "whole")


def last_iteration(folder):
    """Of the checkpoint, which must always load."""
    path = folder / "checkpoint.pt"
    return torch.load(path, weights_only=True)["iteration"] if path.exists() else 0
