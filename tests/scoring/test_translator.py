"""A system's results are checked before they become pixels; a method from elsewhere leaves the process as it was."""

import random
import re

import numpy as np
import pytest
import torch

from sgbench.data.labels import HIDDEN, Attribute, Group
from sgbench.methods.contract import Method
from sgbench.scoring.repeats import unsteady
from sgbench.scoring.translator import Model, editor, translator
from sgbench.support.errors import UserError

IMAGES = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
LABELS = torch.zeros(4, 1, dtype=torch.int8)
ATTRIBUTES = (Attribute("gender", ("female", "male")),)


class Brought(Method):
    """A method from elsewhere whose ``edit`` is given."""

    display_name = "Brought"
    key = "brought"

    def __init__(self, edit):
        super().__init__()
        self.attributes, self.given = ATTRIBUTES, edit

    def step(self, batches, iteration):
        raise NotImplementedError

    def edit(self, images, labels, group):
        return self.given(images)


def translated(edit, precision="float32", positions=None, seed=0):
    model = Model((0,), Brought(edit).eval(), "runs/jobs/brought-1")
    translate = translator(editor([model], torch.device("cpu"), precision), IMAGES, LABELS)
    return translate(torch.arange(4) if positions is None else positions, [Group(0, 1)], seed)


@pytest.mark.parametrize("sees", [True, False])
def test_labels_are_hidden_from_a_method_that_does_not_say_that_it_is_given_them(sees):
    told = []

    class Reading(Brought):
        """One that keeps the labels it is given."""

        key = "reading"

        def translate(self, images, labels, groups):
            told.append(labels)
            return images

    edit = editor([Model((0,), Reading(None).eval(), "runs/jobs/reading-1", sees)], torch.device("cpu"), "float32")
    edit(IMAGES, LABELS, [Group(0, 1)], 0)
    assert torch.equal(told[0], LABELS if sees else torch.full_like(LABELS, HIDDEN))
    assert (LABELS == 0).all()


def half_lost(images):
    return torch.where(torch.arange(8) < 4, images, torch.nan)


WRONG = {
    "NaN": (lambda x: x * torch.nan, "returned NaN or infinity"),
    "half NaN": (half_lost, "returned NaN or infinity"),
    "infinity": (lambda x: x.clone().index_fill_(0, torch.tensor([2]), torch.inf), "returned NaN or infinity"),
    "minus infinity": (lambda x: x - torch.inf, "returned NaN or infinity"),
    "levels": (lambda x: (x + 1) * 127.5, "returned values from 0 to 255"),
    "smaller": (lambda x: x[..., ::2], "returned float32 [4, 3, 8, 4]"),
    "whole numbers": (lambda x: x.long(), "returned int64"),
    "nested": (lambda x: torch.nested.nested_tensor(list(x), layout=torch.jagged), "returned float32 nested"),
    "nothing": (lambda x: None, "returned NoneType"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_result_is_refused(wrong):
    edit, problem = WRONG[wrong]
    with pytest.raises(UserError, match=rf"Brought {re.escape(problem)}.*delete runs/jobs/brought-1 to train it again"):
        translated(edit)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_results_become_pixels(precision):
    assert torch.equal(translated(lambda x: x, precision), IMAGES)
    assert translated(lambda x: (x * 1.3).bfloat16(), precision).max() == 255


def test_a_method_from_elsewhere_changes_nothing_and_ends_nothing():
    def changing(x):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(True)
        torch.manual_seed(3)
        return x

    before = torch.get_rng_state()
    translated(changing)
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(UserError, match=r"Brought: calls sys.exit\(0\)"):
        translated(lambda x: exit(0))


def drawing(x):
    noise = torch.rand(x.shape) + float(np.random.rand()) + random.random()  # noqa: NPY002
    return noise / 2 - 0.5


def test_what_a_method_draws_depends_on_the_images_alone():
    once = translated(drawing)
    torch.rand(5), np.random.rand(5), random.random()  # noqa: NPY002
    assert torch.equal(translated(drawing), once)
    assert not torch.equal(translated(drawing, seed=1), once)


@pytest.mark.parametrize(
    ("edit", "found"), [(lambda x: x / 2, ""), (drawing, "draws"), (lambda x: (x - x.mean(0)).clamp(-1, 1), "batch")]
)
def test_what_results_depend_on_besides_the_image_is_found(edit, found):
    assert unsteady(lambda part, seed: translated(edit, positions=part, seed=seed), torch.arange(4)) == found


def test_an_error_of_a_methods_edit_is_one_line():
    with pytest.raises(UserError, match=r"^Brought: failed on images \[4, 3, 8, 8\]: ZeroDivisionError: "):
        translated(lambda x: 1 / 0)
