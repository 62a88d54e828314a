"""Tables as CSV: floats with 17 digits, so that reading gives back the same numbers; no text is a formula."""

from collections.abc import Callable

import pandas as pd

from sgbench.support.formulas import guarded, unguarded


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV with its columns' names."""
    return _texts(frame, guarded).to_csv(index=False, float_format="%.17g", lineterminator="\n")


def as_given(frame: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from such a CSV, with its texts as they were given."""
    return _texts(frame, unguarded)


def _texts(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The table with all texts changed; a text that stands in many rows is changed once."""
    changed = {}
    for name in frame.select_dtypes(exclude="number"):
        new = {text: change(text) for text in frame[name].unique() if isinstance(text, str)}
        if any(text != to for text, to in new.items()):
            changed[name] = frame[name].map(lambda value, new=new: new.get(value, value))
    return frame.assign(**changed)
