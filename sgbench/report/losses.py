"""The losses that a report shows: of jobs whose folders are still at hand."""

import pandas as pd

from sgbench.report.members import FEW
from sgbench.results.description import Description
from sgbench.results.run_folder import RunFolder
from sgbench.support.errors import BrokenFile


def losses_at_hand(description: Description, runs: RunFolder) -> dict[str, pd.DataFrame]:
    """Title and losses of each job that a report shows and that is still kept whole."""
    found = {}
    for name, title in _shown(description).items():
        try:
            found[title] = runs.job(name).losses()
        except BrokenFile:  # which verification and the next run say
            continue
    return found


def all_losses_at_hand(description: Description, runs: RunFolder) -> bool:
    """Whether none of the losses that a report shows is lost or broken."""
    return len(losses_at_hand(description, runs)) == len(set(_shown(description).values()))


def _shown(description: Description) -> dict[str, str]:
    """Folder and title of each job; of those of many systems the first few."""
    jobs = list(description.jobs.items())
    return dict(jobs[:FEW] if len(description.systems) > FEW else jobs)
