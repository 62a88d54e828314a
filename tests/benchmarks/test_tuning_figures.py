"""How far a trial is from the bars, where figures are missing."""

import math

import pytest

from benchmarks.tuning_figures import least, most, shortfall
from benchmarks.tuning_space import BARS


@pytest.mark.parametrize("name", BARS)
def test_a_trial_of_which_a_figure_is_missing_is_never_chosen(name):
    met = {bar: value for bar, (value, _) in BARS.items()}
    assert shortfall(met) == pytest.approx(met["outside"] / 100)
    assert shortfall(met | {name: math.nan}) == math.inf


@pytest.mark.parametrize("values", [[math.nan, 1.0, 2.0], [1.0, 2.0, math.nan]])
def test_the_worst_of_figures_is_missing_if_one_is(values):
    assert math.isnan(least(values))
    assert math.isnan(most(values))
    assert (least(iter([3.0, 1.0])), most(iter([3.0, 1.0]))) == (1.0, 3.0)
