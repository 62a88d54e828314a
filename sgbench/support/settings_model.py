"""What all models of settings share: unknown keys, and numbers that are none or beyond use, are refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator

from sgbench.support.errors import BrokenFile, UserError, one_line
from sgbench.support.paths import user_path
from sgbench.support.strict import LARGEST


def _user_path(given: Any) -> Any:
    try:
        return user_path(given) if isinstance(given, str | Path) else given
    except UserError as error:
        raise ValueError(str(error)) from error


UserPath = Annotated[Path, BeforeValidator(_user_path)]
"""A path that a user gives."""


class SettingsModel(BaseModel):
    """A frozen part of the settings; the docstring below a setting is what users are told of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, given: Any, info: ValidationInfo) -> Any:
        """Refuse true and false as numbers, which pydantic takes for 1 and 0, and whole numbers beyond ``LARGEST``."""
        takes_bool = _is_or_holds_bool(cls.model_fields[info.field_name or ""].annotation)
        for value in given if isinstance(given, list | tuple) else (given,):
            if isinstance(value, bool) and not takes_bool:
                raise ValueError(f"{str(value).lower()} is neither a number nor a text; quote it if it is a name")
            if isinstance(value, int) and abs(value) > LARGEST:
                raise ValueError(f"a whole number beyond {LARGEST:,} is too large")
        return given


def sentence_on(model: type[BaseModel], key: str) -> str:
    """What users are told of a setting, in one line; a class that only changes its default has it from its base."""
    bases = [base for base in model.__mro__ if issubclass(base, BaseModel) and key in base.model_fields]
    told = next((about for base in bases if (about := base.model_fields[key].description)), "")
    return one_line(told) if told else ""


def first_problem(error: ValidationError) -> str:
    """The first key that is wrong, if one is, and what is wrong with it."""
    first = error.errors()[0]
    where, problem = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{where}: {problem}" if where else problem


@contextmanager
def named_if_broken(path: Path, remedy: str) -> Iterator[None]:
    """While the block reads and validates a file of the suite's own, what is wrong with it becomes a line.

    Args:
        remedy: what to do about it.

    Raises:
        BrokenFile: the file is missing or broken; names it.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise BrokenFile(f"{path}: is missing; {remedy}") from error
    except ValidationError as error:
        raise BrokenFile(f"{path}: is broken ({first_problem(error)}); {remedy}") from error
    except (OSError, ValueError) as error:
        raise BrokenFile(f"{path}: is broken ({error}); {remedy}") from error


def _is_or_holds_bool(annotation: Any) -> bool:
    return annotation is bool or any(map(_is_or_holds_bool, get_args(annotation)))
