"""Settings that were kept, by this version or an earlier one, made comparable with settings of now."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from sgbench.judges.training import floor_of
from sgbench.settings.models import Settings

_BESIDE = ("class", "levels", "balanced")
"""What a config has beside the settings of a class."""


def completed(kept: Mapping[str, Any], now: Settings) -> dict[str, Any]:
    """Kept settings with the defaults of those that the version which kept them did not have.

    Those that this version no longer has are left out. The keys of a mapping that users fill (``data.values``) are no
    settings: they stay as they were kept.

    Args:
        kept: as ``as_values`` gives them.
        now: says which settings there are.
    """
    made = _completed(kept, now)
    for key in ("judge", "jury"):
        if isinstance(judges := made.get(key), dict) and judges.get("floor") is None:
            judges["floor"] = floor_of(now.source.drawn)
    if isinstance(methods := kept.get("methods"), Mapping):
        known = {entry.key: entry.settings for entry in now.methods}
        made["methods"] = {key: _part(own, known.get(key)) for key, own in methods.items()}
    return made


def _completed(kept: Mapping[str, Any], model: BaseModel) -> dict[str, Any]:
    known = {key: kept[key] for key in kept if key in type(model).model_fields or key in _BESIDE}
    parts = {key: _part(value, getattr(model, key, None)) for key, value in known.items()}
    return {**parts, **{key: value for key, value in _defaults(model) if key not in parts}}


def _part(kept: Any, now: Any) -> Any:
    """A kept value; within it, each model is completed like the one that is there now."""
    if isinstance(kept, Mapping) and isinstance(now, BaseModel):
        return _completed(kept, now)
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        return {key: _part(value, now.get(key)) for key, value in kept.items()}
    return kept


def _defaults(model: BaseModel) -> Iterator[tuple[str, Any]]:
    """The default of each setting that has one, as it is kept."""
    for key, field in type(model).model_fields.items():
        if not field.is_required() and not field.exclude:
            plain = model.model_copy(update={key: field.get_default(call_default_factory=True)})
            yield key, plain.model_dump(mode="json", include={key})[key]
