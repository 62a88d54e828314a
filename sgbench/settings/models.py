"""A study's settings as frozen models that refuse unknown keys."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

from sgbench.data.levels import Level
from sgbench.data.source import Source, SourceSettings
from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JudgeSettings
from sgbench.methods.contract import AT_TEST, Method, MethodSettings, SourceLabels
from sgbench.results.records import CONTROLS
from sgbench.results.run_folder import check_study
from sgbench.support.errors import UserError, shown
from sgbench.support.settings_model import SettingsModel, UserPath
from sgbench.training.precision import Precision

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Fit for a part of a folder's name."""
_MOST_AT_ONCE = 1024
"""Of workers, and of threads."""


class MethodEntry(SettingsModel):
    """A method of the study: its name and variant in records, its class and that class's validated settings.

    ``levels`` and ``balanced`` are its own, where they are not the study's.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = Field(pattern=NAME)
    variant: str = Field(pattern=f"{NAME}|^$")
    cls: type[Method]
    settings: MethodSettings
    levels: tuple[Level, ...] | None = Field(None, min_length=1)
    balanced: tuple[str, ...] | None = None

    @field_validator("name")
    @classmethod
    def _not_a_control(cls, name: str) -> str:
        if name in CONTROLS:
            raise ValueError(f"'{name}' is the name of a control; choose another")
        return name

    @field_validator("levels", mode="before")
    @classmethod
    def _levels(cls, levels: Any) -> Any:
        return _checked_levels(levels)

    @field_validator("levels", "balanced")
    @classmethod
    def _once(cls, values: tuple | None) -> tuple | None:
        return values and _all_different(values)

    @property
    def key(self) -> str:
        """Name and variant as a config has them."""
        return f"{self.name}/{self.variant}" if self.variant else self.name

    @property
    def slug(self) -> str:
        """Name and variant, fit for a folder's name."""
        return f"{self.name}.{self.variant}" if self.variant else self.name

    @property
    def source_labels(self) -> SourceLabels:
        """What the method knows of source images at test."""
        return self.cls.source_labels(self.settings)

    @property
    def at_test(self) -> dict[str, Any]:
        """Settings that decide how a trained model is used, those that are not the method's defaults."""
        defaults = {name: field.default for name, field in type(self.settings).model_fields.items() if name in AT_TEST}
        return {name: own for name, default in defaults.items() if (own := getattr(self.settings, name)) != default}

    @property
    def shown_variant(self) -> str:
        """The variant in records and tables; it says if labels of source images are not the method's usual ones."""
        if "source_labels" not in self.at_test:
            return self.variant
        named = "" if self.variant == self.source_labels else self.variant
        return ", ".join(filter(None, (named, f"{self.source_labels} labels")))


class InceptionSettings(SettingsModel):
    """Where Inception's weights lie; without a path they are looked for in the torch hub cache."""

    path: UserPath | None = None
    sha256: str | None = None


class LPIPSSettings(SettingsModel):
    """The backbone of LPIPS and the file of its ImageNet weights."""

    path: UserPath
    net: Literal["alex", "vgg", "squeeze"] = "alex"


class ScoringSettings(SettingsModel):
    """How results are scored and reported.

    ``composition``: so many test images of each target are edited again and again: to the value that they have, and to
    another and back; 0 for none. ``figure_people``: of how many people translations are shown; 0 for images that may
    not be passed on. ``people``: of whom instead, by the names of their test images. ``reference``: the method that
    others are tested against in a report of many systems, as ``methods`` has it; the first one by default.
    ``embedder``: of faces, as ``package.module:function`` or an exported program; without it there is no identity
    score.
    """

    batch_size: PositiveInt = 250
    num_resamples: int = Field(1000, ge=1, le=100_000)
    composition: NonNegativeInt = 200
    figure_people: NonNegativeInt = 4
    people: tuple[str, ...] = ()
    correlated_above: float = Field(0.3, ge=0, le=1)
    reference: str | None = None
    inception: InceptionSettings = InceptionSettings()
    lpips: LPIPSSettings | None = None
    embedder: str | None = None

    @field_validator("people")
    @classmethod
    def _once(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        return _all_different(people)


class ExperimentSettings(SettingsModel):
    """What the paper's experiments are on the data of a config.

    ``levels``: a level of the paper -> the level that stands for it here; others stay as they are. ``budget``: the
    levels of the curve of figures against labels.
    """

    levels: dict[PositiveInt, PositiveInt] = Field(default_factory=dict)
    budget: tuple[Level, ...] = Field(("all", 1000, 500, 100, 30, 10), min_length=1)

    @field_validator("budget", mode="before")
    @classmethod
    def _levels(cls, levels: Any) -> Any:
        return _checked_levels(levels)

    def here(self, level: Level) -> Level:
        """The level that stands for one of the paper."""
        return self.levels.get(level, level) if isinstance(level, int) else level


class Settings(SettingsModel):
    """A study.

    ``workers``: jobs trained at once, by default as many as there is room for. ``threads``: those that torch computes
    with on the CPU in each job, however many jobs there are, so that the number of workers changes no figure.
    ``launcher``: on this machine, or a Ray cluster. ``items``: tables and figures of the paper that the study makes,
    set by ``--experiment``. ``changed``: what the command line changed of the config, for the report.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    study: str = Field(pattern=NAME)
    about: str = ""
    source: type[Source]
    data: SourceSettings
    methods: tuple[MethodEntry, ...]
    levels: tuple[Level, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)
    balanced: tuple[str, ...] = ()
    precision: Precision = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = Field(None, ge=1, le=_MOST_AT_ONCE)
    threads: int = Field(1, ge=1, le=_MOST_AT_ONCE)
    launcher: Literal["local", "ray"] = "local"
    experiments: ExperimentSettings = ExperimentSettings()
    items: tuple[str, ...] = ()
    judge: JudgeSettings = JudgeSettings()
    jury: JurySettings = JurySettings()
    scoring: ScoringSettings = ScoringSettings()
    notes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @field_validator("study")
    @classmethod
    def _no_folder_of_every_run(cls, study: str) -> str:
        try:
            check_study(study)
        except UserError as error:
            raise ValueError(str(error).removeprefix("study: ")) from error
        return study

    @field_validator("levels", mode="before")
    @classmethod
    def _levels(cls, levels: Any) -> Any:
        return _checked_levels(levels)

    @field_validator("levels", "seeds", "balanced")
    @classmethod
    def _once(cls, values: tuple) -> tuple:
        return _all_different(values)

    def levels_of(self, method: MethodEntry) -> tuple[Level, ...]:
        """The levels at which a method is trained."""
        return method.levels or self.levels

    def balanced_of(self, method: MethodEntry) -> tuple[str, ...]:
        """The attributes whose labels at ``all`` are balanced for a method."""
        return self.balanced if method.balanced is None else method.balanced


def _checked_levels(levels: Any) -> Any:
    for level in levels if isinstance(levels, (list, tuple)) else ():
        if level != "all" and (type(level) is not int or level < 1):
            raise ValueError(f"{shown(level)} is neither 'all' nor a number of labels from 1 on")
    return levels


def _all_different(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError(f"{', '.join(map(str, values))}: one is named twice")
    return values
