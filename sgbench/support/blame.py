"""Whose an error is: of code from elsewhere, which is a line for its author, or of the memory, or of the suite."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sgbench.support.code import is_outside, lines_in
from sgbench.support.errors import UserError, summary

_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""What torch's errors without a class of their own say, of the CPU and of the libraries of a GPU."""


def ran_out(error: Exception) -> bool:
    """Whether an error says that there is no memory left."""
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or any(words in str(error) for words in _WORDS)


@contextmanager
def errors_in_a_line(
    name: str, module: str, anywhere: bool = False, passed: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """While the block runs code from elsewhere, an error of it becomes a line that says where it arose.

    Args:
        name: of the code, in messages.
        module: that it lies in.
        anywhere: all errors are the code's, also those that arise in no line of its module.
        passed: kinds of errors that say something to the caller, and stay as they are.

    Raises:
        UserError: names the code and, if it is known, the file and the line.
    """
    try:
        yield
    except (UserError, *passed):
        raise
    except Exception as error:
        lines = lines_in(error, module)
        if ran_out(error) or not (lines or (anywhere and is_outside(module))):
            raise
        where = f"{lines[-1]}: " if lines else ""
        raise UserError(f"{name}: {where}{type(error).__name__}: {summary(error)}") from error
