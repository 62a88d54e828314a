"""Judges that learned nothing are told before methods are trained for them."""

from sgbench.results.scores import Panelist, Verdict
from sgbench.scoring.stages import blind

SEES, BLIND, LOST = Verdict(0.95, 0.9), Verdict(0.61, 0.9), Verdict(float("nan"), 0.9)


def judges(*verdicts):
    return [Panelist("resnet18" if k == 0 else "compact_vgg", own, k) for k, own in enumerate(verdicts)]


def test_judges_that_see_something_are_nothing_to_tell():
    assert blind(judges((SEES, BLIND), (SEES, BLIND), (SEES, SEES)), 2) == []


def test_a_judge_that_counts_for_nothing_is_named_with_its_best():
    (line,) = blind(judges((BLIND, LOST), (SEES, BLIND), (SEES, SEES)), 2)
    assert line.startswith("judge resnet18, seed 0 counts for no attribute")
    assert "balanced accuracy is 0.610, below 0.9" in line


def test_a_jury_that_can_score_nothing_is_told():
    *_, last = blind(judges((SEES, SEES), (SEES, BLIND), (BLIND, SEES)), 2)
    assert last.startswith("no attribute can be scored by the jury: fewer than 2 of its judges")
    assert len(blind(judges((SEES, SEES), (LOST, BLIND), (BLIND, BLIND)), 2)) == 3
