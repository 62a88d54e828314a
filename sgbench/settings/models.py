"""A study's settings as frozen models that refuse unknown keys."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

from sgbench.data.levels import Level
from sgbench.data.source import Source, SourceSettings
from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JudgeSettings
from sgbench.methods.contract import Method, MethodSettings, SourceLabels
from sgbench.results.gallery import MOST_PEOPLE
from sgbench.results.records import CONTROLS
from sgbench.results.run_folder import check_study
from sgbench.support.errors import UserError, shown
from sgbench.support.names import NAME
from sgbench.support.settings_model import SettingsModel, UserPath
from sgbench.training.precision import WantedPrecision

_MOST_AT_ONCE = 1024
"""Of workers, and of threads."""


class MethodEntry(SettingsModel):
    """A method of the study: its name and variant in records, its class and that class's validated settings."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = Field(pattern=NAME)
    variant: str = Field(pattern=f"{NAME}|^$")
    cls: type[Method]
    settings: MethodSettings
    levels: tuple[Level, ...] | None = Field(None, min_length=1)
    """Its own labels per value; null for the study's."""
    balanced: tuple[str, ...] | None = None
    """Its own balanced attributes; null for the study's."""

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
        fields = type(self.settings).model_fields
        defaults = {name: fields[name].default for name in self.cls.at_test if name in fields}
        return {name: own for name, default in defaults.items() if (own := getattr(self.settings, name)) != default}

    @property
    def shown_variant(self) -> str:
        """The variant in records and tables; it says what of the method's use at test is not as usual."""
        told = [f"{self.source_labels} labels"] if "source_labels" in self.at_test else []
        others = {name: value for name, value in self.at_test.items() if name != "source_labels"}
        told += [
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in others.items()
        ]
        says_it = {self.source_labels, "".join(told).replace(" ", "")} if told else set()
        return ", ".join(filter(None, ("" if self.variant in says_it else self.variant, *told)))


class InceptionSettings(SettingsModel):
    """Where Inception's weights lie; without a path they are looked for in the torch hub cache."""

    path: UserPath | None = None
    """The file of weights; null to look in torch's hub cache."""
    sha256: str | None = None
    """Hash of weights other than those that torch-fidelity publishes, if they are meant."""


class LPIPSSettings(SettingsModel):
    """The backbone of LPIPS and the file of its ImageNet weights."""

    path: UserPath
    """The file of the backbone's ImageNet weights."""
    net: Literal["alex", "vgg", "squeeze"] = "alex"
    """The backbone."""


class ScoringSettings(SettingsModel):
    """How results are scored and reported."""

    batch_size: PositiveInt = 250
    """Images that are looked at together; it changes no figure."""
    num_resamples: int = Field(1000, ge=1, le=100_000)
    """Draws of a bootstrap or a permutation test."""
    composition: NonNegativeInt = 200
    """Test images of each target that are edited again and again, to the value that they have, and to another and back;
    0 for none."""
    figure_people: NonNegativeInt = 4
    """Of how many people translations are shown; 0 for images that may not be passed on."""
    gallery_people: int = Field(24, ge=0, le=MOST_PEOPLE)
    """Of how many people the page shows all results, one by one; of nobody where figure_people is 0."""
    people: tuple[str, ...] = ()
    """Who is in the figures instead, by the names of their test images."""
    correlated_above: float = Field(0.3, ge=0, le=1)
    """Phi coefficient above which two attributes are marked as correlated."""
    reference: str | None = None
    """The method that others are tested against in a report of many systems, as methods has it; null for the first."""
    inception: InceptionSettings = InceptionSettings()
    """Inception's weights, for its score, FID and KID."""
    lpips: LPIPSSettings | None = None
    """LPIPS, as {path: FILE of the backbone's ImageNet weights, net: alex, vgg or squeeze}; null for none."""
    embedder: str | None = None
    """Face embedding for the identity score, as package.module:function or an exported program; null for none."""
    metrics: tuple[str, ...] = ()
    """Metrics of one's own, each as package.module:NAME of its entry."""

    @field_validator("people")
    @classmethod
    def _once(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        return _all_different(people)


class ExperimentSettings(SettingsModel):
    """What the paper's experiments are on the data of a config."""

    levels: dict[PositiveInt, PositiveInt] = Field(default_factory=dict)
    """A level of the paper -> the level that stands for it here; others stay as they are."""
    budget: tuple[Level, ...] = Field(("all", 1000, 500, 100, 30, 10), min_length=1)
    """Levels of the curve of figures against labels."""

    @field_validator("budget", mode="before")
    @classmethod
    def _levels(cls, levels: Any) -> Any:
        return _checked_levels(levels)

    def here(self, level: Level) -> Level:
        """The level that stands for one of the paper."""
        return self.levels.get(level, level) if isinstance(level, int) else level


class Settings(SettingsModel):
    """A study."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    study: str = Field(pattern=NAME)
    """Name of the report's folder, to which the levels are added."""
    about: str = ""
    """What the study is, in a sentence."""
    cost: str = ""
    """What it costs, in a few words."""
    source: type[Source]
    data: SourceSettings
    """The images: class is faces (drawn), celeba, folder (a CSV of yours) or package.module:Class."""
    methods: tuple[MethodEntry, ...]
    """Methods by name, or name/variant, which has that name's settings but for its own; class is a module's name or
    package.module:Class, by default the name."""
    levels: tuple[Level, ...] = Field(min_length=1)
    """Labels per value that methods are given: numbers, or all."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)
    """Seeds of sparse labels and training; a training for each."""
    balanced: tuple[str, ...] = ()
    """Attributes whose labels at all are hidden until each value has as many."""
    precision: WantedPrecision = "float32"
    """What methods' networks compute in: float32, bfloat16, or auto: bfloat16 where the device has it in hardware."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train and score."""
    workers: int | None = Field(None, ge=1, le=_MOST_AT_ONCE)
    """Jobs trained at once; null for as many as there is room for."""
    threads: int = Field(1, ge=1, le=_MOST_AT_ONCE)
    """Threads that torch computes with on the CPU in each job, so that the number of workers changes no figure."""
    launcher: Literal["local", "ray"] = "local"
    """Train on this machine, or on a Ray cluster."""
    tensorboard: bool = False
    """Whether losses, rates and samples are written for TensorBoard."""
    experiments: ExperimentSettings = ExperimentSettings()
    """The paper's experiments on these data, for --experiment."""
    items: tuple[str, ...] = ()
    """Tables and figures of the paper that the study makes; set by --experiment."""
    judge: JudgeSettings = JudgeSettings()
    """The paper's judge, a ResNet-18."""
    jury: JurySettings = JurySettings()
    """The jury, whose verdicts are averaged."""
    scoring: ScoringSettings = ScoringSettings()
    """How results are scored and reported."""
    notes: tuple[str, ...] = ()
    """Sentences for the report on how these settings came about."""
    changed: tuple[str, ...] = ()
    """What the command line changed of the config, for the report; set by it."""

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
