"""Which edits figure 3 shows, and what it calls them."""

import pytest
import torch

from sgbench.data.labels import Attribute
from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.plan.edits import asked_values, choose_edits

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
