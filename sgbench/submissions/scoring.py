"""Scores submissions; results that are missing are left out and counted."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgbench.plan.study import Study
from sgbench.results.cost import Cost
from sgbench.results.origin import LOSSY, UNAPPLIED
from sgbench.results.records import NO_SEED
from sgbench.results.samples import write_samples
from sgbench.results.system_folder import SystemFolder
from sgbench.scoring.cost import measure_cost
from sgbench.scoring.kept import still_scored
from sgbench.scoring.systems import SystemScorer
from sgbench.submissions.naming import slug
from sgbench.submissions.results import Results
from sgbench.support.names import shortened

_MOST_BYTES = 200
"""Of a system's name without its hashes."""


def find_scored(study: Study, name: str, level: str, seed: int | None, results: Results) -> SystemFolder | None:
    """The system's folder of a submission that was scored before; None if it was not.

    Stored results and program files are identified by their bytes. The results of a function may depend on anything, so
    they are made and scored each time, and are identified by all that is scored or shown of them.

    Args:
        level: labels per value that the model was trained with, for the records; may be empty.
        seed: the seed that it was trained with, if it is known.
    """
    if not results.fingerprint:
        return None
    folder = _folder(study, name, level, seed, results.fingerprint)
    return folder if still_scored(folder, study.screen) else None


def score_results(scorer: SystemScorer, name: str, level: str, seed: int | None, results: Results) -> SystemFolder:
    """Score a submission; returns the system's folder, whose name has the fingerprint of the results.

    Args:
        level: labels per value that the model was trained with, for the records; may be empty.
        seed: the seed that it was trained with, if it is known.
    """
    study, requests = scorer.study, scorer.test.requests
    kept = [
        torch.cat([results.has(request.positions[rows], [group]) for group, rows in request.by_value()])
        for request in requests
    ]
    test, left_out = scorer.test.only(kept), tuple(int((~k).sum()) for k in kept)
    key = hashlib.sha256()

    def known(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Gives what ``make`` gives, which then is a part of the results' fingerprint."""

        def made(*given: Any) -> Tensor:
            results = make(*given)
            key.update(results.numpy().tobytes())
            return results

        return made

    label, translate = f"{name} {level}".strip(), known(results.translate)
    targets, gallery = scorer.targets(label, translate, test)
    chains = scorer.chains(label, results.edit and known(results.edit))
    samples = scorer.samples(translate, results.has)
    fingerprint = results.fingerprint or key.hexdigest()
    folder = _folder(study, name, level, seed, fingerprint)
    if results.edit is None:
        cost = Cost(None, None, None, None, "not run here")
    else:
        cost = measure_cost(results.translate, test.requests, None, None, study.device)
    about = {"given": results.given, "sha256": fingerprint}
    about |= {key: told for key, told in ((LOSSY, results.lossy), (UNAPPLIED, results.unapplied)) if told}
    with scorer.turns.alone_at(folder) as scored:
        if not scored:
            folder.write_cost(cost)
            write_samples(folder.samples_file, samples)
            seed = NO_SEED if seed is None else seed
            base = scorer.base_record(folder.name, name, "measured", level=level, seed=seed)
            scores = scorer.scores(base, test.requests, left_out, targets, chains)
            scorer.keep(folder, scores, gallery, **about)
    return folder


def label_of_submission(name: str, level: str, seed: int | None) -> str:
    """Method, level and seed of a submission, fit for a folder's name."""
    return shortened(slug(name, level, seed), _MOST_BYTES)


def _folder(study: Study, name: str, level: str, seed: int | None, fingerprint: str) -> SystemFolder:
    return study.runs.system(f"{label_of_submission(name, level, seed)}-{fingerprint[:8]}-{study.protocol.hash[:8]}")
