"""A job trains one model; a system is one method at one level and seed, whichever number of jobs it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sgbench.data.batches import Batches
from sgbench.data.labels import Attribute, SparseLabels
from sgbench.data.levels import Level
from sgbench.data.store.packed import PackedImages
from sgbench.methods.contract import Method, MethodSettings
from sgbench.settings.models import MethodEntry
from sgbench.support.blame import errors_in_a_line
from sgbench.support.code import is_outside
from sgbench.support.draws import seed_draws
from sgbench.support.global_state import foreign
from sgbench.support.hashing import hash_of_array, hash_of_value
from sgbench.support.names import shortened
from sgbench.training.loop import LOOP_VERSION
from sgbench.training.precision import Precision

_METHOD, _ATTRIBUTES = 60, 160
"""Most bytes of a method's and of all attributes' names in the name of a folder."""


@dataclass(frozen=True)
class Job:
    """One model to train: it says what is trained, builds it, and is known by a hash of all that decides it.

    Attributes:
        columns: positions of the job's attributes among the study's.
        labels: the training labels of these attributes as the level reveals them.
        source: fingerprint of the data set.
        data: its class, as a config names it; part of no hash.
        train: int64 [N], positions of the training images among all.
        files: SHA-256 of each file of a class from outside the package, by its name; part of no hash.
    """

    entry: MethodEntry
    level: Level
    seed: int
    columns: tuple[int, ...]
    attributes: tuple[Attribute, ...]
    image_size: int
    precision: Precision
    labels: SparseLabels = field(repr=False)
    source: str = field(repr=False)
    train: Tensor = field(repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: str = field(default="", repr=False)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides what is trained, as JSON values; its hash names the folder."""
        return {
            "method": self.entry.cls.key,
            "version": self.entry.cls.version,
            "loop": LOOP_VERSION,
            "attributes": [[a.name, list(a.values), a.exhaustive] for a in self.attributes],
            "image_size": self.image_size,
            "settings": self.entry.settings.model_dump(mode="json", exclude=set(self.entry.cls.at_test)),
            "source": self.source,
            "train": hash_of_array(self.train.numpy()),
            "labels": self.labels.manifest["sha256"],
            "precision": self.precision,
            "seed": self.seed,
        } | ({"bases": bases} if (bases := _bases(self.entry.cls)) else {})

    @cached_property
    def name(self) -> str:
        """Folder name: method, attributes, level, seed and hash; of many attributes the first are named."""
        slug = shortened(self.slug, _METHOD)
        names = shortened("+".join(a.name for a in self.attributes), _ATTRIBUTES)
        return f"{slug}-{names}-{self.level}-s{self.seed}-{hash_of_value(self.identity)[:8]}"

    @property
    def slug(self) -> str:
        """Name and variant; a variant that only uses trained models in another way shares those of the method."""
        return self.entry.name if self.entry.at_test else self.entry.slug

    @property
    def code(self) -> str:
        """Where the method's class lies: provenance, part of no hash."""
        return _place_of(self.entry.cls)

    @property
    def title(self) -> str:
        """What a person calls it: method, the attribute where it has one, level, seed."""
        names = f" {self.attributes[0].name}" if self.entry.cls.one_attribute else ""
        return f"{self.slug}{names} ({self.level}, seed {self.seed})"

    def build(self) -> Method:
        """The method before training, its parameters drawn from the job's seed.

        Raises:
            ValueError: the method cannot take these attributes, labels or size.
            UserError: the code of a method from elsewhere fails.
        """
        seed_draws(self.seed)
        return self._built()

    def check(self) -> None:
        """Refuse what the method cannot take; nothing is kept and no random number is drawn.

        Raises:
            ValueError: of these attributes, labels or size.
        """
        self.outline()

    def outline(self) -> Method:
        """The method with parameters that have shapes and no values; no random number is drawn.

        Raises:
            ValueError: as ``build``.
        """
        with torch.device("meta"):
            return self._built()

    def _built(self) -> Method:
        return construct(self.entry.cls, self.attributes, self.image_size, self.entry.settings, self.labels.labels)

    def batches(self, images: PackedImages | Tensor, device: torch.device) -> Batches:
        """What the method is trained on.

        Args:
            images: uint8 [M, 3, S, S], all images of the data set.
        """
        settings, cls = self.entry.settings, self.entry.cls
        return Batches(
            images,
            self.train,
            self.labels,
            settings.batch_size,
            settings.labelled_share,
            cls.sampling,
            self.seed,
            device,
        )


def construct(
    cls: type[Method], attributes: tuple[Attribute, ...], image_size: int, settings: MethodSettings, labels: Tensor
) -> Method:
    """A method as its class builds it.

    Args:
        labels: int8 [N, J], the revealed labels of its training images; the method may write into what it gets.

    Raises:
        ValueError: the method cannot take these attributes, labels or size.
        UserError: the code of a method from elsewhere fails.
    """
    place = _place_of(cls)
    with foreign(place), errors_in_a_line(place, cls.__module__, anywhere=True, passed=(ValueError,)):
        return cls(attributes, image_size, settings, labels.clone())


def in_a_label(slug: str) -> str:
    """A method's name and variant as they begin the label of a system."""
    return shortened(slug, _METHOD)


def _place_of(cls: type[Method]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _bases(cls: type[Method]) -> dict[str, int]:
    """Key and version of each class of the suite's below one from elsewhere whose own version hides theirs."""
    bases = [base for base in cls.__mro__ if issubclass(base, Method) and base is not Method]
    hidden = any("version" in vars(base) for base in bases if is_outside(base.__module__))
    return {base.key: base.version for base in bases if not is_outside(base.__module__)} if hidden else {}


@dataclass(frozen=True)
class System:
    """One method at one level and seed; ``jobs`` cover every attribute between them."""

    entry: MethodEntry
    level: Level
    seed: int
    jobs: tuple[Job, ...]

    @property
    def label(self) -> str:
        """Method, level and seed, fit for a folder's name."""
        return f"{in_a_label(self.entry.slug)}-{self.level}-s{self.seed}"

    @property
    def name(self) -> str:
        """Folder name: the label and a hash of its jobs and of how their models are used."""
        used = self.entry.at_test
        identity = [*(job.name for job in self.jobs), *([used] if used else [])]
        return f"{self.label}-{hash_of_value(identity)[:8]}"
