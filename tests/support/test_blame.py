"""Errors of code from elsewhere become lines; those of the suite, of memory, and what a caller waits for stay."""

import pytest
import torch

from sgbench.support.blame import errors_in_a_line, ran_out
from sgbench.support.errors import UserError


def failing(error):
    raise error


def test_an_error_of_the_code_names_its_line():
    with (
        pytest.raises(UserError, match=r"^my:GAN: .*test_blame\.py:\d+: KeyError: 'smile'$"),
        errors_in_a_line("my:GAN", __name__),
    ):
        failing(KeyError("smile"))


def test_what_arose_elsewhere_is_the_codes_where_everything_is():
    with pytest.raises(ZeroDivisionError), errors_in_a_line("my:GAN", "json"):
        failing(ZeroDivisionError())
    with (
        pytest.raises(UserError, match=r"^my:GAN: ZeroDivisionError"),
        errors_in_a_line("my:GAN", "json", anywhere=True),
    ):
        failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError), errors_in_a_line("SGGAN", "sgbench.methods.sggan", anywhere=True):
        failing(ZeroDivisionError())


@pytest.mark.parametrize("error", [UserError("as it is"), MemoryError(), torch.OutOfMemoryError(), ValueError("taken")])
def test_some_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, errors_in_a_line("my:GAN", __name__, passed=(ValueError,)):
        failing(error)
    assert caught.value is error


def test_memory_that_ran_out_is_known_by_class_and_by_words():
    assert ran_out(MemoryError())
    assert ran_out(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    assert not ran_out(RuntimeError("of something else"))
