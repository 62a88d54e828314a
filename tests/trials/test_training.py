"""Training twice, with a break, and by replay: what keeps a method from it is found."""

import time

import pytest
import torch
from small import Small, trial_of

from sgbench.support.errors import UserError
from sgbench.trials.training import CHECKS


def like(step):
    return type("Mine", (Small,), {"key": "mine", "__module__": __name__, "step": step})


def by_the_clock(self, batches, iteration):
    losses = Small.step(self, batches, iteration)
    with torch.no_grad():
        self.generator.bias.add_(time.perf_counter_ns() % 1_000_003 / 1e6)
    return losses


def counting(self, batches, iteration):
    self.count = getattr(self, "count", 0) + 1
    losses = Small.step(self, batches, iteration)
    with torch.no_grad():
        self.generator.bias.add_(self.count)
    return losses


def every_other(self, batches, iteration):
    return Small.step(self, batches, iteration) if iteration % 2 == 0 else {"g_rec": torch.zeros(())}


WRONG = {
    "the same from the same seed": (by_the_clock, "two trainings from one seed differ in generator.weight; draw from"),
    "the same after a break": (counting, "4 iterations differ in generator.weight from 2 and 2 more after a break"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_method_that_keeps_the_contract_passes(name):
    assert trial_of(Small).passes(CHECKS[name]) == ""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_sentence(name):
    step, said = WRONG[name]
    with pytest.raises(UserError, match=said):
        trial_of(like(step)).passes(CHECKS[name])


def test_what_cannot_be_replayed_is_a_remark():
    def reading(self, batches, iteration):
        losses = Small.step(self, batches, iteration)
        return losses | {"seen": torch.tensor(losses["g_rec"].item())}

    for step, said in ((every_other, "slower: "), (reading, "slower: it reads a value on the host")):
        assert said in trial_of(like(step)).passes(CHECKS["replay on a GPU"])


def test_an_optimiser_that_cannot_be_replayed_is_a_remark():
    class Plain(Small):
        key = "plain"

        def __init__(self, *given):
            super().__init__(*given)
            self.optimizers = {"generator": torch.optim.SGD(self.generator.parameters(), lr=0.1)}

    assert "no option `capturable`" in trial_of(Plain).passes(CHECKS["replay on a GPU"])
    assert trial_of(Plain).passes(CHECKS["the same after a break"]) == ""


def test_a_checkpoint_that_cannot_be_read_is_a_sentence():
    class Odd(Small):
        key = "odd"

        def get_extra_state(self):
            return time.struct_time(range(9))

        def set_extra_state(self, state):
            pass

    with pytest.raises(UserError, match=r"its checkpoint cannot be read .*; keep tensors alone in it"):
        trial_of(Odd).passes(CHECKS["the same from the same seed"])
