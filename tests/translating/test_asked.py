"""Groups and labels by the names that users give them."""

import pytest
from trained import refusal

from sgbench.data.labels import HIDDEN, NONE, Attribute, Group
from sgbench.translating.asked import groups_of, in_words, labels_in_words, labels_of

ATTRIBUTES = (
    Attribute("smile", ("neutral", "smiling")),
    Attribute("hair_color", ("black", "blond"), exhaustive=False),
    Attribute("species", ("cat", "dog", "bird")),
    Attribute("glasses", ("no", "yes")),
)


def test_groups_are_in_the_order_given_and_yes_may_be_one_of_two_values():
    pairs = [("hair_color", "blond"), ("smile", "yes"), ("glasses", "no"), ("species", "bird")]
    groups = groups_of(pairs, ATTRIBUTES)
    assert groups == (Group(1, 1), Group(0, 1), Group(3, 0), Group(2, 2))
    assert in_words(groups, ATTRIBUTES) == "hair_color=blond, smile=smiling, glasses=no, species=bird"


def test_what_is_not_said_of_a_source_is_hidden():
    labels = labels_of([("hair_color", "none"), ("smile", "no")], ATTRIBUTES)
    assert labels.tolist() == [[0, NONE, HIDDEN, HIDDEN]]
    assert labels_in_words(labels[0].tolist(), ATTRIBUTES) == "smile=neutral, hair_color=none"


SWITCHES = {
    ("no", "yes"): 1,
    ("True", "False"): 0,
    ("absent", "present"): 1,
    ("teeth", "no_teeth"): 0,
    ("hidden", "teeth shown"): 1,
    ("-1", "1"): 1,
}


@pytest.mark.parametrize("values", SWITCHES)
def test_yes_is_the_value_that_says_so_in_whatever_order(values):
    attribute, yes = Attribute("teeth", values), SWITCHES[values]
    assert groups_of([("teeth", "yes")], [attribute]) == (Group(0, yes),)
    assert labels_of([("teeth", "no")], [attribute]).tolist() == [[1 - yes]]


@pytest.mark.parametrize("values", [("bad", "good"), ("teeth left", "teeth right"), ("female", "male")])
def test_yes_is_refused_where_no_value_says_so(values):
    line = refusal(lambda: groups_of([("teeth", "yes")], [Attribute("teeth", values)]))
    assert line.endswith(f"--to teeth=yes: 'yes' is none of its values; this model knows {', '.join(values)}")


WRONG = {
    ("smiles", "yes"): "--to smiles=yes: unknown attribute; did you mean smile? this model knows smile, hair_color",
    ("hair_color", "blonde"): "'blonde' is none of its values; did you mean blond? this model knows black, blond",
    ("hair_color", "yes"): "--to hair_color=yes: 'yes' is none of its values; this model knows black, blond",
    ("hair_color", "none"): "--to hair_color=none: 'none' is none of its values",
    ("species", "yes"): "this model knows cat, dog, bird",
    ("smile", "SMILING"): "did you mean smiling?",
}


@pytest.mark.parametrize("pair", WRONG)
def test_a_wrong_name_gets_the_nearest(pair):
    assert WRONG[pair] in refusal(lambda: groups_of([pair], ATTRIBUTES))


def test_of_a_source_none_is_a_value_where_it_can_be():
    assert "this model knows black, blond, none" in refusal(lambda: labels_of([("hair_color", "red")], ATTRIBUTES))
    assert "this model knows neutral, smiling" in refusal(lambda: labels_of([("smile", "none")], ATTRIBUTES))


def test_an_attribute_is_given_once():
    pairs = [("smile", "yes"), ("smile", "no")]
    assert "--to smile=no: smile is named twice" in refusal(lambda: groups_of(pairs, ATTRIBUTES))
