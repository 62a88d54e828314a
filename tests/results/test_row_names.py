"""Names of rows, and names of methods that would read like one."""

import pytest

from sgbench.results.row_names import is_control, is_row_of, row_name


@pytest.mark.parametrize("shown", ["SG-GAN", "A (b)"])
@pytest.mark.parametrize("level", ["", "all", "500"])
@pytest.mark.parametrize("variant", ["", "guessed labels"])
def test_the_name_of_a_row_reads_like_one(shown, level, variant):
    assert is_row_of(row_name(shown, level, variant).upper(), shown, ["guessed labels"])


@pytest.mark.parametrize("name", ["SG-GAN (ours)", "SG-GAN 500", "My SG-GAN (500)", "SG-GAN (05)", "SG-GAN (", "SG"])
def test_other_names_do_not(name):
    assert not is_row_of(name, "SG-GAN", ["tuned"])


def test_controls_have_names_of_their_own():
    assert is_control("oracle (Counterfactual)")
    assert not is_control("Oracle")
