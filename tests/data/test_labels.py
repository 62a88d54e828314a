"""Sparse labels: exact counts, nesting, independence, against a walk image by image."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sgbench.data.labels import HIDDEN, NONE, Attribute, sparsify

GENDER = Attribute("gender", ("female", "male"))
HAIR = Attribute("hair", ("black", "blond", "red"), exhaustive=False)
PALE = Attribute("pale", ("no", "yes"))
ATTRIBUTES = (GENDER, HAIR, PALE)
NUM_IMAGES = 1000
SEEDS = range(5)


def make_labels(seed):
    """Unbalanced labels; a third of the images have none of the hair's values, 1 % of the pale labels are unknown."""
    rng = np.random.default_rng(seed)
    gender = rng.choice(2, NUM_IMAGES, p=[0.6, 0.4])
    hair = rng.choice([0, 1, 2, NONE], NUM_IMAGES, p=[0.3, 0.25, 0.1, 0.35])
    pale = rng.choice([0, 1, HIDDEN], NUM_IMAGES, p=[0.89, 0.1, 0.01])
    return torch.from_numpy(np.stack([gender, hair, pale], 1).astype(np.int8))


def walk(truth, num_values, level, seed):
    """What METHODS.md says, one image after another, for one attribute; also how many images were met."""
    shown, open_quota, met = [HIDDEN] * len(truth), [level] * num_values, 0
    for i in np.random.default_rng([seed, 0x5EED]).permutation(len(truth)):
        if not any(open_quota):
            break
        met += 1
        value = int(truth[i])
        if value == NONE:
            shown[i] = NONE
        elif value >= 0 and open_quota[value]:
            shown[i] = value
            open_quota[value] -= 1
    return shown, met


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("level", [1, 7, 50])
def test_labels_are_those_of_the_walk(seed, level):
    truth = make_labels(seed)
    sparse = sparsify(truth, ATTRIBUTES, level, seed)
    walks = [walk(truth[:, j], len(a.values), level, seed) for j, a in enumerate(ATTRIBUTES)]
    assert sparse.labels.T.tolist() == [shown for shown, _ in walks]
    assert sparse.manifest["walked"] == max(met for _, met in walks)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_gets_exactly_k_labels_and_all_are_true(seed):
    truth = make_labels(seed)
    for level in (1, 10, 60):
        labels = sparsify(truth, ATTRIBUTES, level, seed).labels
        assert labels.dtype == torch.int8
        for j, attribute in enumerate(ATTRIBUTES):
            assert [(labels[:, j] == v).sum() for v in range(len(attribute.values))] == [level] * len(attribute.values)
        shown = labels != HIDDEN
        assert torch.equal(labels[shown], truth[shown])
        assert not (labels[:, [0, 2]] == NONE).any()
        assert (labels[:, 1] == NONE).any() or level == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_smaller_levels_are_nested_in_larger_ones(seed):
    truth = make_labels(seed)
    several = [sparsify(truth, ATTRIBUTES, level, seed).labels for level in (2, 20, 60, "all")]
    for few, many in pairwise(several):
        shown = few != HIDDEN
        assert torch.equal(few[shown], many[shown])
        assert (many != HIDDEN).sum() > shown.sum()


@pytest.mark.parametrize("level", [20, "all"])
@pytest.mark.parametrize("balanced", [(), ("pale",)])
def test_an_attributes_labels_do_not_depend_on_the_others(level, balanced):
    truth = make_labels(0)
    together = sparsify(truth, ATTRIBUTES, level, 3, balanced).labels
    for j, attribute in enumerate(ATTRIBUTES):
        alone = sparsify(truth[:, [j]], [attribute], level, 3, balanced).labels
        assert torch.equal(alone[:, 0], together[:, j])


def test_the_same_seed_gives_the_same_labels_and_another_seed_others():
    truth = make_labels(0)
    first, again, other = (sparsify(truth, ATTRIBUTES, 20, seed) for seed in (0, 0, 1))
    assert torch.equal(first.labels, again.labels)
    assert first.manifest == again.manifest
    assert not torch.equal(first.labels, other.labels)
    assert first.manifest["sha256"] != other.manifest["sha256"]


def test_all_hides_nothing():
    truth = make_labels(0)
    sparse = sparsify(truth, ATTRIBUTES, "all", 0)
    assert torch.equal(sparse.labels, truth)
    assert torch.equal(sparse.complete, truth[:, 2] != HIDDEN)


@pytest.mark.parametrize("seed", SEEDS)
def test_balanced_all_cuts_the_majority_to_the_minority(seed):
    truth = make_labels(seed)
    labels = sparsify(truth, ATTRIBUTES, "all", seed, balanced=["pale"]).labels
    assert torch.equal(labels[:, :2], truth[:, :2])
    rare = int((truth[:, 2] == 1).sum())
    assert [(labels[:, 2] == v).sum() for v in (0, 1)] == [rare, rare]
    few = sparsify(truth, ATTRIBUTES, 20, seed).labels[:, 2]
    assert torch.equal(labels[few != HIDDEN, 2], few[few != HIDDEN])
    assert torch.equal(few, sparsify(truth, ATTRIBUTES, 20, seed, balanced=["pale"]).labels[:, 2])


def test_pool_complete_and_manifest_count_what_is_shown():
    truth = make_labels(0)
    sparse = sparsify(truth, ATTRIBUTES, 20, 0)
    labels = sparse.labels.numpy()
    assert sparse.pool.tolist() == np.flatnonzero((labels >= 0).any(1)).tolist()
    assert sparse.complete.tolist() == (labels != HIDDEN).all(1).tolist()
    none_alone = (labels[:, 1] == NONE) & (labels[:, [0, 2]] == HIDDEN).all(1)
    assert none_alone.any()
    assert not np.isin(np.flatnonzero(none_alone), sparse.pool.numpy()).any()
    manifest = sparse.manifest
    assert (manifest["level"], manifest["seed"], manifest["images"]) == (20, 0, NUM_IMAGES)
    assert (manifest["pool"], manifest["complete"]) == (len(sparse.pool), int(sparse.complete.sum()))
    none = int((labels[:, 1] == NONE).sum())
    assert manifest["counts"]["hair"] == {"black": 20, "blond": 20, "red": 20, "none": none}
    assert manifest["counts"]["gender"] == {"female": 20, "male": 20, "none": 0}


def test_the_hash_changes_with_any_label():
    truth = make_labels(0)
    changed = truth.clone()
    changed[5, 0] = 1 - changed[5, 0]
    hashes = {sparsify(labels, ATTRIBUTES, "all", 0).manifest["sha256"] for labels in (truth, changed)}
    assert len(hashes) == 2


def test_too_few_images_of_a_value_are_an_error_that_says_how_many_there_are_if_any():
    truth = make_labels(0)
    rare = int((truth[:, 1] == 2).sum())
    sparsify(truth, ATTRIBUTES[:2], rare, 0)
    with pytest.raises(ValueError, match=rf"only {rare} training images have hair = 'red'; ask for at most {rare} "):
        sparsify(truth, ATTRIBUTES[:2], rare + 1, 0)
    for level in (1, "all"):
        with pytest.raises(ValueError, match=r"^no training image has hair = 'red'; add images that .*--attributes"):
            sparsify(truth[truth[:, 1] != 2], ATTRIBUTES, level, 0)


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a=b", "a+b", "a|b", "$a$", "a\n", " a", ".a", "-a", "a\x1b"])
def test_a_name_that_files_and_tables_could_misread_is_refused(name):
    with pytest.raises(ValueError, match="an attribute's name has only letters, digits, spaces"):
        Attribute(name, ("no", "yes"))


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "a\tb", "\x1b[1m", "\ud800", "\u202ea"])
def test_so_is_a_value_that_is_not_shown_as_it_is(value):
    with pytest.raises(ValueError, match=r"smile: the value .* is empty, begins or ends with a space, or has"):
        Attribute("smile", ("no", value))


def test_shown_values_stay_different():
    assert [Attribute("a", ("not_pale", "pale")).shown(v) for v in (0, 1)] == ["not pale", "pale"]
    assert [Attribute("a", ("x_y", "x y")).shown(v) for v in (0, 1)] == ["x_y", "x y"]


def test_two_values_of_one_name_are_refused():
    with pytest.raises(ValueError, match="smile: two values have one name: no, yes, no"):
        Attribute("smile", ("no", "yes", "no"))
