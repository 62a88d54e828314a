"""Judges and scoring compute with a number of threads of their own, whatever number this process has."""

from types import SimpleNamespace

import pytest
import torch

from sgbench.scoring import stages, systems
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.environment import origin


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_judges_and_systems_are_looked_at_with_the_same_threads(monkeypatch, cores):
    seen = []

    def note(*_):
        seen.append(origin(torch.device("cpu"))["device"])
        return SimpleNamespace(controls=note, system=note)

    for module, name in ((stages, "_judge"), (stages, "panelists"), (systems, "make_scorer")):
        monkeypatch.setattr(module, name, note)
    monkeypatch.setattr(stages, "blind", lambda *_: [])
    study = SimpleNamespace(
        protocol=SimpleNamespace(judges=[None]),
        settings=SimpleNamespace(jury=SimpleNamespace(gate=0)),
        plan=SimpleNamespace(systems=[None], attributes=()),
    )
    data = SimpleNamespace(images=None, test=None)
    with torch_threads(cores):
        systems.score_systems(study, data, stages.train_judges(study, data))
        assert torch.get_num_threads() == cores
    assert seen == [f"CPU, {LOOKING} threads"] * 5
