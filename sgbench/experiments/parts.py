"""The studies of some experiments: the paper's list, on the data and with the settings of a config."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sgbench.data.levels import Level
from sgbench.experiments.paper import PARTS, Item, Part, Row, chosen_parts
from sgbench.settings.models import MethodEntry, Settings
from sgbench.support.errors import UserError


@dataclass(frozen=True)
class Filter:
    """What of the experiments is wanted; None for everything.

    Attributes:
        methods: as configs name them; ``sggan`` has its variants with it, ``sggan/none`` is one of them.
        levels: labels per value here, not the paper's.
    """

    methods: Sequence[str] | None = None
    levels: Sequence[Level] | None = None
    seeds: Sequence[int] | None = None


def part_settings(settings: Settings, names: Sequence[str], wanted: Filter) -> list[Settings]:
    """A study's settings for each part of some experiments.

    Args:
        settings: of the config: its data, the settings of methods, judges and scoring.
        names: the experiments.

    Raises:
        UserError: there is no such experiment, a method that it needs is not in the config, or nothing is left.
    """
    parts = chosen_parts(names)
    _check_methods(settings, parts, wanted.methods)
    seeds = _kept(settings.seeds, wanted.seeds)
    found = []
    for part in parts:
        entries = tuple(_entries(settings, part, wanted))
        if entries and seeds:
            changed = {
                "study": _study(settings.study, part, part in PARTS),
                "items": tuple(item.name for item in part.items),
                "data": settings.data.model_copy(update={"attributes": part.attributes}),
                "methods": entries,
                "seeds": seeds,
                "balanced": (),
            }
            found.append(settings.model_copy(update=changed))
    if not found:
        raise UserError(f"--experiment {','.join(names)}: no system is left by --methods, --sparse and --seeds")
    return found


def part_studies(study: str) -> list[str]:
    """The names of the studies of all parts, each with all of its items.

    Args:
        study: the config's.
    """
    return [_study(study, part, True) for part in PARTS]


def rows_of(settings: Settings, item: Item) -> tuple[Row, ...]:
    """The systems of an item, at the levels of the data at hand."""
    if not item.rows:
        methods = dict.fromkeys(entry.name for entry in settings.methods if not entry.variant)
        return tuple(Row(name, level) for name in methods for level in settings.experiments.budget)
    return tuple(replace(row, level=settings.experiments.here(row.level)) for row in item.rows)


def paper_levels(settings: Settings) -> dict[str, str]:
    """Level here -> the paper's level that it stands for in the items of a study; without those that are the same."""
    rows = [row for part in PARTS for item in part.items if item.name in settings.items for row in item.rows]
    here = {str(settings.experiments.here(row.level)): str(row.level) for row in rows}
    return {level: paper for level, paper in here.items() if level != paper}


def _entries(settings: Settings, part: Part, wanted: Filter) -> list[MethodEntry]:
    """The methods of a part, each with its levels in the order of the items."""
    entries: dict[str, MethodEntry] = {}
    levels: dict[str, dict[Level, None]] = {}
    for row in (row for item in part.items for row in rows_of(settings, item)):
        if _is_wanted(wanted.levels, row.level) and _is_wanted(wanted.methods, row.method, row.key):
            entry = _entry(settings, row)
            entries.setdefault(entry.key, entry)
            levels.setdefault(entry.key, {})[row.level] = None
    return [entry.model_copy(update={"levels": tuple(levels[key])}) for key, entry in entries.items()]


def _is_wanted(wanted: Sequence[object] | None, *names: object) -> bool:
    return wanted is None or any(name in wanted for name in names)


def _entry(settings: Settings, row: Row) -> MethodEntry:
    """The method of a row; a variant that changes none of the settings is the method itself."""
    plain = next(entry for entry in settings.methods if entry.key == row.method)
    known = plain.settings.model_dump()
    changed = known | dict(row.settings)
    variant = "" if row.settings and changed == known else row.variant
    update = {"variant": variant, "balanced": row.balanced, "settings": type(plain.settings)(**changed)}
    return plain.model_copy(update=update)


def _check_methods(settings: Settings, parts: Sequence[Part], wanted: Sequence[str] | None) -> None:
    """Refuse items whose methods the config has not, and methods that no item has."""
    rows = [row for part in parts for item in part.items for row in rows_of(settings, item)]
    known = dict.fromkeys(name for row in rows for name in (row.method, row.key))
    if unknown := [name for name in wanted or () if name not in known]:
        raise UserError(f"--methods: '{unknown[0]}' is in none of these experiments, which have {', '.join(known)}")
    here = dict.fromkeys(entry.key for entry in settings.methods)
    for row in rows:
        if row.method not in here and _is_wanted(wanted, row.method, row.key):
            raise UserError(
                f"--experiment: {row.method} is needed, and the config has only {', '.join(here)}; add it, or choose "
                "others with --methods"
            )


def _kept(seeds: tuple[int, ...], wanted: Sequence[int] | None) -> tuple[int, ...]:
    return seeds if wanted is None else tuple(seed for seed in seeds if seed in wanted)


def _study(name: str, part: Part, complete: bool) -> str:
    """A part with all of its items has a name of its own; another one that of its items."""
    return f"{name}-{part.name if complete else '-'.join(item.name for item in part.items)}"
