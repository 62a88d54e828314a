"""A study's settings: YAML, overridden by the command line, as frozen models that refuse unknown keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError, field_validator

from sgbench.data.labels import Level
from sgbench.data.source import Source, SourceSettings
from sgbench.errors import UserError
from sgbench.features.judge import JudgeSettings
from sgbench.loading import METHOD_PACKAGES, SOURCE_PACKAGES, load_class
from sgbench.method import Method, MethodSettings

T = TypeVar("T", bound=BaseModel)

CONFIGS = Path(__file__).parent / "configs"


class MethodEntry(BaseModel):
    """A method of the study: its name and variant in records, its class and that class's validated settings."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    variant: str
    cls: type[Method]
    settings: MethodSettings

    @property
    def slug(self) -> str:
        """Name and variant, fit for a folder's name."""
        return f"{self.name}.{self.variant}" if self.variant else self.name


class ScoringSettings(BaseModel):
    """How results are scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: PositiveInt = 250
    num_resamples: PositiveInt = 1000
    figure_people: PositiveInt = 4
    correlated_above: float = Field(0.3, ge=0, le=1)


class Settings(BaseModel):
    """A study."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    study: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    source: type[Source]
    data: SourceSettings
    methods: tuple[MethodEntry, ...] = Field(min_length=1)
    levels: tuple[Level, ...] = Field(min_length=1)
    seeds: tuple[NonNegativeInt, ...] = Field((0,), min_length=1)
    balanced: tuple[str, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    judge: JudgeSettings = JudgeSettings()
    scoring: ScoringSettings = ScoringSettings()
    notes: tuple[str, ...] = ()

    @field_validator("levels")
    @classmethod
    def _positive(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        if any(level != "all" and level < 1 for level in levels):
            raise ValueError("a level is 'all' or a number of labels of at least 1")
        return levels


def find_config(name: str) -> Path:
    """A path, or the name of a config that comes with the package (``quick``, ``quick.yaml``).

    Raises:
        UserError: there is no such file.
    """
    for path in (Path(name), CONFIGS / name, CONFIGS / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
    raise UserError(f"--config {name}: no such file; the configs here are {known}")


def read_settings(path: Path, overrides: Mapping[str, Any], data_overrides: Mapping[str, Any]) -> Settings:
    """Read and validate a config.

    Args:
        overrides: top-level keys that replace the file's; ``methods`` is then a list of names of the file's methods.
        data_overrides: keys of ``data`` that are added to or replace the file's. Another ``class`` drops the file's
            keys that only its own class knows.

    Raises:
        UserError: names the file, the key and what is wrong with it.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path}: must be a mapping of settings, not {type(raw).__name__}")
    raw = {"study": path.stem} | raw
    wanted = overrides.get("methods")
    raw |= {key: value for key, value in overrides.items() if key != "methods"}
    source, data = _data(raw.pop("data", None) or {}, data_overrides, path)
    parts = {
        "source": source,
        "data": data,
        "methods": _methods(raw.pop("methods", None) or {}, wanted, path),
        "judge": _validated(JudgeSettings, raw.pop("judge", None) or {}, path, "judge"),
        "scoring": _validated(ScoringSettings, raw.pop("scoring", None) or {}, path, "scoring"),
    }
    return _validated(Settings, raw | parts, path, "")


def _data(raw: Any, overrides: Mapping[str, Any], path: Path) -> tuple[type[Source], SourceSettings]:
    if not isinstance(raw, dict):
        raise UserError(f"{path}: data must be a mapping of settings, not {raw!r}")
    raw = dict(raw)
    name = overrides.get("class", raw.pop("class", "faces"))
    source = load_class(name, Source, SOURCE_PACKAGES)
    if "class" in overrides:
        raw = {key: value for key, value in raw.items() if key in SourceSettings.model_fields and key != "num_test"}
    raw |= {key: value for key, value in overrides.items() if key != "class"}
    return source, _validated(source.Settings, raw, path, "data")


def _methods(raw: Any, wanted: list[str] | None, path: Path) -> tuple[MethodEntry, ...]:
    if not isinstance(raw, dict):
        raise UserError(f"{path}: methods must map names to settings")
    """Entries of the methods wanted; a key is ``method`` or ``method/variant``, of the class ``method`` by default."""
    names = list(raw) if wanted is None else wanted
    entries = []
    for name in names:
        own = dict(raw.get(name) or {})
        base, _, variant = name.partition("/")
        cls = load_class(own.pop("class", base), Method, METHOD_PACKAGES)
        short = base.partition(":")[2].lower() or base
        entries.append(
            MethodEntry(
                name=short, variant=variant, cls=cls, settings=_validated(cls.Settings, own, path, f"methods.{name}")
            )
        )
    if len({entry.slug for entry in entries}) < len(entries):
        raise UserError(f"--methods {','.join(names)}: one is named twice")
    return tuple(entries)


def _validated(model: type[T], raw: Any, path: Path, where: str) -> T:
    """A model of raw settings, or one line that names the file and the key."""
    prefix = f"{where}." if where else ""
    if not isinstance(raw, Mapping):
        raise UserError(f"{path}: {where} must be a mapping of settings, not {raw!r}")
    for key in raw:
        if key not in model.model_fields:
            raise UserError(f"{path}: unknown key {prefix}{key}; known are {', '.join(model.model_fields)}")
    try:
        return model(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = prefix + ".".join(str(part) for part in first["loc"])
        given = "" if first["type"] == "missing" else f", not {first['input']!r}"
        raise UserError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}{given}") from error
