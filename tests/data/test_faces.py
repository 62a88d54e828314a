import pytest
import torch

from sgbench.data.labels import NONE, Group, all_groups
from sgbench.data.sources import faces as faces_module
from sgbench.data.sources.faces import ATTRIBUTES, Faces

FACES = Faces(seed=0)
INDEX = torch.arange(24)


@pytest.fixture(scope="module")
def labels():
    return FACES.labels(torch.arange(20_000))


def share(flags):
    return flags.float().mean().item()


def phi(first, second):
    return torch.corrcoef(torch.stack([first, second]).double())[0, 1].item()


@pytest.mark.parametrize("size", [32, 45, 64])
def test_a_face_does_not_depend_on_its_batch(size):
    together = FACES.render(INDEX, size)
    order = torch.tensor([7, 3, 19])
    assert torch.equal(FACES.render(order, size), together[order])
    assert torch.equal(Faces(seed=0).render(torch.tensor([7]), size), together[7:8])


@pytest.mark.slow
def test_chunks_do_not_matter(monkeypatch):
    expected = FACES.render(INDEX, 33)
    for pixels in (1, 5 * 33**2):
        monkeypatch.setattr(faces_module, "CHUNK_PIXELS", pixels)
        assert torch.equal(FACES.render(INDEX, 33), expected)


def test_seeds_and_faces_differ():
    first, other = FACES.render(INDEX, 32).float(), Faces(seed=1).render(INDEX, 32).float()
    assert ((first - other).abs().mean((1, 2, 3)) > 5).all()
    assert ((first - first.roll(1, 0)).abs().mean((1, 2, 3)) > 5).all()
    assert share(FACES.labels(torch.arange(999)) != Faces(seed=1).labels(torch.arange(999))) > 0.2


def test_faces_are_the_same_at_every_size():
    large, middle, small = (FACES.render(INDEX[:12], size).float() for size in (128, 64, 32))
    shrink = torch.nn.functional.avg_pool2d
    assert ((shrink(large, 2) - middle).abs().mean((1, 2, 3)) < 4).all()
    assert ((shrink(large, 4) - small).abs().mean((1, 2, 3)) < 4).all()


def test_labels_have_the_marginals_of_celeba(labels):
    assert labels.dtype == torch.int8
    male, smiling, black, blond = labels[:, 0] == 1, labels[:, 1] == 1, labels[:, 2] == 0, labels[:, 2] == 1
    painted, pale = labels[:, 3] == 1, labels[:, 4] == 1
    measured = {
        0.42: male,
        0.54: smiling[~male],
        0.40: smiling[male],
        0.203: black[~male],
        0.241: blond[~male],
        0.296: black[male],
        0.022: blond[male],
        0.69: painted[~male & ~smiling],
        0.80: painted[~male & smiling],
        0.08: painted[male],
        0.041: pale[~male & black],
        0.069: pale[~male & blond],
        0.026: pale[male],
    }
    for expected, flags in measured.items():
        assert share(flags) == pytest.approx(expected, abs=0.02), expected
    assert set(labels[:, 2].tolist()) == {0, 1, NONE}
    assert [a.exhaustive for a in ATTRIBUTES] == [True, True, False, True, True]


def test_labels_correlate_as_in_celeba(labels):
    gender, smile, hair, lipstick, _ = labels.T
    known = hair >= 0
    assert phi(gender, lipstick) == pytest.approx(-0.66, abs=0.03)
    assert phi(gender[known], hair[known]) == pytest.approx(-0.46, abs=0.03)
    assert phi(lipstick[known], hair[known]) == pytest.approx(0.29, abs=0.03)
    assert phi(smile, lipstick) == pytest.approx(0.16, abs=0.03)
    assert phi(gender, smile) == pytest.approx(-0.14, abs=0.03)


def test_a_counterfactual_to_own_labels_is_the_face():
    own = FACES.labels(INDEX)
    images = FACES.render(INDEX, 48)
    for i in range(8):
        groups = [Group(j, v) for j, v in enumerate(own[i].tolist()) if v >= 0]
        assert torch.equal(FACES.counterfactual(INDEX[i : i + 1], groups, 48)[0], images[i])


@pytest.mark.parametrize("group", all_groups(ATTRIBUTES))
def test_a_counterfactual_changes_the_attribute_and_no_background(group):
    images, mask = FACES.render(INDEX, 64), FACES.background_mask(INDEX, 64)
    edited = FACES.counterfactual(INDEX, [group], 64)
    changed = (edited != images).any(1)
    assert not (changed & mask).any()
    other = FACES.labels(INDEX)[:, group.attribute] != group.value
    assert torch.equal(changed.flatten(1).any(1), other)
    assert (changed.flatten(1).sum(1)[other] > 30).all()
    assert 0.15 < mask.float().mean() < 0.7


def test_edits_stay_where_they_belong():
    images = FACES.render(INDEX, 64)
    for group, limit in ((Group(1, 1), 0.30), (Group(3, 1), 0.06), (Group(3, 0), 0.06)):
        changed = (FACES.counterfactual(INDEX, [group], 64) != images).any(1)
        assert changed.flatten(1).float().mean(1).max() < limit
        assert not changed[:, :16].any()


def test_pixels_are_not_saturated_and_corners_not_blank():
    images = FACES.render(torch.arange(64), 64)
    assert images.dtype == torch.uint8
    assert images.min() >= 20
    assert images.max() <= 235
    assert share((images > 22) & (images < 233)) > 0.97
    assert FACES.background_mask(torch.arange(64), 64)[:, :6, :6].all()
    corners = images[:, :, :6, :6].float()
    assert (corners.std((2, 3)).mean(1) > 0.4).all()
    assert images.flatten(1).float().std(1).min() > 20


@pytest.mark.parametrize("size", [0, 31, 257])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="32 to 256"):
        FACES.render(INDEX, size)
    with pytest.raises(ValueError, match="32 to 256"):
        FACES.background_mask(INDEX, size)


@pytest.mark.parametrize("groups", [[Group(5, 0)], [Group(0, 2)], [Group(2, NONE)], [Group(1, 0), Group(1, 1)]])
def test_bad_groups_are_refused(groups):
    with pytest.raises(ValueError, match="group"):
        FACES.counterfactual(INDEX, groups, 32)


def test_no_faces():
    none = torch.empty(0, dtype=torch.long)
    assert FACES.render(none, 32).shape == (0, 3, 32, 32)
    assert FACES.background_mask(none, 32).shape == (0, 32, 32)
    assert FACES.labels(none).shape == (0, 5)
