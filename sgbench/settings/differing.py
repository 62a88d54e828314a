"""How settings differ from those that they began as, and which notes still hold of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from sgbench.settings.writing import in_one_line

_OF_NO_NOTE = ("study", "about", "cost", "levels", "seeds", "balanced", "experiments", "items", "notes", "changed")
_OF_NO_NOTE += ("device", "workers", "threads", "launcher", "scoring.", "jury.size")
_OF_NO_NOTE += ("data.path", "data.allow_missing", "data.attributes", "data.num_test", "data.scored_on")
"""Settings, or what they begin with, that no note of a config speaks of."""
_TOLD_ELSEWHERE = ("study", "about", "cost", "levels", "seeds", "items", "notes", "changed", "device", "workers")
_TOLD_ELSEWHERE += ("threads", "launcher", "data.class", "data.path", "data.attributes", "scoring.inception")
"""Settings whose values a report gives anyway, or which change no figure."""
_METHODS = "methods."
_SHOWN = 6
NOT_GIVEN = "not given"
"""What stands for the value of a setting that only the other side has."""


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Each setting that is another one: its key, the value before, the value now; ``NOT_GIVEN`` where one has none.

    Of methods only those count that both have.
    """
    for name in [*before, *(name for name in now if name not in before)]:
        key, old, new = f"{prefix}{name}", before.get(name, NOT_GIVEN), now.get(name, NOT_GIVEN)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{key}.")
        elif prefix == _METHODS and not (name in before and name in now):
            continue
        elif old != new or (name in before) != (name in now):
            yield key, old, new


def changed(config: Mapping[str, Any], now: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What was changed on the command line, as a report tells it.

    Args:
        name: of the config.
    """
    other = ("data.",) if config["data"]["class"] != now["data"]["class"] else ()
    return tuple(
        f"{key}: {in_one_line(new)} ({in_one_line(old)} in {name})"
        for key, old, new in differences(config, now)
        if not (key.startswith((*_TOLD_ELSEWHERE, *other)) or _is_of_method(key, "levels"))
    )


def notes_that_hold(
    notes: tuple[str, ...], origin: Mapping[str, Any], now: Mapping[str, Any], name: str, other_data: bool
) -> tuple[str, ...]:
    """A config's notes; where they speak of other settings or data, a note that says so.

    Args:
        origin: the settings that the notes were written for.
        name: of the config that has them.
    """
    different = [
        key
        for key, _, _ in differences(origin, now)
        if not (key.startswith(_OF_NO_NOTE) or _is_of_method(key, "levels", "balanced"))
    ]
    different += [f"methods.{method}" for method in now["methods"] if method not in origin["methods"]]
    if not notes or not (different or other_data):
        return notes
    if other_data:
        size = origin["data"]["image_size"]
        made_for = f"{origin['data']['class']} at {size}x{size}"
        return (f"The settings are those of the config {name}, made for {made_for}; for these data nothing was tuned.",)
    more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
    told = f"{', '.join(different[:_SHOWN])}{more}"
    return (f"The settings are those of the config {name} but for {told}; so changed they were not tuned.",)


def _is_of_method(key: str, *names: str) -> bool:
    """Whether a key is one of these of a method."""
    return key.startswith(_METHODS) and key.rpartition(".")[2] in names
