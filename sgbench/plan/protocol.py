"""What a system is scored by: judges, a user's networks, the test set. Its hash is part of every system's folder."""

from dataclasses import dataclass
from pathlib import Path

from sgbench.features.embedding import load_embedder
from sgbench.features.weights import WeightsFile, checked, find_inception
from sgbench.judges.architectures import PAPERS, Architecture
from sgbench.judges.cache import judge_hash
from sgbench.judges.training import JudgeSettings
from sgbench.metrics.catalogue import METRICS
from sgbench.metrics.implementations import version_of
from sgbench.metrics.own import is_own
from sgbench.plan.plan import Plan
from sgbench.settings.models import ScoringSettings
from sgbench.support.hashing import hash_of_value

SCORING_VERSION = 6
"""Part of a protocol's hash: raised when the same system would get other records or other scores."""


@dataclass(frozen=True)
class UserFiles:
    """The files that a user gives for scoring.

    Attributes:
        inception: Inception's weights, or why there are none.
        lpips: the backbone's weights and their SHA-256; None without LPIPS.
        embedder: SHA-256 of the face embedding; None without one.
    """

    inception: WeightsFile
    lpips: tuple[Path, str] | None = None
    embedder: str | None = None


@dataclass(frozen=True)
class Seat:
    """A judge before it is trained.

    Attributes:
        key: hash of all that decides the judge.
    """

    architecture: Architecture
    settings: JudgeSettings
    key: str


@dataclass(frozen=True)
class Protocol:
    """What decides a system's records besides the system.

    Attributes:
        judges: the paper's ResNet-18, then the jury.
        hash: of everything.
    """

    files: UserFiles
    judges: tuple[Seat, ...]
    hash: str


def find_files(scoring: ScoringSettings) -> UserFiles:
    """The files that the settings name.

    Raises:
        UserError: one is missing, or not the one expected.
    """
    return UserFiles(
        find_inception(scoring.inception.path, scoring.inception.sha256),
        checked(scoring.lpips.path) if scoring.lpips else None,
        load_embedder(scoring.embedder).sha256 if scoring.embedder else None,
    )


def make_protocol(plan: Plan) -> Protocol:
    """The protocol of a study.

    Raises:
        UserError: a file that scoring needs is missing, or not the one expected.
    """
    settings, source = plan.settings, plan.source
    scoring, files = settings.scoring, find_files(settings.scoring)
    judges = tuple(
        Seat(architecture, trained, judge_hash(source, plan.train, trained, architecture))
        for architecture, trained in ((PAPERS, settings.judge), *settings.jury.seats())
    )
    of_chains = [spec.name for spec in METRICS.values() if spec.table == "chains" and not is_own(spec)]
    unused = () if scoring.composition else of_chains  # another's has a figure of single results too
    identity = {
        "version": SCORING_VERSION,
        "metrics": {name: version_of(spec) for name, spec in METRICS.items() if name not in unused},
        "judges": [seat.key for seat in judges],
        "floors": [settings.judge.floor, settings.jury.floor, settings.jury.gate],
        "source": source.fingerprint,
        "test": hash_of_value(plan.test.tolist()),
        "num_resamples": scoring.num_resamples,
        "people": list(scoring.people) or scoring.figure_people,
        "inception": files.inception.sha256,
        "lpips": [scoring.lpips.net, files.lpips[1]] if scoring.lpips and files.lpips else None,
        "embedder": files.embedder,
    }
    if scoring.composition:
        identity["composition"] = scoring.composition
    return Protocol(files, judges, hash_of_value(identity))
