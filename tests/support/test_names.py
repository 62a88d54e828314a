"""Names that become parts of paths: one component or refused; cut and cleaned, they stay different."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgbench.support.errors import UserError
from sgbench.support.names import file_part, one_component, shortened

BAD = [
    "",
    ".",
    "..",
    ".git",
    "a/b",
    "../systems",
    "/etc",
    "a\\b",
    "C:b",
    "a\0b",
    "a\nb",
    "a\x1bb",
    "a\ud800",
    "é" * 128,
]


@pytest.mark.parametrize("name", [*BAD, None, 3, ["a"], {"a": 1}])
def test_what_is_no_component_of_a_path_is_refused(name):
    with pytest.raises(UserError, match="cannot be the name of a file or folder"):
        one_component(name)


@pytest.mark.parametrize("name", ["a", "sggan-a b+c=d-500-s0-1a2b", "性别", "e" * 255, "x..y", "-", "@", "$HOME", "a~"])
def test_any_other_name_is_taken_as_it_is(name):
    assert one_component(name) == name


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.text(st.characters(codec="utf-8"), max_size=60))
def test_cleaned_names_are_short_safe_and_stay_different(first, second):
    cleaned = [file_part(text, 30) for text in (first, second)]
    assert all(len(part) <= 30 and set(part) <= {*string.ascii_letters, *string.digits, *"._=+-"} for part in cleaned)
    assert (cleaned[0] == cleaned[1]) == (first == second)


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.text(st.characters(codec="utf-8"), max_size=60))
def test_cut_names_have_few_bytes_and_stay_different(first, second):
    cut = [shortened(text, 40) for text in (first, second)]
    assert all(len(name.encode()) <= 40 for name in cut)
    assert (cut[0] == cut[1]) == (first == second)
    assert cut[0] == first or len(first.encode()) > 40


def test_plain_names_are_not_touched():
    assert file_part("gender=male+hair_color=blond", 100) == "gender=male+hair_color=blond"
    assert shortened("gender+smile", 160) == "gender+smile"
