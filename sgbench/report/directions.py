"""Which way metrics are better, in words."""

from collections.abc import Iterable

from sgbench.metrics.spec import MetricSpec, Place


def in_a_sentence(title: str) -> str:
    """A title as it stands within a sentence: abbreviations keep their capitals."""
    return title if title[1:2].isupper() or "-" in title[:4] else title[:1].lower() + title[1:]


def directions(columns: Iterable[tuple[MetricSpec, Place]]) -> str:
    """Which way each column is better, as a sentence."""
    titles: dict[str, list[str]] = {"higher": [], "lower": [], "": []}
    for spec, place in columns:
        titles[spec.direction].append(in_a_sentence(place.title or spec.title))
    better = [
        f"of {_listed(names)} {way}" + (" is better" if number == 0 else "")
        for number, (way, names) in enumerate((w, titles[w]) for w in ("higher", "lower") if titles[w])
    ]
    neither = f"{_listed(titles[''])} is neither good nor bad" if titles[""] else ""
    return "; ".join(filter(None, (", ".join(better), neither)))


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
