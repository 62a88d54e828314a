"""What judges will not score is told before methods are trained for them, with numbers and remedies."""

import math

import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.results.scores import Panelist, Verdict
from sgbench.scoring.outlook import outlook
from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError

ATTRIBUTES = (Attribute("smile", ("no", "yes")), Attribute("beard", ("no", "yes")))
SEES, BLIND, LOST = Verdict(0.95, 0.85), Verdict(0.61, 0.85), Verdict(math.nan, 0.85)
BARRED = Verdict(0.99, 0.85, 0.9, 0.93, 0.98)
LABELS = torch.tensor([[0, 1], [1, -1]] * 160, dtype=torch.int8)


@pytest.fixture(scope="module")
def settings():
    return read_settings(CONFIGS / "quick.yaml", {}, {})


@pytest.fixture
def told(settings):
    """The outlook of judges by their verdicts, the ResNet-18 first."""

    def told(*verdicts):
        judges = [Panelist("resnet18" if k == 0 else "compact_vgg", own, k) for k, own in enumerate(verdicts)]
        return outlook(judges, ATTRIBUTES, LABELS, settings)

    return told


def test_judges_that_see_enough_are_nothing_to_tell(told):
    good = told((SEES, SEES), (SEES, BLIND), (SEES, SEES), (SEES, SEES))
    assert good.lines == []
    good.check()


def test_what_will_not_be_scored_is_told_by_attribute_and_judge(told):
    found = told((SEES, BLIND), (SEES, BLIND), (SEES, SEES), (SEES, LOST))
    (line,) = found.lines
    assert line == (
        "beard: accuracy will not be scored by the jury: 1 of its 3 judges see it well enough, 2 are needed; their "
        "balanced accuracy on test images is 0.610, 0.950, nan, the floor 0.85; nor by the ResNet-18: the judge's "
        "balanced accuracy is 0.610, below 0.85"
    )
    assert found.remedy.startswith("train judges for longer (--set judge.epochs=100 --set jury.epochs=100)")
    assert "label more training images (labelled now: beard 160)" in found.remedy
    assert "leave it out (--attributes smile)" in found.remedy
    assert found.remedy.endswith("believe weaker judges (--set judge.floor=... --set jury.floor=...)")
    found.check()


def test_a_judge_that_the_gate_bars_is_told_so(told):
    found = told((SEES, SEES), (BARRED, SEES), (BARRED, SEES), (SEES, SEES))
    (line,) = found.lines
    assert "smile: accuracy will not be scored by the jury: 1 of its 3 judges" in line
    assert "the judge sees 0.900 of exact counterfactuals in one direction, surely below 0.98" in line
    assert "judge.epochs" not in found.remedy


def test_the_papers_judge_alone_may_be_too_weak(told):
    found = told((BLIND, SEES), (SEES, SEES), (SEES, SEES), (SEES, SEES))
    assert found.lines[0].startswith("smile: accuracy will not be scored by the ResNet-18: ")
    assert "jury" not in found.remedy


def test_nothing_is_trained_that_nobody_could_score(told):
    found = told((BLIND, BLIND), (SEES, BLIND), (BLIND, SEES), (BLIND, BLIND))
    with pytest.raises(UserError) as caught:
        found.check()
    line = str(caught.value)
    assert line.startswith(
        "no attribute would have an accuracy, whatever the methods learn: nothing is trained; train "
    )
    assert line.endswith("or give --unscored to train all the same")
    assert "leave it out" not in line
    told((BLIND, SEES), (BLIND, BLIND), (BLIND, BLIND), (BLIND, BLIND)).check()
    told((BLIND, BLIND), (SEES, BLIND), (SEES, BLIND), (BLIND, BLIND)).check()


def test_judges_that_saw_many_batches_are_told_to_see_twice_as_many(settings):
    judges = [Panelist("resnet18", (BLIND,), k) for k in range(4)]
    many = outlook(judges, ATTRIBUTES[:1], torch.zeros(20_000, 1, dtype=torch.int8), settings)
    assert "--set judge.epochs=8 --set jury.epochs=12" in many.remedy
