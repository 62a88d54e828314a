"""How far figures made from the same scores may be apart, because sums are taken in another order.

Threads, processors and versions of libraries add up the same numbers in another order. A sum of a hundred thousand
terms then moves by some 1e-13 of itself, and an interval or a p made of such sums by less than a thousand times that.
No figure is shown with more than seven digits, so a change that anybody could see is far larger.
"""

import numpy as np
from numpy.typing import ArrayLike

RELATIVE = 1e-9
ABSOLUTE = 1e-12
"""For figures near zero that are the difference of larger ones, such as what a paired test compares."""


def same_but_for_rounding(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Whether figures are the same but for rounding, one by one; NaN is the same as NaN."""
    return np.isclose(first, second, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
