"""matplotlib for the suite: the user's settings neither keep it from being imported nor reach our pictures.

Pictures are drawn in ``own_style``. The process keeps the settings that it has, for it may be a notebook.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sgbench.support.errors import UserError, summary


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
