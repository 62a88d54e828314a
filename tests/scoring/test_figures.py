"""Figures of a study of many attributes: what cannot be computed for so many is not scored, and says why."""

import math

import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.results.records import Record
from sgbench.results.scores import Panelist, Scores, TargetScores, Verdict
from sgbench.scoring.figures import make_records

NUM, NAN = 20, float("nan")
BASE = Record("a", "a", "", "5", 0, "own", 32, "", "all", "", "", "", NAN, NAN, NAN, 0, "", "measured")


def records_of(number):
    """Records of one target's results in a study of so many binary attributes."""
    attributes = tuple(Attribute(f"a{k}", ("no", "yes")) for k in range(number))
    judges = tuple(Panelist("resnet18", (Verdict(0.9, 0.5),) * number, k) for k in range(3))
    values = torch.arange(NUM, dtype=torch.int8).remainder(2)
    labels = (1 - values).unsqueeze(1).expand(NUM, number)
    heads = tuple(torch.full((NUM, 2), 0.5, dtype=torch.float64) for _ in attributes)
    ids, order = tuple(map(str, range(NUM))), values.argsort(stable=True)
    request, none = Requests(0, order, values[order]), {"inception": "not scored: no weights"}
    scores = (TargetScores((heads,) * 3),)
    return make_records(Scores(BASE, attributes, judges, none, 5, ids, labels, (request,), (0,), scores))


@pytest.mark.parametrize("number", [12, 13, 40])
def test_a_joint_posterior_of_too_many_combinations_is_not_scored(number):
    found = {r.metric: r for r in records_of(number) if r.metric.startswith("judge_score")}
    assert found.keys() == {"judge_score", "judge_score_std"}
    for record in found.values():
        assert record.definition.endswith("the product over its heads")
        if number == 12:
            assert (record.note, math.isnan(record.value)) == ("", False)
        else:
            assert math.isnan(record.value)
            assert record.note == (
                f"not scored: {number} attributes have {2**number:,} combinations of values, a joint posterior is "
                "computed of at most 4,096"
            )
