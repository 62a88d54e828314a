"""What cannot be kept of a trained model."""

import pytest
import torch

from sgbench.training.soundness import fault


def states(weight=1.0, moment=0.5):
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.tensor([0.0, moment])}}, "param_groups": []}
    return {"a.weight": torch.tensor([0.5, weight]), "a.count": torch.tensor(7)}, {"generator": optimizer}


def test_a_sound_model_has_no_fault():
    assert fault(*states()) == ""
    assert fault(*states(-9e5, 1e30)) == ""
    assert fault({"empty": torch.zeros(0)}, {}) == ""


@pytest.mark.parametrize(
    ("weight", "told"),
    [(float("nan"), "not finite"), (float("-inf"), "not finite"), (-2e7, "as large as 2e+07")],
)
def test_a_weight_that_is_lost_is_named(weight, told):
    assert fault(*states(weight)) == f"weights a.weight are {told}"


@pytest.mark.parametrize("moment", [float("nan"), float("inf")])
def test_a_moment_that_is_lost_is_named(moment):
    assert fault(*states(moment=moment)) == "exp_avg of the optimiser generator, parameter 0, is not finite"
