"""The results that a page shows are the very ones that were scored."""

import torch

from sgbench.data.labels import Group
from sgbench.scoring.gallery import Keeper


def results_of(positions, groups):
    """Another image for each position and value."""
    return (10 * positions + groups[0].value).to(torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)


def test_results_of_the_people_shown_are_kept_by_target_and_no_others():
    keeper = Keeper((1, 5), 3)
    watched = keeper.watching(results_of)
    for positions, group in (
        ([0, 1, 2], Group(0, 1)),
        ([4, 5], Group(0, 0)),
        ([3], Group(2, 1)),
        ([5, 6], Group(2, 0)),
    ):
        given = torch.tensor(positions)
        assert torch.equal(watched(given, [group]), results_of(given, [group]))
    first, second = keeper.gallery()
    assert (first.target, first.positions.tolist(), first.values.tolist()) == (0, [1, 5], [1, 0])
    assert (second.target, second.positions.tolist(), second.values.tolist()) == (2, [5], [0])
    assert first.images.shape == (2, 4, 4, 3)
    assert first.images[:, 0, 0, 0].tolist() == [11, 50]


def test_what_is_kept_does_not_change_with_the_tensor_it_came_in():
    keeper, buffer = Keeper((0,), 1), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    keeper.watching(lambda positions, groups: buffer)(torch.tensor([0]), [Group(0, 1)])
    buffer += 9
    assert keeper.gallery()[0].images.max() == 0


def test_nobody_is_kept_where_nobody_is_shown():
    keeper = Keeper((), 2)
    keeper.watching(results_of)(torch.tensor([0, 1]), [Group(0, 1)])
    assert keeper.gallery() == ()
