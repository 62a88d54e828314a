"""A trained system, made of the folders of its jobs: its data need not be there, nor, for a job's folder, its study."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from sgbench.data.labels import HIDDEN, Attribute, Group
from sgbench.data.pixels import to_floats
from sgbench.data.source import Source
from sgbench.launching.kept_models import changed_code
from sgbench.methods.contract import Method
from sgbench.plan.job import construct
from sgbench.results.job_folder import JobFolder
from sgbench.results.job_identity import JobIdentity, read_identity, read_labels
from sgbench.scoring.translator import Model, editor, trained
from sgbench.settings.apart import is_foreign
from sgbench.settings.config_files import METHOD_PACKAGES
from sgbench.settings.reading import SOURCE_PACKAGES
from sgbench.support.code import files_of
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign
from sgbench.support.loading import load_class
from sgbench.support.settings_model import first_problem
from sgbench.training.precision import Precision
from sgbench.translating.naming import NamedModel


@dataclass(frozen=True)
class TrainedSystem:
    """One method with its trained models, as a function of any images.

    Attributes:
        name: as a user names it.
        attributes: those that it translates, in the order in which groups number them.
        source: the class of the data set that it was trained on; None where it is not known or cannot be imported.
    """

    name: str
    attributes: tuple[Attribute, ...]
    image_size: int
    models: tuple[Model, ...]
    precision: Precision
    device: torch.device
    source: type[Source] | None

    @property
    def title(self) -> str:
        """The method's name as shown."""
        return self.models[0].method.display_name

    @property
    def reads_labels(self) -> bool:
        """Whether results depend on labels of the source images."""
        return any(model.sees_labels for model in self.models)

    def edit(self, images: Tensor, labels: Tensor, groups: Sequence[Group]) -> Tensor:
        """Results of groups that are applied together, uint8 [N, 3, S, S].

        Args:
            images: uint8 [N, 3, S, S].
            labels: int8 [N, J] of the source images, hidden where they are not known.
        """
        return editor(self.models, self.device, self.precision)(images, labels, groups, 0)

    def completed(self, images: Tensor, labels: Tensor) -> Tensor:
        """Labels int8 [N, J] of source images, those that are hidden as the method itself guesses them.

        Raises:
            UserError: the method reads labels and guesses none.
        """
        completed = labels.clone()
        for model in self.models if self.reads_labels else ():
            columns = list(model.columns)
            hidden = completed[:, columns] == HIDDEN
            if hidden.any():
                completed[:, columns] = torch.where(hidden, self._guessed(model, images), completed[:, columns])
        return completed

    def _guessed(self, model: Model, images: Tensor) -> Tensor:
        autocast = torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bfloat16" else nullcontext()
        outside = foreign(self.title) if is_foreign(type(model.method)) else nullcontext()
        with outside, torch.no_grad(), autocast:
            guess = model.method.guessed_labels(to_floats(images.to(self.device)))
        if guess is None:
            wanted = " ".join(f"--from {a.name}={a.values[0]}" for a in self.attributes)
            raise UserError(
                f"{self.name}: {self.title} reads the source image's labels and cannot guess them; give all, such as "
                f"{wanted}"
            )
        return guess.to("cpu", torch.int8)


def open_system(named: NamedModel, device: torch.device) -> TrainedSystem:
    """Build a system's models and load their parameters; warns if their code has changed since they were trained.

    Raises:
        UserError: a job's folder, its class or its checkpoint is missing or broken, or does not fit; says what to do.
    """
    identities = [_identity(folder) for folder in named.jobs]
    models, attributes = [], []
    for folder, identity in zip(named.jobs, identities, strict=True):
        columns = tuple(range(len(attributes), len(attributes) + len(identity.attributes)))
        attributes += identity.attributes
        models.append(_model(folder, identity, columns, device, named.settings))
    first = identities[0]
    return TrainedSystem(
        named.name, tuple(attributes), first.image_size, tuple(models), first.precision, device, _source(first.data)
    )


def _identity(folder: JobFolder) -> JobIdentity:
    try:
        return read_identity(folder)
    except ValueError as error:
        raise UserError(str(error)) from error


def _model(
    folder: JobFolder,
    identity: JobIdentity,
    columns: tuple[int, ...],
    device: torch.device,
    of_study: Mapping[str, Any],
) -> Model:
    """A trained model; what decides how it is used is in no job's folder, but in the settings of its study."""
    cls = _class(folder, identity)
    used = {name: of_study[name] for name in cls.at_test if name in of_study}
    try:
        settings = cls.Settings(**identity.settings | used)
        seed_draws(identity.seed)
        method = construct(
            cls, identity.attributes, identity.image_size, settings, _labels(folder, identity, is_foreign(cls))
        )
    except ValidationError as error:
        raise UserError(f"{folder.identity_file}: settings: {first_problem(error)}; {folder.remedy}") from error
    except ValueError as error:  # of a broken file, or of the class
        raise UserError(f"{folder.path}: {error}") from error
    try:
        method = trained(method, folder, device)
    except RuntimeError as error:  # a parameter is missing, or has another shape
        told = f"its checkpoint does not fit {identity.code} as it is now ({summary(error)})"
        raise UserError(f"{folder.path}: {told}; {folder.remedy}") from error
    reads = method.source_labels(method.settings) != "none"
    return Model(columns, method, str(folder.path), reads)


def _class(folder: JobFolder, identity: JobIdentity) -> type[Method]:
    """The class that was trained; says what has changed in it since."""
    try:
        cls = load_class(identity.code, Method, METHOD_PACKAGES)
    except UserError as error:
        told = f"{error}; start in the folder that holds the class, or name that folder in PYTHONPATH"
        raise UserError(f"{folder.path}: {told}") from error
    if cls.key != identity.method:
        raise UserError(f"{folder.path}: is a model of '{identity.method}', but {identity.code} is '{cls.key}' now")
    if cls.version != identity.version:
        told = f"was trained by version {identity.version} of {cls.display_name}, here is version {cls.version}"
        warnings.warn(f"{folder.path}: {told}: results may not be those of its report", stacklevel=2)
    if changed := changed_code(files_of(cls.__module__), folder):
        warnings.warn(f"{changed} has changed since this was trained ({folder.path})", stacklevel=2)
    return cls


def _labels(folder: JobFolder, identity: JobIdentity, brought: bool) -> Tensor:
    """The labels that the method was built with.

    Folders of earlier versions have none. Methods of the suite only look whether all values are there, so that any
    such labels do.

    Raises:
        ValueError: they are broken, or are needed and not there.
    """
    kept = read_labels(folder, len(identity.attributes))
    if kept is not None:
        return torch.from_numpy(kept)
    if brought:
        told = "an earlier version kept no labels, which a class from elsewhere is built with"
        raise ValueError(f"{told}; {folder.remedy}")
    most = max(len(a.values) for a in identity.attributes)
    rows = [[v % len(a.values) for a in identity.attributes] for v in range(most)]
    return torch.tensor([*rows, [HIDDEN] * len(identity.attributes)], dtype=torch.int8)


def _source(name: str) -> type[Source] | None:
    try:
        return load_class(name, Source, SOURCE_PACKAGES) if name else None
    except UserError:  # a class from elsewhere, which only knows its own images
        return None
