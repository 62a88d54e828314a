"""Which edits figure 3 shows, and what it calls them."""

import numpy as np
import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.plan.edits import asked_values, choose_edits, choose_gallery

SMILE = Attribute("smile", ("not_smiling", "smiling"))
SPECIES = Attribute("species", ("cat", "dog", "wild"))


def edits_of(attributes, labels):
    """Edits of all people, in their order, as far as the first attribute's values take turns."""
    return choose_edits(torch.tensor(labels, dtype=torch.int8), attributes, [a.title for a in attributes], len(labels))


@pytest.mark.parametrize(
    ("attributes", "pairs"),
    [
        (ATTRIBUTES[:4], ("G+S", "G+H", "S+H")),
        ((SMILE, SPECIES), ("Smile+Species",)),
        ((*ATTRIBUTES[:2], SPECIES), ("Gender+Smile", "Gender+Species", "Smile+Species")),
        ((*ATTRIBUTES[:3], SPECIES), ("Gender+Smile", "Gender+Hair color", "Smile+Hair color")),
        ((SMILE,), ()),
    ],
)
def test_pairs_have_initials_only_where_all_initials_differ(attributes, pairs):
    headings = edits_of(attributes, [[0] * len(attributes)]).headings
    assert headings == ("Input", *(a.title for a in attributes), *pairs)


def test_the_value_asked_for_is_the_one_after_the_faces_own():
    labels = torch.tensor([[0, 1], [1, 2], [0, 0]], dtype=torch.int8)
    edits = edits_of((SMILE, SPECIES), labels.tolist())
    asked = dict(zip(edits.positions, asked_values(labels, (SMILE, SPECIES), edits), strict=True))
    assert asked == {
        0: ["", "smiling", "wild", "smiling + wild"],
        1: ["", "not smiling", "cat", "not smiling + cat"],
        2: ["", "smiling", "dog", "smiling + dog"],
    }


def test_people_who_are_named_are_shown_in_their_order():
    labels = torch.tensor([[0, 1], [1, 2], [0, 0], [1, 1]], dtype=torch.int8)
    found = [choose_edits(labels, (SMILE, SPECIES), ["Smile", "Species"], 2, named) for named in ([3, 0, 2], [])]
    assert [edits.positions for edits in found] == [(3, 0, 2), (0, 1)]


def drawn(number):
    """Labels of which the second value of the first attribute is rare."""
    rng = np.random.default_rng(3)
    columns = [rng.random(number) < 0.1, rng.random(number) < 0.5, rng.integers(0, 3, number)]
    return torch.from_numpy(np.stack(columns, 1).astype(np.int8))


def test_a_gallery_is_spread_evenly_over_the_values_of_all_attributes():
    labels = drawn(400)
    chosen = labels[list(choose_gallery(labels, 24))]
    for j, values in enumerate((2, 2, 3)):
        counts = torch.bincount(chosen[:, j].long(), minlength=values)
        assert counts.max() - counts.min() <= 2


def test_a_gallery_of_fewer_people_is_the_beginning_of_a_larger_one():
    labels = drawn(100)
    assert choose_gallery(labels, 20)[:7] == choose_gallery(labels, 7)
    assert len(set(choose_gallery(labels, 500))) == 100
    assert choose_gallery(labels, 0) == ()


def test_who_has_no_value_is_not_in_a_gallery_and_who_lacks_some_comes_last():
    labels = torch.tensor([[-1, -2, -1], [0, -1, 1], [0, 1, 1], [1, 1, 0]], dtype=torch.int8)
    assert set(choose_gallery(labels, 2)) == {2, 3}
    assert choose_gallery(labels, 9)[2:] == (1,)
