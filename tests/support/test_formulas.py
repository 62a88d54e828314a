"""No text in a CSV is a formula, and all texts are read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgbench.support.formulas import guarded, unguarded


@pytest.mark.parametrize("text", ["=1+1", "+60", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-x"])
def test_a_formula_gets_an_apostrophe(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(f"'{text}") == text


@pytest.mark.parametrize("text", ["", "60+", "male", "'tis", "a=b", "0-19", "性别"])
def test_other_texts_stay(text):
    assert guarded(text) == unguarded(text) == text


@given(st.text(alphabet="'=+-@\t\ra ", max_size=6))
def test_whatever_is_written_is_read_back(text):
    written = guarded(text)
    assert unguarded(written) == text
    assert written[:1] not in set("=+-@\t\r")
