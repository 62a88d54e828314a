"""A page as JSON beside its report, so that the report can be made again from records, and checked."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from sgbench.atomic import write_text
from sgbench.report.layout import Layout
from sgbench.report.page import Page


def write_page(path: Path, page: Page) -> None:
    """Keep all that a page says besides its records."""
    plain = asdict(replace(page, comparisons=None, cost=None))
    plain["layout"]["correlated"] = sorted(page.layout.correlated)
    for name in ("comparisons", "cost"):
        frame = getattr(page, name)
        plain[name] = None if frame is None else frame.to_dict("list")
    write_text(path, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def read_page(path: Path) -> Page:
    """A page as ``write_page`` kept it.

    Raises:
        ValueError: not such a file; names it.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        layout = plain["layout"] | {"correlated": frozenset(map(tuple, plain["layout"]["correlated"]))}
        frames = {name: None if plain[name] is None else pd.DataFrame(plain[name]) for name in ("comparisons", "cost")}
        return Page(**plain | {"layout": Layout(**layout)} | frames)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the description of a report: {error}") from error
