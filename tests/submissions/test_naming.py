"""Names of evaluations: what may name one, and folders that differ wherever evaluations do."""

from itertools import product

import numpy as np
import pytest

from sgbench.submissions.naming import level_of, method_of, seed_of, slug
from sgbench.support.errors import UserError


def test_every_method_level_and_seed_has_a_folder_of_its_own():
    names = ["a", "a-5", "a 5", "a-5-5", "a-all", "a-s1", "a-5-s1", "a-all-s0", "a.5", "s1", "5", "all", "5-5"]
    methods = dict.fromkeys(map(method_of, names))
    slugs = [slug(*given) for given in product(methods, ("", "5", "55", "all"), (None, 0, 1, 11))]
    assert len(set(slugs)) == len(slugs)


def test_usual_names_are_as_they_are_read():
    assert slug("attgan", "", None) == "attgan"
    assert slug("attgan", "500", None) == "attgan-500"
    assert slug("my-att.gan2", "all", 3) == "my-att.gan2-all-s3"


@pytest.mark.parametrize("level", ["05", "0", "\u0665", "5.0", 5.0, True, None, "ALL", "-1", "5 ", "1" * 10])
def test_a_level_is_written_as_records_have_it(level):
    with pytest.raises(UserError, match=r"^level: '.*' must be a number of labels from 1 on, such as 500, or all$"):
        level_of(level)
    assert (level_of(5), level_of("all"), level_of("")) == ("5", "all", "")


@pytest.mark.parametrize("seed", [True, 1.0, "1", -1, 2**31, np.float32(1)])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(UserError, match=r"^seed: .* must be a whole number from 0 to 2147483647$"):
        seed_of(seed)
    assert (seed_of(None), seed_of(np.int64(3)), type(seed_of(np.int64(3)))) == (None, 3, int)


@pytest.mark.parametrize("name", [b"x", None, 3])
def test_a_name_is_a_text(name):
    with pytest.raises(UserError, match=r"^name: must be a text, not "):
        method_of(name)
