"""Known answers are found by image and group."""

import pytest
import torch

from sgbench.data.labels import Attribute, Group
from sgbench.data.requests import make_requests
from sgbench.data.store.references import References
from sgbench.scoring.evaluation_set import everything_asked

ATTRIBUTES = (Attribute("smile", ("no", "yes")), Attribute("hair", ("black", "blond", "brown")))
LABELS = torch.tensor([[0, 2], [1, 0], [0, 1], [1, -1], [0, 0]], dtype=torch.int8)


def answer(position, group):
    """An image that says whose answer it is, and to what."""
    return torch.full((3, 2, 2), 100 * group.attribute + 10 * group.value + position, dtype=torch.uint8)


@pytest.fixture
def asked():
    requests = make_requests(LABELS, ATTRIBUTES)
    answers = [
        torch.stack([answer(int(p), Group(r.target, int(v))) for p, v in zip(r.positions, r.values, strict=True)])
        for r in requests
    ]
    images = torch.zeros(len(LABELS), 3, 2, 2, dtype=torch.uint8)
    return everything_asked(images, LABELS, requests, References(answers, None))


@pytest.mark.parametrize(
    ("group", "positions"),
    [(Group(0, 1), [0, 2, 4]), (Group(0, 0), [3]), (Group(1, 1), [0, 1, 4]), (Group(1, 2), [4, 1, 2])],
)
def test_an_answer_is_that_of_the_image_and_the_group(asked, group, positions):
    found = asked.counterfactual(torch.tensor(positions), group)
    assert torch.equal(found, torch.stack([answer(p, group) for p in positions]))


def test_of_fewer_requests_too(asked):
    fewer = asked.only([r.positions != 2 for r in asked.requests])
    assert torch.equal(fewer.counterfactual(torch.tensor([4]), Group(0, 1))[0], answer(4, Group(0, 1)))


@pytest.mark.parametrize(("group", "positions"), [(Group(0, 1), [0, 1]), (Group(1, 0), [3]), (Group(1, 1), [4, 2])])
def test_what_is_not_asked_for_has_no_answer(asked, group, positions):
    with pytest.raises(ValueError, match="is not asked for"):
        asked.counterfactual(torch.tensor(positions), group)


def test_a_data_set_that_knows_none(asked):
    unknown = everything_asked(asked.images, LABELS, asked.requests, References(None, None))
    assert unknown.counterfactual(torch.tensor([0]), Group(0, 1)) is None
