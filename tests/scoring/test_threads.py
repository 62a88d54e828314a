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
    monkeypatch.setattr(stages, "outlook", lambda *_: SimpleNamespace(lines=[]))
    source = SimpleNamespace(labels=torch.zeros(1, 0))
    study = SimpleNamespace(
        protocol=SimpleNamespace(judges=[SimpleNamespace(key="")]),
        settings=SimpleNamespace(jury=SimpleNamespace(gate=0)),
        plan=SimpleNamespace(systems=[None], attributes=(), source=source, train=torch.tensor([0])),
        runs=SimpleNamespace(judge=lambda _: SimpleNamespace(facts=dict)),
        screen=SimpleNamespace(say=note),
    )
    data = SimpleNamespace(images=None, test=None)
    with torch_threads(cores):
        systems.score_systems(study, data, stages.train_judges(study, data))
        assert torch.get_num_threads() == cores
    assert seen == [f"CPU, {LOOKING} threads"] * 5
