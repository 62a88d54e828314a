"""Says in words whether higher or lower values of metrics are better."""

from collections.abc import Iterable

from sgbench.metrics.spec import MetricSpec, Place


def in_a_sentence(title: str) -> str:
    """A title as it is written within a sentence: only abbreviations keep their capitals."""
    return title if title[1:2].isupper() or "-" in title[:4] else title[:1].lower() + title[1:]


def directions(columns: Iterable[tuple[MetricSpec, Place]]) -> str:
    """A sentence that says for each column whether higher or lower is better."""
    titles: dict[str, list[str]] = {"higher": [], "lower": [], "": []}
    for spec, place in columns:
        titles[spec.direction].append(in_a_sentence(place.title or spec.title))
    better = [
        f"of {_listed(names)} {way}" + (" is better" if number == 0 else "")
        for number, (way, names) in enumerate((w, titles[w]) for w in ("higher", "lower") if titles[w])
    ]
    neither = f"{_listed(titles[''])} {'are' if titles[''][1:] else 'is'} neither good nor bad" if titles[""] else ""
    return "; ".join(filter(None, (", ".join(better), neither)))


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
