"""How pictures look: colours, and matplotlib's own settings.

The user's settings neither keep matplotlib from being imported nor reach our pictures. Pictures are drawn in
``own_style``. The process keeps the settings that it has, for it may be a notebook.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from sgbench.support.errors import UserError, summary

INK, MUTED, RULE = "#1f2328", "#6e7781", "#d8dee4"
COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c7b", "#0e7490", "#a16207", "#475569")
_PAPERS = ("sggan", "stargan", "residualgan")
"""Methods whose colours are the same in every report."""


def _import() -> None:
    """Import matplotlib again, without the backend that is not installed or the settings file that is broken.

    Raises:
        UserError: it cannot be imported without these either.
    """
    for half_made in [name for name in sys.modules if name.startswith("matplotlib.")]:
        del sys.modules[half_made]
    hidden = {name: os.environ.pop(name) for name in ("MPLBACKEND", "MATPLOTLIBRC") if name in os.environ}
    try:
        import matplotlib  # noqa: F401
    except Exception as error:  # whatever it raises of a file that it reads
        raise UserError(
            f"matplotlib cannot be imported: {summary(error)}; mend its settings, a file matplotlibrc in this folder "
            "or in ~/.config/matplotlib"
        ) from error
    finally:
        os.environ.update(hidden)


try:
    import matplotlib
except Exception:  # nobody in this process can have it under these settings
    _import()
    import matplotlib


@contextmanager
def own_style() -> Iterator[None]:
    """Context, or decorator, in which matplotlib has the settings that it comes with."""
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        yield


def method_colours(methods: Iterable[str]) -> Mapping[str, str]:
    """A colour for each method, which it has in all pictures of a report; after eight they come again.

    Args:
        methods: as in the records; the paper's have their colours whichever others are there.
    """
    others = [method for method in dict.fromkeys(methods) if method not in _PAPERS]
    return {method: COLOURS[place % len(COLOURS)] for place, method in enumerate((*_PAPERS, *others))}
