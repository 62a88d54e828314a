"""What a job's folder says of its model: enough to build it again without the study, its config or its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, TypeAdapter

from sgbench.data.labels import Attribute
from sgbench.results.job_folder import JobFolder
from sgbench.support.archives import Arrays
from sgbench.support.atomic import write_buffered
from sgbench.support.errors import BrokenFile
from sgbench.support.reading import NotRead
from sgbench.support.sealed import check, opened, sealing
from sgbench.support.settings_model import named_if_broken
from sgbench.support.strict import read_object

_LABELS = "labels"
_MOST_LABELS = 2**30
"""Bytes of the labels of a job."""


def _attributes(raw: Any) -> Any:
    """Attributes as a job's identity has them: name, values, and whether every image has one of these."""
    return tuple(Attribute(*parts) for parts in _ATTRIBUTES.validate_python(raw))


_ATTRIBUTES = TypeAdapter(Annotated[list[tuple[str, tuple[str, ...], bool]], Field(min_length=1)])


@dataclass(frozen=True)
class JobIdentity:
    """A model as its folder tells it.

    Attributes:
        method: the key of its class, and ``version`` that class's then.
        settings: the method's, without those that decide how a trained model is used.
        code: the class that was trained, ``package.module:Class``.
        data: the class of its data set, as a config names it; empty in folders of earlier versions.
    """

    method: str
    version: int
    attributes: Annotated[tuple[Attribute, ...], BeforeValidator(_attributes)]
    image_size: Annotated[int, Field(ge=1, le=4096)]
    settings: Mapping[str, Any]
    precision: str
    seed: int
    code: Annotated[str, Field(validation_alias="class")]
    data: str = ""


_IDENTITIES = TypeAdapter(JobIdentity)


def read_identity(folder: JobFolder) -> JobIdentity:
    """The identity that a job's folder keeps.

    Raises:
        BrokenFile: it is missing, is not as it was written, or is broken; names the file and what to do.
    """
    path = folder.identity_file
    check(path, folder.remedy)
    with named_if_broken(path, folder.remedy):
        return _IDENTITIES.validate_python(read_object(path))


def write_labels(folder: JobFolder, labels: np.ndarray) -> None:
    """Keep the labels that a method is built with, int8 [N, J], hidden ones as such."""
    with sealing(folder.labels_file) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, **{_LABELS: labels}))


def read_labels(folder: JobFolder, num_attributes: int) -> np.ndarray | None:
    """The labels that a method was built with, int8 [N, J]; None if an earlier version kept none.

    Raises:
        BrokenFile: they are not as they were written; names the file and what to do.
    """

    def read(path: Path) -> np.ndarray:
        with Arrays(path) as arrays:
            shape, dtype, *_ = arrays.header(_LABELS)
            if dtype != np.int8 or len(shape) != 2 or shape[1] != num_attributes:
                raise NotRead(f"{path}: {_LABELS} is {dtype} {list(shape)}, not int8 [N, {num_attributes}]")
            return arrays.read(_LABELS, _MOST_LABELS)

    try:
        return opened(folder.labels_file, read, folder.remedy) if folder.labels_file.exists() else None
    except NotRead as error:
        raise BrokenFile(f"{error}; {folder.remedy}") from error
