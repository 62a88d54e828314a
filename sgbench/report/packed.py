"""Checks a reference that was packed from a study: its records are made again from the per-image scores beside them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sgbench.report.verification import Verification, differences, same_records
from sgbench.results.records import read_records, write_records
from sgbench.results.reference_folder import ReferenceFolder
from sgbench.results.scores import read_scores
from sgbench.scoring.figures import make_records
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.global_state import own_state


@own_state()
def verify_reference(reference: ReferenceFolder) -> Verification:
    """Make the records of each system again whose scores were packed, and compare them.

    Raises:
        UserError: no scores were packed, or a file cannot be read; the message names it.
    """
    systems = [system for system in reference.systems() if system.scores_file.exists()]
    if not systems:
        raise UserError(
            f"{reference.path}: a reference without per-image scores, of which its records could be made again; verify "
            "the study that it was packed from"
        )
    problems, number = [], 0
    with TemporaryDirectory() as name, torch_threads(LOOKING):
        made = Path(name) / systems[0].records_file.name
        for system in systems:
            try:
                number += len(read_records(system.records_file))
                write_records(made, make_records(read_scores(system.scores_file)))
            except (OSError, ValueError, IndexError, RuntimeError) as error:
                raise UserError(f"{system.path}: no records can be made again: {error}; pack it again") from error
            if not same_records(system.records_file, made):
                problems += differences(system.records_file, made)
    return Verification(number, len(systems), len(systems), tuple(problems))
